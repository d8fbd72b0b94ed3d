"""A sheet of findings opens in Excel in Chinese, and nothing that was written computes there."""

import csv
import io
from datetime import UTC, datetime

import openpyxl

from finmodel.finding_book import Finding
from serving.assisting.finding_sheet import HEADINGS, Row, as_csv, as_workbook

ONE = Finding(
    id="f1", conversation="c1", message="m1", agent="=cmd|'/c calc'!A0", scenario="collection",
    at=datetime(2026, 6, 3, 17, tzinfo=UTC), origin="edited", rule="promise", severity="block",
    finder="rule", start=0, end=4, state="false_alarm", by="zhao",
    judged_at=datetime(2026, 6, 4, tzinfo=UTC),
)  # fmt: skip
ROW = Row(ONE, "审批承诺", "+86 保证", "＝1+1，\n保证“通过”，", '-2+3"')


def test_csv_has_the_mark_of_utf_8_and_no_formula():
    data = as_csv([ROW])
    assert data.startswith(b"\xef\xbb\xbf")
    head, row = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""))
    assert tuple(head) == HEADINGS
    assert (row[1], row[3], row[6], row[11]) == ("2026-06-04 01:00:00", "催收", "禁止", "误报")
    assert (row[2], row[9], row[14]) == (f"'{ONE.agent}", "'+86 保证", "'-2+3\"")
    assert row[10] == "'＝1+1，\n保证“通过”，"


def test_a_workbook_holds_text_alone():
    sheet = openpyxl.load_workbook(io.BytesIO(as_workbook([ROW]))).active
    head, row = sheet.iter_rows()
    assert [cell.value for cell in head] == list(HEADINGS)
    assert row[2].value == ONE.agent
    assert {cell.data_type for cell in row} == {"s"}


def test_what_is_longer_than_a_cell_is_cut_and_not_lost():
    long = ROW._replace(text="啊" * 50_000)
    sheet = openpyxl.load_workbook(io.BytesIO(as_workbook([long]))).active
    assert sheet.cell(2, 11).value.endswith("啊…")
    _, row = csv.reader(io.StringIO(as_csv([long]).decode("utf-8-sig"), newline=""))
    assert len(row[10]) < 32_767
