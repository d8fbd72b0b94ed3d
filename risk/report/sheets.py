"""What a Chinese risk team expects to find of a model: nine sheets, out of one training.

Rows, both scorers and their honest scores come in; plain tables go out. What was not measured says
so in words. Knows no file format.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from finmodel.gate import LATENCY
from finmodel.manifest import Verdict
from finmodel.metrics import calibration_table
from finmodel.records import Float64s, Int64s
from risk.frames.frame import TrainingFrame, aside_of
from risk.frames.split import Parts
from risk.gate_words import check_name, conclusion, needs
from risk.labels.rule import LabelRule
from risk.learning import Judged, Learned
from risk.recipe import Recipe
from risk.report.card import card_sheets
from risk.report.record import Cell, Chart, Heading, Report, Sheet, Table
from risk.report.scores import band_edges, curve, score_bands
from risk.scaling import points_many, probability
from risk.scorecard.bins import place
from risk.scorecard.card import log_odds_of, points_of
from risk.scorecard.columns import columns_of
from risk.scorecard.export import sql_query
from risk.scorecard.selection import psi
from risk.scorecard.side_by_side import SQL_TABLE, Side, named

NO_LATER = (
    "跨期样本不可用：全部样本为同一观察时点。Out-of-time: not available, all rows have one time."
)
NO_CARD = (
    "配方中没有 scorecard 段，未训练评分卡。The recipe has no `scorecard`: no card was trained."
)
ASIDE = (
    "不确定样本未参与训练，不计入占比与坏账率。"
    "The indeterminate taught nothing and count in no share and no rate."
)
TREES, CARD = "LightGBM", "评分卡 Scorecard"
FIGURES = {
    "auc": "AUC",
    "gini": "Gini",
    "ks": "KS",
    "brier": "Brier",
    "calibration_slope": "校准斜率 calibration slope",
    "calibration_intercept": "校准截距 calibration intercept",
}


@dataclass(frozen=True, slots=True, eq=False)
class Development:
    """Everything that a report is made of."""

    recipe: Recipe
    frame: TrainingFrame
    parts: Parts
    learned: Learned
    """The trees."""
    judged: Judged
    """What they are worth."""
    side: Side | None
    judged_side: Judged | None
    verdict: Verdict | None = None
    """What the gate said."""


def report_of(development: Development) -> Report:
    """The report of one training."""
    side = development.side
    if side is None:
        empty = {"变量筛选": "Selection", "分箱明细": "Bins", "模型参数": "Parameters"}
        of_card = tuple(
            Sheet(zh, en, (NO_CARD,)) for zh, en in (*empty.items(), ("评分卡", "Card"))
        )
        deployment = Sheet("部署 SQL", "Deployment SQL", (NO_CARD,))
    else:
        of_card = card_sheets(side)
        deployment = _deployment(side)
    return Report(
        name=development.recipe.name,
        sheets=(
            _sample(development),
            *of_card,
            _performance(development),
            _distribution(development),
            _stability(development),
            deployment,
        ),
    )


def _sample(of: Development) -> Sheet:
    recipe, frame, parts = of.recipe, of.frame, of.parts
    named = [
        ("训练 train", parts.train),
        ("验证 valid", parts.valid),
        ("跨期 out-of-time", parts.oot),
    ]
    rows = [_part(frame, name, places) for name, places in named if places.size]
    rows.append(_part(frame, "全部 all", np.arange(len(frame))))
    headings = (
        Heading("样本", "Part"),
        Heading("样本数", "Rows", "count"),
        Heading("好", "Good", "count"),
        Heading("坏", "Bad", "count"),
        Heading("坏账率", "Bad rate", "percent"),
        Heading("最早", "First, UTC"),
        Heading("最晚", "Last, UTC"),
    )
    notes = [
        f"模型 Model: {recipe.name}；{recipe.card}卡；决策点 {recipe.decision_point}",
        f"数据 Data: {frame.service or frame.where}；SHA-256 {frame.data_hash}",
        f"标签 Label: {_label(recipe.label)}；特征 features: {len(frame.names)}",
        f"评估样本 Judged on: {of.judged.sample}",
    ]
    notes += [] if parts.by_time else [NO_LATER]
    return Sheet("样本概况", "Sample", tuple(notes), (Table("样本 Rows", headings, tuple(rows)),))


def _label(label: str | LabelRule) -> str:
    """What is bad: a column of the table, or a rule in its recipe's own words."""
    if isinstance(label, str):
        return f"{label}，1 为坏 1 is bad"
    told = [
        f"坏 bad: {label.bad}",
        f"观察点 observation: {label.observation}",
        f"表现期 window: {label.window} 个月 months",
    ]
    told += [f"不确定 indeterminate: {label.indeterminate}"] if label.indeterminate else []
    told += [f"剔除 excluded: {', '.join(label.exclude)}"] if label.exclude else []
    return "；".join(told)


