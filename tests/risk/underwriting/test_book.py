"""The queue outlives a crash and its own loss: what the log says is what it holds."""

import sqlite3
from contextlib import closing

import msgspec
import pytest

from finmodel.audit_since import BEGINNING, Place
from finmodel.errors import NotFound
from risk.underwriting.book import CaseBook
from risk.underwriting.case import claim, judge
from tests.risk.underwriting.test_case import HAN, LI, MINUTE, case

LOG = b"one log's own id"


@pytest.fixture
def book(tmp_path):
    with closing(CaseBook(tmp_path / "underwriting" / "book.db")) as book:
        yield book


def acts(one, book, *, large=False):
    """Claimed and declined, as entries of a log."""
    with book.writing():
        book.enter(one.about)
        first = claim(one, LI, 0, 30 * MINUTE)
        claimed = book.take(first, "e1", 0)
        second = judge(claimed, LI, ("decline", "MD1"), MINUTE, large=large)
        book.take(second, "e2", MINUTE)
    return [(first, "e1", 0), (second, "e2", MINUTE)]


def test_cases_wait_the_oldest_first_until_they_are_judged(book):
    young, old = case(decision="young", at_us=2), case(decision="old", at_us=1)
    with book.writing():
        for one in (young, old, young):
            book.enter(one.about)
    assert [one.about.decision for one in book.waiting()] == ["old", "young"]
    acts(old, book)
    assert [one.about.decision for one in book.waiting()] == ["young"]
    assert book.count_waiting() == 1
    assert [one.final.code for one in book.judged()] == ["MD1"]
    with pytest.raises(NotFound, match="ask for a person"):
        book.case("nobody's")


def test_the_same_acts_again_change_nothing_and_another_book_becomes_the_same(book, tmp_path):
    one = case()
    told = acts(one, book, large=True)
    kept = book.case(one.about.decision)
    assert kept.state == "second"
    with closing(CaseBook(tmp_path / "again.db")) as again:
        for target in (book, again, again):
            with target.writing():
                for act, entry, at in told:
                    target.take(msgspec.convert(msgspec.to_builtins(act), type(act)), entry, at)
        assert again.case(one.about.decision) == book.case(one.about.decision) == kept
        assert kept.held(MINUTE) is None
        assert claim(kept, HAN, MINUTE, 2 * MINUTE).actor == "Han Mei"


def test_a_book_that_held_amounts_loses_them(tmp_path):
    path = tmp_path / "book.db"
    with closing(CaseBook(path)) as book:
        acts(case(), book)
        with book.writing():
            book.enter(case(decision="untouched").about)
    with closing(sqlite3.connect(path)) as old:
        old.execute(
            "UPDATE cases SET body = CAST(json_set(CAST(body AS TEXT), '$.about.amount_minor', "
            "4876543) AS BLOB)"
        )
        old.execute("PRAGMA user_version = 0")
        old.commit()
    assert b"4876543" in whole(tmp_path)
    with closing(CaseBook(path)) as book:
        assert b"4876543" not in whole(tmp_path)
        assert [one.about.decision for one in book.waiting()] == ["untouched"]
        assert [one.final.code for one in book.judged()] == ["MD1"]


def whole(folder):
    """Every byte of a book, its journal among them."""
    return b"".join(one.read_bytes() for one in folder.iterdir())


def test_a_book_of_another_log_is_emptied(book):
    with book.writing():
        assert book.place(LOG) == BEGINNING
        book.move(LOG, Place(2, 104))
        book.enter(case().about)
        assert book.place(LOG) == Place(2, 104)
        assert book.count_waiting() == 1
        assert book.place(b"another") == BEGINNING
    assert book.count_waiting() == 0
