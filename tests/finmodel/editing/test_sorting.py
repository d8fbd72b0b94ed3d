"""Rows are sorted by what becomes of them; what may not be said is rejected by its number."""

from datetime import date, timedelta

import msgspec
import pytest

from finmodel.assistant.scripts import load_scripts
from finmodel.editing.draft import Draft, digest_of, same
from finmodel.editing.rows import Row, row_of
from finmodel.editing.sorting import Standing, sort_rows
from tests.finmodel.script_sheets import TEXT

EPOCH, TODAY = date(1899, 12, 30), date(2026, 6, 3)
SHIPPED = load_scripts()
NEW = {
    "intent": "还款日", "text": TEXT, "valid_from": date(2026, 7, 1), "reviewer": "compliance.he",
}  # fmt: skip
NEXT = "due_date-6"


def rows(*cells):
    return [Row(number, one) for number, one in enumerate(cells, start=2)]


def sort(*cells, drafts=None, published=SHIPPED, author="an"):
    return sort_rows(rows(*cells), EPOCH, Standing(published, drafts or {}, author, TODAY))


def of(name, **changes):
    return row_of(SHIPPED[name]) | changes


def draft(script, author="an"):
    return Draft(script=script, author=author, demo=False, at="", before="", audit_entry="")


def test_the_next_number_is_free():
    assert NEXT not in SHIPPED
    assert "due_date-5" in SHIPPED


def test_all_that_is_published_changes_nothing():
    found = sort(*(row_of(one) for one in SHIPPED.values()))
    assert len(found.unchanged) == len(SHIPPED) > 200
    assert (found.made, found.waiting, found.rejected) == ([], [], [])


def test_a_row_without_an_id_gets_the_next_number_and_is_known_again():
    wrong = NEW | {"text": "还款日是15号。"}
    found = sort(NEW, wrong, NEW | {"text": "请留意扣款，还款日是{due_date}。"})
    assert [(one.row, one.script.id, one.script.version) for one in found.added] == [
        (2, NEXT, 1),
        (4, "due_date-7", 1),
    ]
    drafts = {one.script.id: draft(one.script) for one in found.added}
    again = sort(NEW, drafts=drafts)
    assert (again.waiting, again.made, again.rejected) == ([2], [], [])
    published = dict(SHIPPED) | {NEXT: found.added[0].script}
    assert sort(NEW, published=published).unchanged == [2]
    later = sort(NEW | {"valid_to": date(2027, 1, 1)}, published=published)
    assert [(one.script.id, one.script.version) for one in later.changed] == [(NEXT, 2)]


def test_a_change_gets_the_next_version():
    (one,) = sort(of("due_date-1", reviewer="compliance.lin")).changed
    assert one.script.version == SHIPPED["due_date-1"].version + 1
    assert not same(one.script, SHIPPED["due_date-1"])
    assert digest_of(one.script) != digest_of(SHIPPED["due_date-1"])


@pytest.mark.parametrize(
    ("cells", "part"),
    [
        (NEW | {"text": "还款日是15号。"}, "a number stands in the text: '15号'; put a slot in"),
        (NEW | {"text": "还款日是{due_day}。"}, "{due_day} is no slot; did you mean {due_date}?"),
        (NEW | {"text": "还款日是｛due_date｝。"}, "a brace stands alone"),
        (NEW | {"text": "日利率为{daily_rate}。"}, "stands without the annualised rate"),
        (NEW | {"text": "还款日请看App。" * 40}, "characters; write at most 200"),
        (NEW | {"needs": "none"}, "tells of a customer who is not verified"),
        (NEW | {"text": "按时还款，保证通过下次借款。"}, "breaks the rule promise"),
        (NEW | {"text": "请尽快还款，否则我们会联系您的家人。"}, "breaks the rule collection"),
        (NEW | {"valid_to": date(2026, 6, 30)}, "it expires before it begins"),
        (
            NEW | {"valid_from": date(2026, 1, 1), "valid_to": date(2026, 6, 2)},
            "it expired on 2026-06-02",
        ),
        (NEW | {"id": "HS 01"}, "id 'HS 01' is none of intent due_date; write due_date- and a"),
        (NEW | {"id": "amount_due-99"}, "id 'amount_due-99' is none of intent due_date"),
        (NEW | {"id": "due_date-x"}, "leave the id empty"),
        (NEW | {"id": "due_date-" + "9" * 5000}, "id (编号) has 5,009 characters"),
        (NEW | {"reviewer": "r" * 61}, "reviewer"),
        (of("due_date-1", version=7, reviewer="x"), "it was version 7, and version 1 is published"),
        (of("due_date-1", id=NEXT), "due_date-1 says the same"),
    ],
)
def test_a_row_that_may_not_stand_is_rejected_with_its_number(cells, part):
    found = sort(of("due_date-2"), cells)
    (one,) = found.rejected
    assert (one.row, found.unchanged, found.made) == (3, [2], [])
    assert part in one.reason
    assert not one.reason.startswith(":")


