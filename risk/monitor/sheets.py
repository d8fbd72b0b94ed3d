"""Monitoring's panels as plain tables, for a shell and for Excel: titles, columns, rows.

A `Monitor` goes in, tables with Chinese and English names come out. Every figure of a panel is in
its table. Knows no file and no format.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from risk.labels.words import FPD_DAYS
from risk.monitor.panels import NOTES, Alert, Monitor, VariableRow
from risk.monitor.periods import local

Cell = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Sheet:
    """One table."""

    zh: str
    en: str
    columns: tuple[tuple[str, str], ...]
    """Chinese and English name of each."""
    rows: tuple[tuple[Cell, ...], ...]
    panel: str = ""
    """Which panel it is of."""


WORDS = {
    "period": "期间", "n": "样本量", "matured": "成熟样本", "bads": "坏样本", "bad_rate": "坏率",
    "auc": "AUC", "auc_low": "AUC 下限", "auc_high": "AUC 上限", "ks": "KS", "gini": "Gini",
    "estimated_auc": "预估 AUC", "estimated_ks": "预估 KS", "estimated_bad_rate": "预估坏率",
    "note": "备注", "band": "分段", "low": "下限", "high": "上限", "build_share": "建模占比",
    "share": "当前占比", "psi_part": "PSI 贡献", "build_bad_rate": "建模坏率", "lift": "提升度",
    "capture": "累计捕获", "approval": "通过率", "psi": "PSI", "floor_mean": "噪声均值",
    "floor_p99": "噪声 p99", "status": "状态", "name": "变量", "csi": "CSI", "missing": "缺失率",
    "missing_build": "建模缺失率", "sentinel": "特殊值率", "sentinel_build": "建模特殊值率",
    "unseen": "未见类别率", "mean": "均值", "mean_build": "建模均值", "contribution": "平均贡献",
    "contribution_shift": "贡献变化", "mean_pd": "预期坏率", "within": "在区间内",
    "cohort": "放款月", "accounts": "账户数", "view": "特征视图", "present": "有效",
    "stale": "过期",
    "age_p50_s": "年龄中位数（秒）", "age_p99_s": "年龄 p99（秒）", "checked": "重算笔数",
    "differing": "不一致笔数", "largest": "最大差异", "champion": "冠军通过",
    "challenger": "挑战者通过", "id": "编号", "raised_at": "时间", "signal": "信号",
    "colour": "颜色", "zh": "说明", "en": "explanation", "owner": "负责人",
    "acknowledgements": "确认与备注", "value": "数值", "limit": "界限", "version": "版本",
    "segment": "客群", "own": "本客群", "window": "窗口", "cell": "分箱", "csi_part": "CSI 贡献",
    "side": "类别", "approved": "其中通过", "of": "可比案件", "rate": "比率", "code": "代码",
    "verdict": "结论", "against": "推翻评分",
}  # fmt: skip
"""Chinese names of the panels' fields."""
STATUSES = {
    "too_few": "样本过少", "stable": "稳定", "moved": "轻微移动", "watch": "关注",
    "shifted": "漂移", "not_judged": "不判断", "all": "全部",
    "high_side": "高分拒绝", "low_side": "低分放行", "with_score": "与评分一致",
    "between": "评分中间段", "unscored": "无评分", "approve": "通过", "decline": "拒绝",
    "green": "绿", "amber": "黄", "red": "红", "grey": "灰",
}  # fmt: skip


PANELS = (
    "light", "quality", "bands", "stability", "variables", "calibration", "vintages", "vintages",
    "vintages", "consistency", "consistency", "challenger", "challenger", "overrides", "overrides",
    "alerts",
)  # fmt: skip
"""The panel of each table, in their order."""


def sheets(seen: Monitor) -> list[Sheet]:
    """Every panel as tables, in the order of the page."""
    told = zip(PANELS, _tables(seen), strict=True)
    return [replace(one, panel=panel) for panel, one in told]


