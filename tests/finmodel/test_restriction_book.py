"""Who asked to be erased is left out, under no name, and is gone from the book with the key."""

from contextlib import closing
from datetime import UTC, date, datetime

import numpy as np
import pytest

from finmodel.restriction_book import (
    Restriction,
    RestrictionBook,
    is_number,
    may_train,
    restricted_customers,
)
from finmodel.settings import Settings
from finmodel.vault import Vault

ASKED = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def here(tmp_path):
    return Settings(home=tmp_path, data=tmp_path)


@pytest.fixture
def vault(here):
    with closing(Vault(here.vault)) as found:
        yield found


@pytest.fixture
def book(here, vault):
    with closing(RestrictionBook(here, vault)) as found:
        yield found


def test_nobody_is_left_out_where_nobody_asked_and_nothing_is_made(here):
    assert restricted_customers(here) == frozenset()
    assert may_train(here, np.array([1, 2])).tolist() == [True, True]
    assert list(here.home.iterdir()) == []


def test_who_asked_is_left_out_whether_ids_are_numbers_or_texts(here, book):
    for name in ("42", "欧阳"):
        book.restrict(Restriction(name, ASKED))
    assert may_train(here, np.array([41, 42])).tolist() == [True, False]
    assert may_train(here, ["042", "欧阳", "42"]).tolist() == [True, False, False]


def test_it_stands_under_no_name_and_the_newest_is_kept(here, book):
    book.restrict(Restriction("7353917246813", ASKED))
    book.restrict(Restriction("7353917246813", ASKED, date(2026, 1, 1), date(2036, 1, 1)))
    assert [one.ended for one in book.every()] == [date(2026, 1, 1)]
    assert "7353917246813" not in repr(book.every())
    for path in here.restrictions.parent.iterdir():
        assert b"7353917246813" not in path.read_bytes()


def test_a_key_that_is_gone_takes_the_row_with_it(book, vault):
    for name in ("u1", "u2"):
        book.restrict(Restriction(name, ASKED))
    vault.erase("u1")
    assert book.of("u1") is None
    assert [one.customer for one in book.every()] == ["u2"]
    assert (book.tidy(), book.tidy()) == (1, 0)
    assert book.refs() == {vault.known("u2")}


@pytest.mark.parametrize(
    "name", ["", "u1", "-1", "007", "1.0", "²", "9223372036854775808", "9" * 30]
)
def test_what_is_no_number_of_a_customer(name):
    assert not is_number(name)
    assert is_number("9223372036854775807")
