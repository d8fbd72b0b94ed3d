"""`finmodel customer` as an auditor types it."""

from contextlib import closing
from datetime import UTC, datetime

import pytest

from finmodel.conversation_book import ConversationBook, Opened
from finmodel.conversations import Message
from finmodel.settings import Settings
from finmodel.vault import Vault
from serving.access import People
from tests.serving.demo_shell import Shell

AT = datetime(2026, 6, 3, 2, tzinfo=UTC)


@pytest.fixture
def shell(tmp_path):
    here = Settings(home=tmp_path / "home", data=tmp_path)
    opened = Opened(
        id="c1", customer="u1", started=AT, channel="app", scenario="repayment", agent="li"
    )
    with (
        closing(Vault(here.vault)) as vault,
        closing(ConversationBook(here.conversations, vault)) as book,
    ):
        book.take(opened, [Message(id="m1", who="customer", at=AT, text="在吗")])
    return Shell(here.home)


def test_an_auditor_alone_erases_and_everybody_is_told_what_is_held(shell):
    people = People(shell.home / "people.json")
    key = people.add("zhou", {"auditor"})
    words = ("customer", "erase", "u1", "--reason", "asked", "--json")
    refused = shell.finmodel(*words, key=people.add("li", {"agent"}))
    assert (refused.code, "auditor" in refused.err) == (2, True)
    held = shell.finmodel("customer", "where", "u1", "--json").json
    assert {one["store"]: one["held"] for one in held if one["held"]} == {"conversations": 1}
    told = shell.finmodel(*words, key=key)
    assert told.json["answer"] == "erased", told.err
    assert told.json["removed"]["conversations"] == 1
    again = shell.finmodel(*words, key=key)
    assert (again.code, "nothing is held of this customer" in again.err) == (2, True)
    swept = shell.finmodel("customer", "sweep", "--dry-run", "--json", key=key).json
    assert swept == {"restricted": 0, "due": 0, "erased": 0, "next": ""}
