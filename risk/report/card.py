"""The four sheets of a scorecard: selection, bins, parameters, and the card itself.

A card and how it came about come in, plain tables go out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from risk.report.record import Cell, Chart, Heading, Sheet, Table
from risk.scaling import points_per_log_odds
from risk.scorecard.binning import Binned
from risk.scorecard.learning import LearnedCard
from risk.scorecard.side_by_side import Side

BIN_HEADINGS = (
    Heading("变量", "Variable"),
    Heading("分箱", "Bin"),
    Heading("样本数", "Rows", "count"),
    Heading("占比", "Share", "percent"),
    Heading("好", "Good", "count"),
    Heading("坏", "Bad", "count"),
    Heading("坏账率", "Bad rate", "percent"),
    Heading("WOE", "", "number"),
    Heading("IV", "", "number"),
    Heading("手工", "By hand"),
)


def card_sheets(side: Side) -> tuple[Sheet, ...]:
    """变量筛选, 分箱明细, 模型参数, 评分卡."""
    learned = side.learned
    return (_selection(side), _bins(learned), _parameters(learned), _card(learned))


def _selection(side: Side) -> Sheet:
    spec, learned = side.teaching.spec, side.learned
    headings = (
        Heading("变量", "Variable"),
        Heading("IV", "", "number"),
        Heading("IV 等级", "Band"),
        Heading("缺失率", "Missing", "percent"),
        Heading("单一值占比", "Mode", "percent"),
        Heading("PSI", "", "number"),
        Heading("入模", "Kept"),
        Heading("剔除原因", "Reason (zh)"),
        Heading("", "Reason (en)"),
    )
    rows = tuple(
        (
            row.name,
            row.iv,
            row.band,
            row.missing_share,
            row.mode_share,
            row.psi,
            "否 no" if row.dropped else "是 yes",
            row.dropped.zh,
            row.dropped.en,
        )
        for row in learned.screened
    )
    notes = [
        f"阈值 Limits: IV ≥ {spec.iv_min:g}；缺失率 missing ≤ {spec.missing_max:g}；单一值 mode ≤"
        f" {spec.mode_max:g}；WOE 相关性 correlation ≤ {spec.correlation_max:g}；PSI ≤"
        f" {spec.psi_max:g}；p ≤ {spec.p_max:g}；VIF ≤ {spec.vif_max:g}；系数为正 coefficient > 0",
        f"入模 {len(learned.entered)} / {len(rows)} kept",
    ]
    if all(row.psi is None for row in learned.screened):
        notes.append(
            "稳定性筛选不可用：没有更晚的验证样本。No later part: stability was not screened."
        )
    return Sheet("变量筛选", "Selection", tuple(notes), (Table("变量 Variables", headings, rows),))


def _bins(learned: LearnedCard) -> Sheet:
    chart = Chart("bars", "", 1, (3,), (6,))
    tables = []
    for name in learned.entered:
        one = learned.binned[name]
        title = f"{name}  IV {one.iv.sum():.4f}"
        pictured = Chart(chart.kind, name, chart.x, chart.y, chart.over)
        tables.append(Table(title, BIN_HEADINGS, _bin_rows(one), (pictured,)))
    others = [row.name for row in learned.screened if row.name not in learned.entered]
    left = tuple(row for name in others for row in _bin_rows(learned.binned[name]))
    if left:
        tables.append(Table("未入模变量 Variables not kept", BIN_HEADINGS, left))
    notes = (
        f"WOE = {learned.card.woe_sign}：越大越差。样本过少的缺失、特殊值箱取 0。"
        "The greater, the riskier; 0 where a missing or special bin has too few rows.",
        *_one_sided(learned.binned),
    )
    return Sheet("分箱明细", "Bins", notes, tuple(tables))


def _one_sided(binned: Mapping[str, Binned]) -> tuple[str, ...]:
    """Which bins hold bads alone, or goods alone, so that their WOE was smoothed."""
    told = [
        f"{one.name} {label}"
        for one in binned.values()
        for label, alone, woe in zip(one.bins.labels(), one.one_sided, one.woe, strict=True)
        if alone and woe
    ]
    if not told:
        return ()
    return (
        f"仅含好或仅含坏的箱，好坏各加半个样本：{'；'.join(told)}。"
        "Bins of one outcome alone: half a row of each is added.",
    )


def _bin_rows(one: Binned) -> tuple[tuple[Cell, ...], ...]:
    total = int(one.rows.sum())
    return tuple(
        (
            one.name,
            label,
            int(one.rows[place]),
            float(one.rows[place] / total),
            int(one.goods[place]),
            int(one.bads[place]),
            float(one.bad_rate[place]) if one.rows[place] else None,
            float(one.woe[place]),
            float(one.iv[place]),
            "是 yes" if one.by_hand else "",
        )
        for place, label in enumerate(one.bins.labels())
    )


def _parameters(learned: LearnedCard) -> Sheet:
    fitted, card = learned.fitted, learned.card
    headings = (
        Heading("变量", "Variable"),
        Heading("系数", "Coefficient", "number"),
        Heading("标准误", "SE", "number"),
        Heading("z", "", "number"),
        Heading("p 值", "p", "small"),
        Heading("VIF", "", "points"),
    )
    values = [fitted.intercept, *fitted.coefficients.tolist()]
    inflation: list[Cell] = [None, *learned.vif.tolist()]
    rows = tuple(
        (name, value, error, value / error, p_value, inflated)
        for name, value, error, p_value, inflated in zip(
            ("截距 intercept", *learned.entered),
            values,
            fitted.errors.tolist(),
            fitted.p_values.tolist(),
            inflation,
            strict=True,
        )
    )
    scaling = card.scaling
    factor = points_per_log_odds(scaling)
    line = learned.line
    scale = (
        ("基准分 base points", scaling.base_points),
        ("基准好坏比 base odds (good:bad)", scaling.base_odds),
        ("PDO", scaling.pdo),
        ("因子 factor = PDO / ln 2", factor),
        ("补偿 offset", scaling.base_points - factor * math.log(scaling.base_odds)),
        ("校准斜率 calibration slope", 1.0 if line is None else line.slope),
        ("校准截距 calibration intercept", 0.0 if line is None else line.intercept),
    )
    notes = (
        f"逻辑回归，最大似然，无惩罚；WOE = {card.woe_sign}，系数应为正。"
        "Logistic regression without penalty; coefficients of the log-odds of being bad.",
        "分数 points = offset − factor × (calibrated log-odds of bad)",
    )
    return Sheet(
        "模型参数",
        "Parameters",
        notes,
        (
            Table("回归 Regression", headings, rows),
            Table("刻度 Scale", (Heading("项", "Item"), Heading("值", "Value", "number")), scale),
        ),
    )


def _card(learned: LearnedCard) -> Sheet:
    card = learned.card
    headings = (
        Heading("变量", "Variable"),
        Heading("分箱", "Bin"),
        Heading("WOE", "", "number"),
        Heading("系数", "Coefficient", "number"),
        Heading("分值", "Points", "points"),
    )
    base: tuple[Cell, ...] = ("基础分 base points", "", None, None, card.base_points)
    rows = tuple(
        (one.name, label, woe, one.coefficient, value)
        for one in card.variables
        for label, woe, value in zip(one.bins.labels(), one.woe, one.points, strict=True)
    )
    lowest = card.base_points + sum(min(one.points) for one in card.variables)
    highest = card.base_points + sum(max(one.points) for one in card.variables)
    notes = (
        "总分 = 基础分 + 各变量所在分箱的分值。Score = base points + the points of each bin.",
        f"分数范围 Range: {lowest:.{card.decimals}f} – {highest:.{card.decimals}f}",
    )
    return Sheet("评分卡", "Scorecard", notes, (Table("评分卡 Card", headings, (base, *rows)),))
