"""What is exported is what an editor reads, and comes back without a change."""

import io

import openpyxl
import pytest

from finmodel.assistant.intents import load_intents
from finmodel.assistant.scripts import load_scripts
from finmodel.assistant.slots import SLOTS
from finmodel.editing.columns import BESIDE, SHEET
from finmodel.editing.draft_file import waiting
from finmodel.editing.importing import import_scripts
from finmodel.records import Person
from serving.script_workbook import workbook
from tests.finmodel.script_sheets import home

AN = Person("an", frozenset({"script_editor"}))
SHIPPED = load_scripts()


@pytest.fixture(scope="module")
def data():
    return workbook(SHIPPED.values())


def test_every_shipped_script_comes_back_without_a_change(tmp_path, data):
    here, path = home(tmp_path / "home"), tmp_path / "all.xlsx"
    path.write_bytes(data)
    found = import_scripts(here, path, AN)
    assert len(found.sorted.unchanged) == found.rows == len(SHIPPED)
    assert (found.sorted.made, found.sorted.rejected) == ([], [])
    assert (found.columns_not_read, found.sheets_not_read) == ([], [])


def test_so_it_does_once_excel_or_another_office_saved_it(tmp_path, data):
    """openpyxl stands for them: it writes every part anew."""
    here, path = home(tmp_path / "home"), tmp_path / "all.xlsx"
    book = openpyxl.load_workbook(io.BytesIO(data))
    page = book[SHEET]
    header = [cell.value for cell in page[1]]
    place = next(row for row in page.iter_rows(min_row=2) if row[0].value == "due_date-1")
    place[header.index("话术")].value = "还款日以App「我的账单」展示为准，请您登录查看。"
    book.save(path)
    found = import_scripts(here, path, AN)
    assert [one.script.id for one in found.sorted.changed] == ["due_date-1"]
    assert (len(found.sorted.unchanged), found.sorted.rejected) == (len(SHIPPED) - 1, [])
    assert list(waiting(here, SHIPPED)) == ["due_date-1"]


def test_an_editor_reads_it_in_chinese_with_what_to_look_up_beside(data):
    book = openpyxl.load_workbook(io.BytesIO(data))
    assert book.sheetnames == [SHEET, *BESIDE]
    page = book[SHEET]
    header = [cell.value for cell in page[1]]
    assert header == [
        "编号", "版本", "场景", "意图", "身份要求", "账户状态", "话术", "变量", "生效日期",
        "失效日期", "审核人",
    ]  # fmt: skip
    rows = list(page.iter_rows(min_row=2, values_only=True))
    row = next(one for one in rows if one[0] == "overdue_amount-2")
    assert row[2:6] == ("催收", "逾期金额", "已核验", "逾期")
    assert row[7] == "overdue_amount, days_past_due, overdue_total"
    assert row[8].isoformat() == "2025-12-01T00:00:00"
    places = [list(load_intents()).index(name.rpartition("-")[0]) for name, *_ in rows]
    assert places == sorted(places)
    assert book["意图"].max_row == len(load_intents()) + 1
    assert book["变量"].max_row == len(SLOTS) + 1
    offered = {one.formula1 for one in page.data_validations.dataValidation}
    assert offered == {
        '"咨询,还款,催收,投诉,营销"', f"'意图'!$B$2:$B${len(load_intents()) + 1}",
        '"无需核验,基础核验,已核验"',
    }  # fmt: skip
    formulas = [cell for one in book for line in one for cell in line if cell.data_type == "f"]
    assert formulas == []
