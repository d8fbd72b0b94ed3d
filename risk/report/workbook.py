"""A report as one Excel workbook: a sheet each, with its tables, and charts beside them.

A report comes in, the bytes of an .xlsx file go out. Text is written as text, so that no category
can be a formula. Knows no model.
"""

from __future__ import annotations

from io import BytesIO
from typing import Any

from risk.report.record import Cell, Chart, Heading, Report, Sheet, Table

FORMS = {
    "text": "@",
    "count": "#,##0",
    "number": "0.0000",
    "percent": "0.00%",
    "points": "0.00",
    "small": "0.0E+00",
}
CHART_ROWS = 16
"""Rows that a chart covers."""
INK, BARS, LINES = "#1F3A5F", "#9DB7D5", ("#C8553D", "#2E7D6B", "#7A6F5D")


def workbook(report: Report, title: str) -> bytes:
    """The workbook; `title` stands at the top of its first sheet."""
    import xlsxwriter

    made = BytesIO()
    book = xlsxwriter.Workbook(made, {"in_memory": True})
    styles = _styles(book)
    for place, sheet in enumerate(report.sheets):
        page = book.add_worksheet(sheet.zh)
        page.hide_gridlines(2)
        heading = f"{sheet.zh} {sheet.en}" + (f" · {title}" if place == 0 else "")
        page.write_string(0, 0, heading, styles["title"])
        _Page(book, page, sheet, styles).fill()
    book.close()
    return made.getvalue()


def _styles(book: Any) -> dict[str, Any]:
    plain = {"font_name": "Microsoft YaHei", "font_size": 10}
    styles = {name: book.add_format(plain | {"num_format": form}) for name, form in FORMS.items()}
    styles["title"] = book.add_format(plain | {"bold": True, "font_size": 14, "font_color": INK})
    styles["table"] = book.add_format(plain | {"bold": True, "font_color": INK})
    styles["note"] = book.add_format(plain | {"font_color": "#555555"})
    styles["code"] = book.add_format({"font_name": "Consolas", "font_size": 10})
    styles["heading"] = book.add_format(
        plain | {"bold": True, "bg_color": "#E8EEF5", "bottom": 1, "text_wrap": True}
    )
    return styles


class _Page:
    """One worksheet being filled from the top."""

    def __init__(self, book: Any, page: Any, sheet: Sheet, styles: dict[str, Any]) -> None:
        self._book, self._page, self._sheet, self._styles = book, page, sheet, styles
        self._row = 1
        self._widths: dict[int, int] = {}

    def fill(self) -> None:
        """Write notes, tables with their charts, then code."""
        for note in self._sheet.notes:
            self._page.write_string(self._row, 0, note, self._styles["note"])
            self._row += 1
        for table in self._sheet.tables:
            self._row += 1
            self._table(table)
        if self._sheet.text:
            self._row += 1
            for line in self._sheet.text.splitlines():
                self._page.write_string(self._row, 0, line, self._styles["code"])
                self._row += 1
        for column, width in self._widths.items():
            self._page.set_column(column, column, min(max(width + 2, 9), 44))

    def _table(self, table: Table) -> None:
        self._page.write_string(self._row, 0, table.title, self._styles["table"])
        top = self._row + 1
        for column, heading in enumerate(table.headings):
            self._page.write_string(top, column, heading.both.strip(), self._styles["heading"])
            self._widen(column, heading.zh * 2 + heading.en)
        for number, row in enumerate(table.rows, 1):
            for column, cell in enumerate(row):
                self._cell(top + number, column, cell, table.headings[column])
        right = len(table.headings) + 1
        for number, chart in enumerate(table.charts):
            drawn = self._chart(table, chart, top)
            self._page.insert_chart(top - 1, right + number * 8, drawn)
        covered = CHART_ROWS if table.charts else 0
        self._row = top + max(len(table.rows), covered) + 1

    def _cell(self, row: int, column: int, cell: Cell, heading: Heading) -> None:
        style = self._styles[heading.form]
        if cell is None:
            self._page.write_blank(row, column, None, style)
        elif isinstance(cell, str):
            self._page.write_string(row, column, cell, self._styles["text"])
            self._widen(column, cell)
        else:
            self._page.write_number(row, column, cell, style)

    def _widen(self, column: int, text: str) -> None:
        wide = sum(2 if ord(letter) > 0x2E80 else 1 for letter in text)
        self._widths[column] = max(self._widths.get(column, 0), wide)

    def _chart(self, table: Table, chart: Chart, top: int) -> Any:
        kinds = {
            "bars": {"type": "column"},
            "lines": {"type": "line"},
            "curve": {"type": "scatter", "subtype": "straight"},
        }
        drawn = self._book.add_chart(kinds[chart.kind])
        colours = (BARS,) if chart.kind == "bars" else LINES
        for number, column in enumerate(chart.y):
            series = self._series(table, (chart.x, column), top)
            colour = colours[number % len(colours)]
            key = "fill" if chart.kind == "bars" else "line"
            drawn.add_series(series | {key: {"color": colour}})
        if chart.over:
            lines = self._book.add_chart({"type": "line"})
            for number, column in enumerate(chart.over):
                style = {"y2_axis": True, "line": {"color": LINES[number]}}
                lines.add_series(self._series(table, (chart.x, column), top) | style)
            drawn.combine(lines)
            lines.set_y2_axis({"num_format": "0%"})
        drawn.set_title({"name": chart.title, "name_font": {"size": 11}})
        drawn.set_legend({"position": "bottom"})
        drawn.set_size({"width": 500, "height": 310})
        if chart.kind == "curve":
            for axis in (drawn.set_x_axis, drawn.set_y_axis):
                axis({"min": 0, "max": 1, "num_format": "0%"})
        return drawn

    def _series(self, table: Table, columns: tuple[int, int], top: int) -> dict[str, Any]:
        x, y = columns
        name, last = self._sheet.zh, top + len(table.rows)
        return {
            "name": table.headings[y].both.strip(),
            "categories": [name, top + 1, x, last, x],
            "values": [name, top + 1, y, last, y],
        }
