"""A marketing version's report as sheets of a workbook: what its rows showed, decile by decile.

What was kept with the version comes in, a report goes out that workbook and page are drawn from.
Pure: nothing is computed again but sums.
"""

from __future__ import annotations

from collections.abc import Sequence

from marketing.report import Bounded, MarketingReport, UpliftReport
from risk.report.record import Cell, Chart, Heading, Report, Sheet, Table

_PARTS = {"train": "训练 train", "valid": "验证 valid", "oot": "跨期 oot", "purged": "剔除 purged"}
_INTERVAL = (Heading("下限", "Low", "number"), Heading("上限", "High", "number"))


def sheets_of(name: str, told: MarketingReport) -> Report:
    """The report of one version."""
    sheets = [_sample(told), _performance(told), _variables(told)]
    if told.uplift:
        sheets += [_uplift(told), _balance(told)]
    return Report(name, tuple(sheets))


def _sample(told: MarketingReport) -> Sheet:
    headings = (
        Heading("样本", "Part"),
        Heading("行数", "Rows", "count"),
        Heading("响应率", "Response", "percent"),
    )
    rows = tuple(
        (_PARTS.get(part, part), count, told.response_rate.get(part))
        for part, count in told.rows.items()
    )
    label = (told.label.get("zh", ""), told.label.get("en", ""))
    notes = tuple(one for one in (*label, told.sample, *told.notes) if one)
    return Sheet("样本概况", "Sample", notes, (Table("样本 Parts", headings, rows),))


def _performance(told: MarketingReport) -> Sheet:
    headings = (
        Heading("十分位", "Decile", "count"),
        Heading("行数", "Rows", "count"),
        Heading("平均预测", "Mean score", "percent"),
        Heading("响应率", "Response", "percent"),
        Heading("提升度", "Lift", "number"),
        Heading("累计捕获", "Captured", "percent"),
    )
    rows = tuple(
        (place, one.rows, one.mean_score, one.response, one.lift, one.captured)
        for place, one in enumerate(told.deciles, start=1)
    )
    chart = Chart("bars", "响应率与平均预测 Response and mean score", 0, (3,), (2,))
    table = Table("十分位，最高在前 Deciles, the highest first", headings, rows, (chart,))
    notes = ("概率与响应均为实验组的 Scores and responses are of the treated",)
    return Sheet("模型表现", "Performance", notes if told.uplift else (), (table,))


def _variables(told: MarketingReport) -> Sheet:
    headings = (Heading("变量", "Variable"), Heading("平均绝对贡献占比", "Share", "percent"))
    rows: tuple[tuple[Cell, ...], ...] = tuple(told.importance.items())
    chart = Chart("bars", "贡献 Contributions", 0, (1,))
    return Sheet("变量贡献", "Variables", (), (Table("前十 The ten", headings, rows, (chart,)),))


def _uplift(told: MarketingReport) -> Sheet:
    chosen = tuple((kind, qini) for kind, qini in told.chosen_by.items())
    headings = (Heading("学习器", "Learner"), Heading("验证 Qini", "Qini valid", "number"))
    tables = [Table(f"所选 Chosen: {told.learner}", headings, chosen)]
    for one in told.uplift:
        tables += [_figures(one), _tenths(one), _curve(one)]
    return Sheet("增量", "Uplift", (), tuple(tables))


def _figures(one: UpliftReport) -> Table:
    headings = (Heading("指标", "Figure"), Heading("数值", "Value", "number"), *_INTERVAL)
    rows = tuple((name, *_bounded(figure)) for name, figure in one.figures.items())
    return Table(f"{one.treatment}：95 % 区间 intervals", headings, rows)


def _tenths(one: UpliftReport) -> Table:
    headings = (
        Heading("十分位", "Decile", "count"),
        Heading("实验组", "Treated", "count"),
        Heading("对照组", "Control", "count"),
        Heading("实验组响应率", "Treated rate", "percent"),
        Heading("对照组响应率", "Control rate", "percent"),
    )
    rows = tuple(
        (place, tenth.treated, tenth.control, tenth.response_treated, tenth.response_control)
        for place, tenth in enumerate(one.deciles, start=1)
    )
    chart = Chart("bars", f"{one.treatment}：响应率 Response", 0, (3, 4))
    return Table(f"{one.treatment}：十分位 Deciles", headings, rows, (chart,))


def _curve(one: UpliftReport) -> Table:
    headings = (
        Heading("触达比例", "Addressed", "percent"),
        Heading("Qini", "Qini", "number"),
        Heading("随机", "Random", "number"),
    )
    last = one.qini[-1] if one.qini else 0.0
    pairs: Sequence[tuple[float, float]] = tuple(zip(one.share, one.qini, strict=True))
    rows = tuple((share, qini, share * last) for share, qini in pairs)
    chart = Chart("curve", f"{one.treatment}：Qini", 0, (1, 2))
    return Table(f"{one.treatment}：曲线 Curve", headings, rows, (chart,))


def _balance(told: MarketingReport) -> Sheet:
    headings = (
        Heading("变量", "Variable"),
        Heading("标准差差异", "Standardised difference", "number"),
        Heading("超出偶然", "Beyond chance"),
    )
    rows = tuple((one.name, one.sds, "是 yes" if one.alarm else "") for one in told.balance)
    return Sheet(
        "平衡性", "Balance", (), (Table("处理前差异 Before the treatment", headings, rows),)
    )


def _bounded(figure: Bounded) -> tuple[Cell, Cell, Cell]:
    return figure.value, figure.low, figure.high
