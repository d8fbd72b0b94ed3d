"""A model document as one HTML page or as Markdown, neither of which needs anything else.

A report's sheets come in, text goes out. Pure.
"""

from __future__ import annotations

import re

from risk.document.stages import HEADING
from risk.report.page import STYLE, cell_text
from risk.report.page import page as report_page
from risk.report.record import Report, Sheet, Table

_NUMBERS = "一二三四五六七八九"
_LIVE = re.compile(r"([\\`*\[\]<>|])")
_WRAPPED = "td.l{white-space:normal;min-width:7em;overflow-wrap:anywhere}"
"""Reasons and names are sentences here."""


def html(document: Report, title: str) -> str:
    """One self-contained page."""
    return report_page(document, title, HEADING, STYLE + _WRAPPED)


def markdown(document: Report, title: str) -> str:
    """The same stages, notes and tables as Markdown."""
    head = f"# {HEADING[0]} {HEADING[1]} · {plain(title)}\n"
    return head + "".join(
        _sheet(number, sheet) for number, sheet in zip(_NUMBERS, document.sheets, strict=False)
    )


def plain(text: str) -> str:
    """A text in one line, none of whose signs Markdown acts on.

    >>> print(plain("a|b <c>"))
    a\\|b \\<c\\>
    """
    return _LIVE.sub(r"\\\1", " ".join(text.split()))


def _sheet(number: str, sheet: Sheet) -> str:
    parts = [f"\n## {number}、{sheet.zh} {sheet.en}\n"]
    if sheet.notes:
        parts.append("\n".join(f"- {plain(note)}" for note in sheet.notes) + "\n")
    parts += [_table(table) for table in sheet.tables]
    if sheet.text:
        longest = max((len(run) for run in re.findall(r"`+", sheet.text)), default=0)
        fence = "`" * max(3, longest + 1)
        parts.append(f"### 配方原文 Recipe\n\n{fence}yaml\n{sheet.text.rstrip()}\n{fence}\n")
    return "\n".join(parts)


def _table(table: Table) -> str:
    heads = [plain(one.both) for one in table.headings]
    sides = [":---" if one.form == "text" else "---:" for one in table.headings]
    rows = [
        [plain(cell_text(cell, one.form)) for cell, one in zip(row, table.headings, strict=True)]
        for row in table.rows
    ]
    lines = ["| " + " | ".join(cells) + " |" for cells in (heads, sides, *rows)]
    return f"### {plain(table.title)}\n\n" + "\n".join(lines) + "\n"
