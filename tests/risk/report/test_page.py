"""The page says what the workbook says, and asks nobody for anything."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from xml.etree import ElementTree

from risk.report.page import cell_text, page
from risk.report.record import Chart, Heading, Report, Sheet, Table
from risk.report.sheets import report_of
from tests.risk.small_card import developed


class Seen(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.words: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.addresses += [value for name, value in attrs if name in ("src", "href", "srcset")]

    def handle_data(self, data):
        self.words.append(data)


def seen(text: str) -> Seen:
    found = Seen()
    found.feed(text)
    return found


def test_every_sheet_and_every_cell_is_on_the_page():
    report = report_of(developed())
    text = page(report, "small v1")
    words = set(seen(text).words)
    cells = [
        cell_text(cell, heading.form)
        for sheet in report.sheets
        for table in sheet.tables
        for row in table.rows
        for cell, heading in zip(row, table.headings, strict=True)
    ]
    assert len(cells) > 1000
    assert [cell for cell in cells if cell and cell not in words] == []
    assert [note for sheet in report.sheets for note in sheet.notes if note not in words] == []
    drawn = [chart for sheet in report.sheets for table in sheet.tables for chart in table.charts]
    assert text.count("<svg") == len(drawn) >= 10


def test_it_needs_nothing_from_elsewhere():
    text = page(report_of(developed()), "small v1")
    found = seen(text)
    assert {"script", "link", "img", "iframe"} & set(found.tags) == set()
    assert found.addresses
    assert [one for one in found.addresses if not one.startswith("#")] == []
    assert re.findall(r"url\(|@import|https?:", text) == []


def test_pictures_are_whole_whatever_the_numbers():
    headings = (Heading("x", ""), Heading("y", "", "number"), Heading("z", "", "number"))
    kinds = (
        Chart("bars", "<b>", 0, (1,), (2,)),
        Chart("lines", "l", 0, (1,)),
        Chart("curve", "c", 1, (2,)),
    )
    for rows in ((), (("a", 0.0, None),), (("a", 0.5, 0.2), ("<i>", None, 1.0))):
        report = Report("x", (Sheet("表", "S", tables=(Table("t", headings, rows, kinds),)),))
        text = page(report, "<script>")
        assert "<script>" not in text
        assert "NaN" not in text.upper().replace("NAN ", "")
        for svg in re.findall(r"<svg.*?</svg>", text, re.S):
            ElementTree.fromstring(svg)
        assert text.count("<svg") == (3 if rows else 0)