def _tables(seen: Monitor) -> list[Sheet]:
    header = seen.header
    return [
        table("红绿灯", "Traffic light", header.light.signals),
        table("区分度", "Discrimination", seen.quality.rows),
        table("评分分布", "Score bands", seen.bands),
        table("稳定性", "Stability", (seen.stability.overall, *seen.stability.rows)),
        _variables(seen.variables, tuple(row.period for row in seen.quality.rows)),
        table("校准", "Calibration", seen.calibration),
        _vintages(seen),
        _rolls(seen),
        _first_payments(seen),
        table("线上线下", "Served against recomputed", (seen.consistency,), skip=("views",)),
        table("特征年龄", "Feature ages", seen.consistency.views),
        _challenger(seen),
        table("冠军挑战者置换", "Swap set", seen.challenger.swap),
        table("推翻评分", "Overrides", seen.overrides.rows),
        table("人工原因代码", "People's reason codes", seen.overrides.codes),
        _alerts(seen),
    ]


def header_lines(seen: Monitor) -> list[tuple[str, str, str]]:
    """The header as lines of Chinese, English and value."""
    header = seen.header
    quality = seen.quality
    past = "—"
    if quality.past_error_auc is not None:
        past = f"{quality.past_error_auc:.4f} ({quality.past_periods} periods)"
    return [
        ("模型", "model", f"{header.model} v{header.version} {header.alias}".strip()),
        ("客群", "segment", _segment(header.segment)),
        ("窗口", "window", f"{local(header.start)} – {local(header.end)}"),
        ("样本量", "decisions", f"{header.n:,}"),
        ("未由模型评分", "not scored by the model",
         f"评分卡 by scorecard {header.by_card:,}，无评分 unscored {header.unscored:,}"),
        *((("历史决策", "imported", f"{header.imported_zh} / {header.imported_en}"),)
          if header.imported else ()),
        ("成熟样本", "matured", f"{header.matured:,}（坏 bads {header.bads:,}）"),
        ("表现期", "followed", f"{header.window_days} days, bad: dpd ≥ {header.bad_dpd}"),
        ("参照", "reference", f"{header.reference_zh} / {header.reference}"),
        ("预估误差", "past error of the estimated AUC", past),
        ("红绿灯", "light", f"{STATUSES[header.light.colour]} {header.light.colour}"),
        ("原因", "reason", f"{header.light.zh} / {header.light.en}"),
        *((("不判断", "not judged", f"{header.light.doubts_zh} / {header.light.doubts_en}"),)
          if header.light.doubts_en else ()),
    ]  # fmt: skip


def table(zh: str, en: str, rows: Sequence[Any], skip: tuple[str, ...] = ()) -> Sheet:
    """Records as a table, a column each field but those to skip."""
    names = tuple(n for n in (rows[0].__struct_fields__ if rows else ()) if n not in skip)
    return Sheet(
        zh,
        en,
        tuple((WORDS.get(name, name), name) for name in names),
        tuple(tuple(_cell(getattr(row, name)) for name in names) for row in rows),
    )


def _cell(value: Any) -> Cell:
    if isinstance(value, str):
        if value in NOTES:
            return " ".join(NOTES[value])
        return f"{STATUSES[value]} {value}" if value in STATUSES else value
    if isinstance(value, dict | tuple):
        return msgspec.json.encode(value).decode()
    return value  # type: ignore[no-any-return]


def _variables(rows: tuple[VariableRow, ...], periods: tuple[str, ...]) -> Sheet:
    plain = table("变量稳定性", "Variables", rows, skip=("trend",))
    return Sheet(
        plain.zh,
        plain.en,
        (*plain.columns, *((f"CSI {period}", f"csi {period}") for period in periods)),
        tuple((*told, *row.trend) for told, row in zip(plain.rows, rows, strict=True)),
    )


