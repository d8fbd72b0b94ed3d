"""Monitoring as an Excel workbook: tables with Chinese and English names.

A `Monitor` comes in, the file's bytes go out. It computes nothing.
"""

from __future__ import annotations

import io

from risk.monitor.panels import Monitor
from risk.monitor.sheets import header_lines, sheets, widths


def workbook(seen: Monitor, panel: str = "") -> bytes:
    """An Excel workbook with the sheets of each panel, or of one; the header first."""
    import xlsxwriter  # a second that most commands need not wait for

    room = io.BytesIO()
    with xlsxwriter.Workbook(room, {"in_memory": True, "strings_to_formulas": False}) as book:
        bold, number = book.add_format({"bold": True}), book.add_format({"num_format": "0.0000"})
        page = book.add_worksheet("监测总览")
        page.set_column(0, 2, 24)
        for row, line in enumerate(header_lines(seen)):
            for column, text in enumerate(line):
                page.write_string(row, column, text, bold if column == 0 else None)
        for sheet in (one for one in sheets(seen) if panel in ("", one.panel)):
            page = book.add_worksheet(sheet.zh)
            page.freeze_panes(2, 1)
            for column, ((zh, en), width) in enumerate(
                zip(sheet.columns, widths(sheet), strict=True)
            ):
                page.set_column(column, column, width)
                page.write_string(0, column, zh, bold)
                page.write_string(1, column, en, bold)
                for row, told in enumerate(sheet.rows, start=2):
                    value = told[column]
                    if value is not None:
                        page.write(row, column, value, number if isinstance(value, float) else None)
    return room.getvalue()
