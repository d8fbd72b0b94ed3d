"""The second person publishes the words that they saw, or none."""

import pytest

from finmodel.editing.draft_file import discard, waiting
from finmodel.editing.importing import import_scripts
from finmodel.editing.published import load_ours, published
from finmodel.editing.publishing import publish
from finmodel.editing.seen import seen_of, seen_of_all
from finmodel.errors import BadInput, NotFound, Refused
from finmodel.records import Person
from tests.finmodel.script_sheets import GOOD, TEXT, home, row, write

AN, BO = (Person(name, frozenset({"script_editor"})) for name in ("an", "bo"))
OTHER = "您本次的还款日为{due_date}，请提前备足款项。"


@pytest.fixture
def here(tmp_path):
    return home(tmp_path / "home")


def bring(here, *rows, person=AN):
    found = import_scripts(here, write(here.home.parent / "sent.xlsx", *rows), person)
    assert found.sorted.rejected == []
    return waiting(here, published(load_ours(here)))


def test_words_that_were_brought_in_after_the_look_are_not_published(here):
    (seen,) = bring(here, GOOD).values()
    shown, all_shown = f"due_date-6@{seen_of(seen)}", seen_of_all([seen])
    (other,) = bring(here, row(id="due_date-6", text=OTHER)).values()
    with pytest.raises(Refused, match="it is not what was seen: an imported it at 2026-06-03"):
        publish(here, [shown], BO)
    with pytest.raises(Refused, match=r"not those that were seen: the newest is due_date-6, .* an"):
        publish(here, [], BO, every=all_shown)
    assert load_ours(here).version == 0
    (made,) = publish(here, [f"due_date-6@{seen_of(other)}"], BO)
    assert made.script.text == OTHER


def test_the_same_words_brought_in_anew_are_looked_at_anew(here):
    """Else an author could try words until two drafts have one digest."""
    (seen,) = bring(here, GOOD).values()
    discard(here, [], AN, published(load_ours(here)))
    (again,) = bring(here, GOOD).values()
    assert (seen.script, again.script.text) == (again.script, TEXT)
    assert seen_of(again) != seen_of(seen)


def test_a_draft_more_or_less_is_not_all_that_was_seen(here):
    (seen,) = bring(here, GOOD).values()
    both = bring(here, row(text=OTHER), person=Person("ci", AN.roles))
    with pytest.raises(Refused, match="the 2 that wait are not those that were seen"):
        publish(here, [], BO, every=seen_of_all([seen]))
    discard(here, ["due_date-7"], BO, published(load_ours(here)))
    with pytest.raises(Refused, match="the 1 that wait"):
        publish(here, [], BO, every=seen_of_all(both.values()))
    assert len(publish(here, [], BO, every=seen_of_all([seen]))) == 1


def test_who_names_no_digest_is_told_what_to_type(here):
    bring(here, GOOD)
    with pytest.raises(BadInput, match="scripts diff due_date-6, then type due_date-6@DIGEST"):
        publish(here, ["due_date-6"], BO)
    with pytest.raises(BadInput, match="scripts diff, then type --all --seen DIGEST"):
        publish(here, [], BO)
    with pytest.raises(NotFound, match="due_date-9: no draft waits"):
        publish(here, ["due_date-9@0123456789ab"], BO)
