"""A sheet is read as an eye sees it, or not at all."""

import zipfile
from datetime import date, datetime

import openpyxl
import pytest
from openpyxl.utils.datetime import CALENDAR_MAC_1904

from finmodel.errors import BadInput
from finmodel.workbooks.cells import MOST_ROWS, Odd, read_sheet
from tests.finmodel.script_sheets import (
    GOOD,
    HEADER,
    TYPE,
    changed_parts,
    write,
    write_as_libreoffice,
)

WHERE = "sent.xlsx: "


def refused(path):
    with pytest.raises(BadInput) as told:
        read_sheet(path, "话术")
    return str(told.value)


def test_cells_come_with_the_numbers_of_their_rows(tmp_path):
    day, nine = date(2026, 3, 1), datetime.fromisoformat("2026-03-01T09:00:00")
    cells = ["text", 46082, 1.5, True, day, nine, None, "  "]
    sheet = read_sheet(write(tmp_path / "sent.xlsx", [], cells, [None], ["last"]), "话术")
    assert [line.number for line in sheet.lines] == [1, 3, 5]
    assert sheet.lines[0].cells[:9] == HEADER
    told = ("text", 46082, 1.5, True, day, Odd("a time of day"), None, None)
    assert sheet.lines[1].cells[:8] == told
    assert (sheet.name, sheet.epoch, sheet.others) == ("话术", date(1899, 12, 30), ())


def test_formulas_and_errors_are_told_and_never_computed(tmp_path):
    cells = ["=A1", '=HYPERLINK("x")', "#REF!", "'=1"]
    (line,) = read_sheet(write(tmp_path / "sent.xlsx", cells, header=None), "话术").lines
    formula = Odd("a formula")
    assert line.cells[:4] == (formula, formula, Odd("an error (#REF!)"), "'=1")


def hide_a_sheet(book, _page):
    other = book.create_sheet("旧版")
    other.append(["x"])
    other.sheet_state = "veryHidden"


def hide_a_row(_book, page):
    page.row_dimensions[2].hidden = True


def hide_a_column(_book, page):
    page.column_dimensions["E"].hidden = True


def merge(_book, page):
    page.merge_cells("A2:A3")
    page.merge_cells("C2:D2")


def lock(_book, page):
    page.protection.sheet = True


def lock_the_book(book, _page):
    book.security.lockStructure = True


@pytest.mark.parametrize(
    ("change", "part"),
    [
        (hide_a_sheet, "sent.xlsx: sheet 旧版 is hidden; show it, or take it out"),
        (hide_a_row, "sent.xlsx: 话术: row 2 is hidden; clear the filter"),
        (hide_a_column, "sent.xlsx: 话术: column E is hidden"),
        (merge, "sent.xlsx: 话术: cells A2:A3, C2:D2 are merged; unmerge them, and fill in each"),
        (lock, "sent.xlsx: it is protected"),
        (lock_the_book, "sent.xlsx: it is protected"),
    ],
)
def test_what_nobody_sees_is_not_read(tmp_path, change, part):
    assert part in refused(write(tmp_path / "sent.xlsx", GOOD, GOOD, change=change))


def test_what_is_hidden_and_empty_hides_nothing(tmp_path):
    def change(book, page):
        book.create_sheet("Reserved").sheet_state = "hidden"
        page.row_dimensions[9].hidden = True
        page.column_dimensions["Z"].hidden = True

    sheet = read_sheet(write(tmp_path / "sent.xlsx", GOOD, change=change), "话术")
    assert len(sheet.lines) == 2


def test_an_empty_workbook_and_one_of_several_sheets_are_told(tmp_path):
    path = write(tmp_path / "sent.xlsx", header=None)
    assert refused(path) == f"{WHERE}话术: the sheet is empty; fill it"
    path = write(tmp_path / "sent.xlsx", header=None, sheet="Sheet1")
    assert refused(path) == f"{WHERE}its sheets are empty; fill one"

    def two(book, _page):
        book.create_sheet("二").append(["x"])

    path = write(tmp_path / "sent.xlsx", GOOD, sheet="一", change=two)
    assert "it has several sheets (一, 二); name the one to be read 话术" in refused(path)
    path = write(tmp_path / "sent.xlsx", GOOD, change=two)
    assert read_sheet(path, "话术").others == ("二",)


