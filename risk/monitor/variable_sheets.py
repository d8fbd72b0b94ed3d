"""One variable as plain tables, for Excel: its cells at build and now, and its CSI by period.

A `Monitor` and the variable's cells go in, tables come out, as `risk.monitor.sheets` makes them of
the panels. Every bar of the page's dialog is a row. Knows no file and no format.
"""

from __future__ import annotations

from risk.monitor.panels import Monitor
from risk.monitor.points import VariableCell, VariableCells
from risk.monitor.sheets import WORDS, Sheet, table

_KINDS = {"category": "类别 category", "unseen": "未见类别 unseen", "missing": "缺失 missing",
          "sentinel": "特殊值 sentinel"}  # fmt: skip


def variable_sheets(
    seen: Monitor, variable: VariableCells, periods: tuple[str, ...]
) -> list[Sheet]:
    """One variable: its cells at build and now, its CSI by period, and its row of the panel."""
    rows = tuple(one for one in seen.variables if one.name == variable.name)
    trend = rows[0].trend if rows else ()
    names = ("build_share", "share", "n", "csi_part", "low", "high")
    return [
        Sheet(
            "变量分布",
            "Distribution",
            tuple((WORDS[name], name) for name in ("cell", *names)),
            tuple((_held(cell), *(getattr(cell, n) for n in names)) for cell in variable.cells),
        ),
        Sheet("各期 CSI", "CSI by period", (("期间", "period"), ("CSI", "csi")),
              tuple(zip(periods, trend, strict=False))),
        table("变量稳定性", "Variable", rows, skip=("trend",)),
    ]  # fmt: skip


def _held(cell: VariableCell) -> str:
    """What a cell holds, as the page says it."""
    if cell.kind != "number":
        return _KINDS[cell.kind] + ("" if cell.low is None else f" {_short(cell.low)}")
    if cell.low is None:
        return "任意值 any" if cell.high is None else f"< {_short(cell.high)}"
    if cell.high is None:
        return f"≥ {_short(cell.low)}"
    return f"{_short(cell.low)} – {_short(cell.high)}"


def _short(value: float) -> str:
    return f"{float(f'{value:.4g}'):,}".removesuffix(".0")