def _vintages(seen: Monitor) -> Sheet:
    rows = seen.vintages.rows
    mobs = max((len(row.rates) for row in rows), default=0)
    return Sheet(
        f"账龄 DPD{seen.vintages.days}+",
        f"Vintages DPD{seen.vintages.days}+",
        (
            ("放款月", "cohort"),
            ("账户数", "accounts"),
            *((f"MOB{m}", f"mob {m}") for m in range(mobs)),
        ),
        tuple(
            (row.cohort, row.accounts, *row.rates, *([None] * (mobs - len(row.rates))))
            for row in rows
        ),
    )


def _rolls(seen: Monitor) -> Sheet:
    told = seen.vintages
    return Sheet(
        "滚动率",
        "Roll rates",
        (
            ("本月", "from"),
            ("账户月", "account-months"),
            *((f"→{b}", f"to {b}") for b in told.buckets),
        ),
        tuple(
            (bucket, sum(counts), *rates)
            for bucket, counts, rates in zip(
                told.buckets, told.roll_counts, told.roll_rates, strict=True
            )
            if sum(counts)
        ),
    )


def _first_payments(seen: Monitor) -> Sheet:
    names = tuple(f"FPD{days}" for days in FPD_DAYS)
    return Sheet(
        "首逾",
        "First payment default",
        (("放款月", "cohort"), ("账户数", "accounts"), *((name, name) for name in names)),
        tuple((row.cohort, row.accounts, *row.rates) for row in seen.vintages.first_payments),
    )


def _challenger(seen: Monitor) -> Sheet:
    told = seen.challenger
    note = "未设挑战者 no challenger" if told.note == "no_challenger" else _cell(told.note)
    version = None if told.version is None else f"v{told.version}"
    return Sheet(
        "冠军挑战者",
        "Champion against challenger",
        (("模型", "model"), ("样本量", "n"), ("成熟样本", "matured"), ("AUC", "auc"), ("KS", "ks"),
         ("通过率", "approval"), ("备注", "note")),
        (
            ("冠军 champion", told.n, told.matured, told.champion_auc, told.champion_ks,
             told.champion_approval, note),
            (f"挑战者 challenger {version or ''}".strip(), told.n, told.matured,
             told.challenger_auc, told.challenger_ks, told.challenger_approval, note),
        ),
    )  # fmt: skip


def _alerts(seen: Monitor) -> Sheet:
    """Alerts on the model, of any segment; those of the one that is looked at stand first."""
    names = ("id", "raised_at", "version", "own", "segment", "window", "signal", "colour",
             "zh", "en", "owner", "acknowledgements")  # fmt: skip
    return Sheet(
        "预警",
        "Alerts",
        tuple((WORDS[name], name) for name in names),
        tuple(_alert(one, own=one.segment == seen.header.segment) for one in seen.alerts),
    )


def _alert(one: Alert, *, own: bool) -> tuple[Cell, ...]:
    said = (
        f"{number}. {local(noted.at)} {noted.by}：{noted.note}"
        + (f" → {noted.owner}" * bool(noted.owner))
        for number, noted in enumerate(one.acknowledgements, start=1)
    )
    window = " – ".join(map(local, one.window))
    raised = local(one.raised_at)
    return (one.id, raised, one.version, own, _segment(one.segment), window, one.signal,
            _cell(one.colour), one.zh, one.en, one.owner, "\n".join(said))  # fmt: skip


def _segment(facts: dict[str, str]) -> str:
    return ", ".join(f"{fact}={value}" for fact, value in facts.items()) or "全部 all"


def widths(sheet: Sheet) -> list[int]:
    """A width for each column: of its longest text, within reason; a Chinese sign takes two."""
    columns = [[zh, *(str(row[place]) for row in sheet.rows if isinstance(row[place], str))]
               for place, (zh, _) in enumerate(sheet.columns)]  # fmt: skip
    return [min(60, max(10, *(_width(text) + 2 for text in texts))) for texts in columns]


def _width(text: str) -> int:
    return sum(2 if ord(sign) > 0x2E80 else 1 for sign in text)