def test_what_a_sheet_has_no_column_for_stays_as_it_was():
    lacks = ("needs", "account", "valid_to")
    short = [
        {name: cell for name, cell in row_of(one).items() if name not in lacks}
        for one in SHIPPED.values()
    ]
    assert len(sort(*short).unchanged) == len(SHIPPED)
    nameless = [{name: one[name] for name in one if name not in ("id", "version")} for one in short]
    assert len(sort(*nameless).unchanged) == len(SHIPPED)
    was = SHIPPED["overdue_amount-4"]
    assert was.account == ("current",)
    (made,) = sort(
        next(one for one in short if one["id"] == was.id) | {"reviewer": "compliance.lin"}
    ).changed
    assert (made.script.account, made.script.needs) == (was.account, was.needs)
    (all_of_them,) = sort(of(was.id, account=None)).changed
    assert all_of_them.script.account == ()
    (new,) = sort(NEW | {"account": "正常"}).added
    assert sort(NEW, drafts={NEXT: draft(new.script)}).waiting == [2]


def test_an_id_that_stands_twice_is_rejected_in_both_rows():
    found = sort(of("due_date-1", reviewer="a"), of("due_date-2"), of("due_date-1"))
    assert [one.row for one in found.rejected] == [2, 4]
    assert {one.reason for one in found.rejected} == {
        "id 'due_date-1' stands in rows 2, 4; keep one of them"
    }
    assert (found.unchanged, found.made) == ([3], [])


def test_two_rows_that_say_the_same_are_one():
    found = sort(NEW, NEW | {"reviewer": "compliance.lin"})
    assert [(one.row, one.reason) for one in found.rejected] == [
        (3, "it says the same as row 2; keep one of them")
    ]


def test_a_draft_of_somebody_else_is_not_overwritten():
    (made,) = sort(NEW).added
    drafts = {NEXT: draft(made.script, "bo")}
    changed = NEW | {"id": NEXT, "reviewer": "compliance.lin"}
    (one,) = sort(changed, drafts=drafts).rejected
    assert "a draft of bo waits for due_date-6" in one.reason
    assert sort(changed, drafts=drafts, author="bo").added[0].script.id == NEXT
    assert sort(NEW, drafts=drafts).waiting == [2]


def test_a_script_that_the_guards_answer_by_stays_for_everybody():
    name = "self_harm-1"
    assert SHIPPED[name].needs == "none"
    for change in ({"valid_to": TODAY + timedelta(days=9)}, {"needs": "verified"}):
        (one,) = sort(of(name, **change)).rejected
        assert "the guards answer by it" in one.reason
    assert sort(of(name, reviewer="compliance.lin")).changed


def test_a_digest_does_not_depend_on_what_is_left_out():
    one = SHIPPED["due_date-1"]
    assert digest_of(one) == digest_of(msgspec.convert(msgspec.to_builtins(one), type(one)))
    assert digest_of(None) == ""
