"""A workbook becomes drafts, row by row, or nothing of it does."""

import re
from datetime import date

import pytest

from finmodel.assistant.scripts import load_scripts
from finmodel.audit import scan
from finmodel.editing.columns import COLUMNS
from finmodel.editing.draft_file import waiting
from finmodel.editing.importing import import_scripts
from finmodel.editing.rows import row_of
from finmodel.errors import BadInput, Damaged, Refused
from finmodel.records import Person
from tests.finmodel.script_sheets import (
    GOOD,
    HEADER,
    TEXT,
    home,
    row,
    write,
    write_as_libreoffice,
)

AN, BO = (Person(name, frozenset({"script_editor"})) for name in ("an", "bo"))


def brought(here, *rows, person=AN, **more):
    path = write(here.home.parent / "sent.xlsx", *rows, **more)
    return import_scripts(here, path, person)


@pytest.fixture
def here(tmp_path):
    return home(tmp_path / "home")


def drafts(here):
    return waiting(here, load_scripts())


def test_good_rows_are_drafted_and_bad_ones_told_by_number(here):
    bad = [row(text="还款日是15号。", slots=None), row(intent="天气"), row(text="=A1")]
    found = brought(here, GOOD, *bad)
    assert (found.rows, [one.script.id for one in found.sorted.added]) == (4, ["due_date-6"])
    assert [(one.row, one.reason[:22]) for one in found.sorted.rejected] == [
        (3, "a number stands in the"),
        (4, "no intent '天气'; one of"),
        (5, "text (话术) holds a form"),
    ]
    (made,) = drafts(here).values()
    assert (made.script.text, made.author, made.over) == (TEXT, "an", 0)
    assert (made.script.valid_from, made.script.needs) == (date(2026, 7, 1), "verified")
    (entry,) = scan(here.audit, "scripts_drafted")
    assert (entry.id, entry.body["by"], entry.body["from"]) == (made.audit_entry, "an", "sent.xlsx")
    assert [one["id"] for one in entry.body["drafts"]] == ["due_date-6"]


def test_the_same_workbook_again_changes_nothing(here):
    brought(here, GOOD)
    again = brought(here, GOOD)
    assert (again.sorted.waiting, again.sorted.made) == ([2], [])
    assert len(list(scan(here.audit, "scripts_drafted"))) == 1


def test_a_trial_keeps_nothing(here):
    path = write(here.home.parent / "sent.xlsx", GOOD)
    assert import_scripts(here, path, AN, dry_run=True).sorted.added
    assert drafts(here) == {}
    assert not here.audit.exists()


def test_later_drafts_stand_beside_those_before(here):
    brought(here, GOOD)
    changed = list(row_of(load_scripts()["due_date-1"]).values())
    changed[-1] = "compliance.zhou"
    brought(here, changed, header=[words[0] for words in COLUMNS.values()], person=BO)
    assert {name: one.author for name, one in drafts(here).items()} == {
        "due_date-6": "an",
        "due_date-1": "bo",
    }


def test_days_may_be_dates_texts_or_numbers(here):
    days = [date(2026, 7, 1), "2026-07-01", "2026年7月1日", 46204, "20260701", "2026/7/1"]
    greetings = [
        "您好，请讲。",
        "您好，请说。",
        "您好，在的。",
        "您好呀。",
        "您好哦。",
        "您好，欢迎。",
    ]
    rows = [
        row(intent="问候", scenario="咨询", slots=None, text=text, valid_from=day)
        for text, day in zip(greetings, days, strict=True)
    ]
    found = brought(here, *rows)
    assert [one.script.valid_from for one in found.sorted.added] == [date(2026, 7, 1)] * 6


def test_what_libreoffice_writes_is_taken_in(here):
    path = write_as_libreoffice(here.home.parent / "sent.xlsx", GOOD)
    found = import_scripts(here, path, AN)
    assert [one.script.text for one in found.sorted.added] == [TEXT]


def test_columns_and_sheets_that_are_not_read_are_told(here):
    def more(book, page):
        page["J1"] = "备注"
        book.create_sheet("去年").append(["x"])
        book.create_sheet("意图").append(["x"])

    found = brought(here, GOOD, change=more)
    assert (found.columns_not_read, found.sheets_not_read) == (["备注"], ["去年"])


@pytest.mark.parametrize("change", ["merge", "hide", "lock", "header"])
def test_of_a_workbook_that_is_not_seen_whole_nothing_is_loaded(here, change):
    def apply(book, page):
        if change == "merge":
            page.merge_cells("A2:A3")
        elif change == "hide":
            page.row_dimensions[3].hidden = True
        elif change == "lock":
            page.protection.sheet = True

    header = HEADER[:-1] if change == "header" else HEADER
    with pytest.raises(BadInput, match=r"^sent\.xlsx: .+; .+"):
        brought(here, GOOD, row(text="您的还款日为{due_date}。"), header=header, change=apply)
    assert drafts(here) == {}


def test_only_a_script_editor_brings_scripts(here):
    with pytest.raises(Refused, match="li may not import scripts"):
        brought(here, GOOD, person=Person("li", frozenset({"agent"})))


def test_drafts_that_cannot_be_read_are_told_and_not_overwritten(here):
    brought(here, GOOD)
    path = here.scripts / "drafts.json"
    path.write_text(path.read_text()[:-9])
    with pytest.raises(Damaged, match=re.escape("it holds no drafts")):
        brought(here, row(text="您的还款日为{due_date}。"))
    assert path.stat().st_mode & 0o077 == 0
