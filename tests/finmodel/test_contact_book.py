"""Contacts are counted piece by piece as messages come, each once, and sealed in what they say."""

from datetime import UTC, datetime, timedelta

import pytest

from finmodel import contact_book
from finmodel.contact_book import ContactBook
from finmodel.conversation_book import ConversationBook, Opened
from finmodel.conversations import Message
from finmodel.vault import Vault

START = datetime(2026, 6, 3, 1, tzinfo=UTC)
ALL = (START - timedelta(days=1), START + timedelta(days=30))


@pytest.fixture
def books(tmp_path):
    vault = Vault(tmp_path / "vault" / "keys.db")
    talks = ConversationBook(tmp_path / "conversations" / "book.db", vault)
    yield talks, ContactBook(talks, vault), vault
    talks.close()
    vault.close()


def bring(talks, name, *said):
    opened = Opened(
        id=name, customer=f"of {name}", started=START, channel="app", scenario="repayment",
        agent="li",
    )  # fmt: skip
    talks.take(
        opened,
        [
            Message(id=f"m{minute}", who=who, at=START + timedelta(minutes=minute), text="您好")
            for who, minute in said
        ],
    )


def matter(talk, part):
    return f"matter of {talk.id}"


def counted(contacts):
    return [
        (one.about.matter, one.about.contact.response_s, one.about.contact.handled_s)
        for one in contacts.made(*ALL)
    ]


def test_what_comes_later_is_counted_in_place_of_what_was(books, monkeypatch):
    talks, contacts, _ = books
    bring(talks, "c1", ("customer", 0), ("agent", 2), ("customer", 90))
    bring(talks, "c2", ("agent", 1))  # nobody answered: it is no contact of a customer
    assert contacts.count(matter) == 0
    assert counted(contacts) == [("matter of c1", 120.0, 120.0), ("matter of c1", None, None)]
    bring(talks, "c1", ("agent", 1), ("agent", 95))
    monkeypatch.setattr(contact_book, "_AT_ONCE", 1)
    assert [contacts.count(matter), contacts.count(matter), contacts.count(matter)] == [1, 0, 0]
    assert counted(contacts) == [("matter of c1", 60.0, 120.0), ("matter of c1", 300.0, 300.0)]
    assert b"matter of" not in talks.file.path.read_bytes()


def test_of_whoever_was_erased_times_stay_and_nothing_else(books):
    talks, contacts, vault = books
    bring(talks, "c1", ("customer", 0), ("agent", 2))
    contacts.count(matter)
    bring(talks, "c1", ("customer", 3))
    vault.erase("of c1")
    assert contacts.count(matter) == 0
    assert counted(contacts) == [("", 120.0, 120.0)]