def _part(frame: TrainingFrame, name: str, rows: Int64s) -> tuple[Cell, ...]:
    bads = int(frame.labels[rows].sum())
    first: Cell = None
    last: Cell = None
    if frame.times is not None:
        times = frame.times[rows].astype("datetime64[D]")
        first, last = str(times.min()), str(times.max())
    return (name, len(rows), len(rows) - bads, bads, bads / len(rows), first, last)


def _performance(of: Development) -> Sheet:
    labels = of.frame.labels[of.judged.rows]
    both = _scored(of)
    figures = [named(judged.figures) for _, judged in both]
    headings = (Heading("指标", "Figure"), *(Heading(who, "", "number") for who, _ in both))
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (FIGURES[name], *(one[name] for one in figures)) for name in figures[0]
    )
    tables = [Table(f"{of.judged.sample}", headings, rows)]
    for who, judged in both:
        tables.append(curve(who, labels, judged.log_odds))
        tables.append(_calibration(who, labels, probability(judged.of_sample)))
    if of.verdict is not None:
        tables.append(_gate(of.verdict))
    note = "两个模型由相同的样本评估。Both scorers are judged on the same rows."
    return Sheet("模型表现", "Performance", (note,), tuple(tables))


def _gate(verdict: Verdict) -> Table:
    """Each check of model and scorecard; but how fast it is, which is another each time."""
    headings = (
        Heading("检查项", "Check"),
        Heading("结果", "Value", "number"),
        Heading("门槛", "Threshold"),
        Heading("结论", "Verdict"),
    )
    rows = tuple(
        (f"{check_name(one.name)} {one.name}", one.value, needs(one.needs), conclusion(one))
        for one in verdict.checks
        if one.name != LATENCY
    )
    return Table("门控 Gate", headings, rows)


def _calibration(who: str, labels: Float64s, pds: Float64s) -> Table:
    headings = (
        Heading("组", "Group", "count"),
        Heading("样本数", "Rows", "count"),
        Heading("预测违约率", "Mean PD", "percent"),
        Heading("实际坏账率", "Bad rate", "percent"),
    )
    rows = tuple(
        (number, one.count, one.mean_pd, one.bad_rate)
        for number, one in enumerate(calibration_table(labels, pds), 1)
    )
    chart = Chart("lines", f"{who} 校准 Calibration", 0, (2, 3))
    return Table(f"{who} 校准 Calibration", headings, rows, (chart,))


def _distribution(of: Development) -> Sheet:
    labels, scaling = of.frame.labels[of.judged.rows], of.recipe.scaling
    aside = _aside(of)
    tables = tuple(
        score_bands(
            who,
            labels,
            points_many(judged.log_odds, scaling),
            None if aside is None else points_many(aside[who], scaling),
        )
        for who, judged in _scored(of)
    )
    note = (
        f"{scaling.base_points:g} 分对应好坏比 {scaling.base_odds:g}:1，好坏比每翻一倍加"
        f" {scaling.pdo:g} 分。{scaling.base_points:g} points at good:bad {scaling.base_odds:g}:1,"
        f" {scaling.pdo:g} more each time the odds double."
    )
    notes = (note, f"评估样本 Judged on: {of.judged.sample}")
    return Sheet("评分分布", "Score bands", notes if aside is None else (*notes, ASIDE), tables)


