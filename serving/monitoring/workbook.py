"""Monitoring as an Excel workbook: tables with Chinese and English names, and their charts.

A `Monitor` comes in, the file's bytes go out. Charts are Excel's own, drawn from the cells beside
them, so that an analyst can change them. It computes nothing.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from risk.monitor.panels import Monitor
from risk.monitor.points import VariableCells
from risk.monitor.sheets import Sheet, header_lines, sheets, widths
from risk.monitor.variable_sheets import variable_sheets

TOP = 2
"""Rows of names above a table's own."""
CELL_MOST = 32_767
"""Signs that Excel holds in one cell; a longer text would be left out whole."""
MOST = 15
"""Of so many rows a chart is drawn: variables come with the one that moved most first."""
SHADES: Final = {"type": "2_color_scale", "min_color": "#FFFFFF", "max_color": "#C8553D"}


@dataclass(frozen=True, slots=True)
class Drawn:
    """What of a table is drawn, by the English names of its columns."""

    kind: Literal["line", "column", "bar"]
    x: str
    y: tuple[str, ...]
    over: tuple[str, ...] = ()
    """As lines over columns, on an axis of their own where `apart`."""
    apart: bool = False
    begin: int = 0
    """Rows before the first that is drawn."""


CHARTS: Final = {
    "Discrimination": Drawn("line", "period", ("auc", "estimated_auc", "ks", "gini")),
    "Score bands": Drawn("column", "band", ("build_share", "share"), ("bad_rate",), apart=True),
    "Stability": Drawn("column", "period", ("psi",), ("floor_p99",), begin=1),
    "Variables": Drawn("bar", "name", ("csi", "floor_p99")),
    "Calibration": Drawn("line", "band", ("mean_pd", "bad_rate", "low", "high")),
    "First payment default": Drawn("line", "cohort", ("FPD1", "FPD7", "FPD15", "FPD30")),
    "Distribution": Drawn("column", "cell", ("build_share", "share")),
    "CSI by period": Drawn("line", "period", ("csi",)),
    "Feature ages": Drawn("column", "view", ("age_p50_s", "age_p99_s")),
}
"""Vintages, a line each row, and roll rates, shaded, are drawn as they are nowhere else."""


def workbook(seen: Monitor, panel: str = "") -> bytes:
    """An Excel workbook with the sheets of each panel, or of one; the header first."""
    return _book(header_lines(seen), [one for one in sheets(seen) if panel in ("", one.panel)])


def variable_workbook(seen: Monitor, variable: VariableCells, periods: tuple[str, ...]) -> bytes:
    """One variable's workbook: its cells at build and now, and its CSI by period."""
    named = ("变量", "variable", variable.name)
    return _book([*header_lines(seen), named], variable_sheets(seen, variable, periods))


def _book(header: Sequence[tuple[str, str, str]], tables: Sequence[Sheet]) -> bytes:
    import xlsxwriter  # a second that most commands need not wait for

    room = io.BytesIO()
    with xlsxwriter.Workbook(room, {"in_memory": True, "strings_to_formulas": False}) as book:
        bold, number = book.add_format({"bold": True}), book.add_format({"num_format": "0.0000"})
        lines = book.add_format({"text_wrap": True, "valign": "top"})
        page = book.add_worksheet("监测总览")
        page.set_column(0, 2, 24)
        for row, line in enumerate(header):
            for column, text in enumerate(line):
                page.write_string(row, column, text, bold if column == 0 else None)
        for sheet in tables:
            page = book.add_worksheet(sheet.zh)
            _fill(page, sheet, (bold, number, lines))
            if sheet.rows:
                _draw(book, page, sheet)
    return room.getvalue()


def _fill(page: Any, sheet: Sheet, styles: tuple[Any, Any, Any]) -> None:
    bold, number, lines = styles
    page.freeze_panes(TOP, 1)
    for column, ((zh, en), width) in enumerate(zip(sheet.columns, widths(sheet), strict=True)):
        page.set_column(column, column, width)
        page.write_string(0, column, zh, bold)
        page.write_string(1, column, en, bold)
        for row, told in enumerate(sheet.rows, start=TOP):
            value = told[column]
            if isinstance(value, str):  # an address stays text: nothing in here is to be followed
                shown = value[:CELL_MOST]
                page.write_string(row, column, shown, lines if "\n" in value else None)
            elif value is not None:
                page.write(row, column, value, number if isinstance(value, float) else None)


def _draw(book: Any, page: Any, sheet: Sheet) -> None:
    """The table's chart, right of it."""
    last, right = TOP + len(sheet.rows) - 1, len(sheet.columns)
    if sheet.en == "Roll rates":
        page.conditional_format(TOP, 2, last, right - 1, SHADES)
        return
    if sheet.en.startswith("Vintages"):
        chart = book.add_chart({"type": "line"})
        for row in range(TOP, last + 1):
            chart.add_series(
                {
                    "name": [sheet.zh, row, 0],
                    "categories": [sheet.zh, 0, 2, 0, right - 1],
                    "values": [sheet.zh, row, 2, row, right - 1],
                }
            )
    elif sheet.en in CHARTS:
        chart = _chart(book, sheet, CHARTS[sheet.en])
    else:
        return
    chart.set_title({"name": f"{sheet.zh} {sheet.en}", "name_font": {"size": 11}})
    chart.set_legend({"position": "bottom"})
    chart.set_size({"width": 720, "height": 380})
    page.insert_chart(TOP, right + 1, chart)


def _chart(book: Any, sheet: Sheet, drawn: Drawn) -> Any:
    chart = book.add_chart({"type": drawn.kind})
    for name in drawn.y:
        chart.add_series(_series(sheet, drawn, name))
    if drawn.kind == "bar":
        chart.set_y_axis({"reverse": True})  # the first row at the top, as in the table
    if drawn.over:
        lines = book.add_chart({"type": "line"})
        for name in drawn.over:
            lines.add_series(_series(sheet, drawn, name) | {"y2_axis": drawn.apart})
        chart.combine(lines)
    return chart


def _series(sheet: Sheet, drawn: Drawn, name: str) -> dict[str, Any]:
    places = {en: place for place, (_, en) in enumerate(sheet.columns)}
    x, y, first = places[drawn.x], places[name], TOP + drawn.begin
    last = TOP + len(sheet.rows) - 1
    if drawn.kind == "bar":
        last = min(last, first + MOST - 1)
    return {
        "name": f"{sheet.columns[y][0]} {name}",
        "categories": [sheet.zh, first, x, last, x],
        "values": [sheet.zh, first, y, last, y],
    }