def test_a_merge_of_everything_and_a_far_row_take_no_room(tmp_path):
    path = write(tmp_path / "sent.xlsx", GOOD)
    changed_parts(
        path,
        sheet1=(b"</sheetData>", b'</sheetData><mergeCells><mergeCell ref="A1:XFD1048576"/>'
                b"</mergeCells>"),
    )  # fmt: skip
    assert "cells A1:XFD1048576 are merged" in refused(path)
    path = write(tmp_path / "sent.xlsx", GOOD)
    far = b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>'
    changed_parts(path, sheet1=(b"</sheetData>", far))
    assert f"row 1,048,576 holds something; send at most {MOST_ROWS:,} rows" in refused(path)


def test_rows_out_of_order_are_not_lost_in_silence(tmp_path):
    path = write(tmp_path / "sent.xlsx", GOOD, GOOD)
    changed_parts(path, sheet1=(b'<row r="3"', b'<row r="1"'))
    assert "its rows are out of order" in refused(path)


def test_a_workbook_that_counts_days_from_1904_says_so(tmp_path):
    def change(book, _page):
        book.epoch = CALENDAR_MAC_1904

    sheet = read_sheet(write(tmp_path / "sent.xlsx", [date(2026, 3, 1)], change=change), "话术")
    assert (sheet.epoch, sheet.lines[1].cells[0]) == (date(1904, 1, 1), date(2026, 3, 1))


def test_it_reads_what_libreoffice_writes(tmp_path):
    path = write_as_libreoffice(tmp_path / "sent.xlsx", GOOD)
    assert openpyxl.load_workbook(path).active["E2"].value == GOOD[4]
    sheet = read_sheet(path, "话术")
    assert (sheet.name, [line.cells[:9] for line in sheet.lines]) == ("Sheet1", [HEADER, GOOD])


def test_the_bytes_that_are_checked_are_those_that_are_read(tmp_path, monkeypatch):
    """A part that comes twice could be one to the check and another to the reader."""
    path = write(tmp_path / "sent.xlsx", GOOD)
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("xl/workbook.xml", b"<workbook/>")
    assert "it holds a part twice" in refused(path)
    path = write(tmp_path / "sent.xlsx", GOOD)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("XL/Workbook.xml", b"<workbook/>")
    assert "it holds a part twice" in refused(path)


def with_part(path, target, was, now, other=None):
    """The workbook with one part changed, and the parts of another one under yl/."""
    every = parts_of(path)
    assert was.encode() in every[target]
    every[target] = every[target].replace(was.encode(), now.encode())
    told = parts_of(other) if other else {}
    every |= {f"yl/{name[3:]}": part for name, part in told.items() if name.startswith("xl/")}
    with zipfile.ZipFile(path, "w") as archive:
        for name, part in every.items():
            archive.writestr(name, part)
    return path


def parts_of(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


TYPES, RELATED = "[Content_Types].xml", "xl/_rels/workbook.xml.rels"
SHEET = '<Relationship Id="rId2" Type="x/worksheet" Target="/yl/worksheets/sheet1.xml"/>'
ANOTHER = f'<Override PartName="/yl/workbook.xml" ContentType="{TYPE}sheet.main+xml"/></Types>'


@pytest.mark.parametrize(
    ("target", "was", "now"),
    [
        (TYPES, "/xl/", "/yl/"),
        (TYPES, "/xl/workbook", "/yl/workbook"),
        (TYPES, "</Types>", ANOTHER),
        (TYPES, "/xl/sharedStrings", "/yl/sharedStrings"),
        ("_rels/.rels", "xl/workbook", "yl/workbook"),
        (RELATED, "sharedStrings.xml", "/yl/sharedStrings.xml"),
        (RELATED, "</Relationships>", f"{SHEET}</Relationships>"),
    ],
)
def test_a_workbook_that_is_not_the_one_an_office_shows_is_not_read(tmp_path, target, was, now):
    """An office goes by relationships, openpyxl by content types."""
    other = write_as_libreoffice(tmp_path / "other.xlsx", [*GOOD[:4], "换了一句", *GOOD[5:]])
    path = write_as_libreoffice(tmp_path / "sent.xlsx", GOOD)
    told = refused(with_part(path, target, was, now, other))
    assert "another could be read than is shown" in told


def test_of_two_sheets_of_one_name_none_is_read_for_the_other(tmp_path):
    def two(book, _page):
        book.create_sheet("x", 0).sheet_state = "hidden"

    path = write(tmp_path / "sent.xlsx", GOOD, change=two)
    with_part(path, "xl/workbook.xml", ' name="x"', ' name="话术"')
    assert "sheet 话术 is not where the workbook says" in refused(path)