def _aside(of: Development) -> dict[str, Float64s] | None:
    """Log-odds of the indeterminate by who scored, of the time that the judged rows are of."""
    rows = aside_of(of.frame)
    if rows is None:
        return None
    there = np.arange(len(rows))
    if of.judged.out_of_time and of.frame.times is not None:
        assert rows.times is not None
        there = np.flatnonzero(rows.times >= of.frame.times[of.judged.rows].min())
    found = {TREES: of.learned.log_odds(rows, there)}
    if of.side is not None:
        card = of.side.learned
        found[CARD] = log_odds_of(card.card, columns_of(rows, card.entered, there))
    return found


def _stability(of: Development) -> Sheet:
    spread = _spread(of)
    parts, side = of.parts, of.side
    if not parts.by_time:
        return Sheet("稳定性", "Stability", (NO_LATER,), spread)
    if side is None:
        return Sheet("稳定性", "Stability", (NO_CARD,), spread)
    note = (
        "PSI：训练分箱上的占比变化，<0.1 稳定，0.1–0.25 关注，>0.25 显著变化。"
        "PSI over the bins of training; below 0.1 steady, above 0.25 it moved."
    )
    headings = (
        Heading("变量", "Variable"),
        Heading("训练→验证", "Train → valid", "number"),
        Heading("训练→跨期", "Train → out-of-time", "number"),
    )
    score: tuple[Cell, ...] = ("总分 score", *_score_moved(of.frame, parts, side))
    rows = tuple(_moved(of.frame, parts, side, name) for name in side.learned.entered)
    table = Table("总分与变量 PSI Score and variables", headings, (score, *rows))
    return Sheet("稳定性", "Stability", (note,), (table, *spread))


def _score_moved(frame: TrainingFrame, parts: Parts, side: Side) -> list[float]:
    """PSI of the card's points, over the tenths of the training part."""
    learned = side.learned
    train, *later = (
        points_of(learned.card, columns_of(frame, learned.entered, rows))
        for rows in (parts.train, parts.valid, parts.oot)
    )
    edges = band_edges(train)
    counts = [
        np.bincount(np.searchsorted(edges, points, side="right"), minlength=len(edges) + 1)
        for points in (train, *later)
    ]
    return [psi(counts[0], count) for count in counts[1:]]


def _moved(frame: TrainingFrame, parts: Parts, side: Side, name: str) -> tuple[Cell, ...]:
    one = side.learned.binned[name]
    counts = [
        np.bincount(place(one.bins, columns_of(frame, [name], rows)[name]), minlength=len(one.bins))
        for rows in (parts.valid, parts.oot)
    ]
    return (name, *(psi(one.rows, later) for later in counts))


def _spread(of: Development) -> tuple[Table, ...]:
    """How far the figures of the folds lie apart; one part alone has no spread."""
    if of.judged.out_of_time:
        return ()
    headings = (
        Heading("模型", "Model"),
        Heading("AUC 均值", "Mean", "number"),
        Heading("AUC 标准差", "SD", "number"),
        Heading("KS 均值", "Mean", "number"),
        Heading("KS 标准差", "SD", "number"),
    )
    rows = tuple(
        (who, one.figures.auc, one.spread.auc, one.figures.ks, one.spread.ks)
        for who, one in _scored(of)
    )
    return (Table(f"折间波动 Between folds ({of.judged.sample})", headings, rows),)


def _deployment(side: Side) -> Sheet:
    note = (
        "PostgreSQL 与 DuckDB 可直接运行；把表名换成自己的。变量按单精度（REAL）比较，与模型一致。"
        "Runs on PostgreSQL and DuckDB; put your own table's name. Values compare as REAL."
    )
    return Sheet(
        "部署 SQL", "Deployment SQL", (note,), text=sql_query(side.learned.card, SQL_TABLE)
    )


def _scored(of: Development) -> list[tuple[str, Judged]]:
    """Who scored, and what was found on rows that it did not see; the card first."""
    both = [(TREES, of.judged)]
    if of.judged_side is not None:
        both.insert(0, (CARD, of.judged_side))
    return both
