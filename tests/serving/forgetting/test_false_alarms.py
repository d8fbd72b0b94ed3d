"""A customer's false alarms leave the guards' cases, and nobody else's do."""

from contextlib import closing
from datetime import UTC, datetime

import pytest

from finmodel.assistant.guards.cases import Case
from finmodel.conversation_book import ConversationBook, Opened
from finmodel.conversations import Message
from finmodel.errors import BadInput
from finmodel.finding_book import Examined, FindingBook, Found, Sought
from finmodel.guard_cases import GuardCases
from finmodel.settings import Settings
from finmodel.vault import Vault
from serving.forgetting.false_alarms import forget_in_cases, held_in_cases

AT = datetime(2026, 6, 3, 2, tzinfo=UTC)
FOUND = (Found("promise", "replace", 0, 2), Found("collection", "block", 2, 4))


@pytest.fixture
def home(tmp_path):
    """Two customers in whose conversations something was found; no case yet."""
    here = Settings(home=tmp_path / "home", data=tmp_path)
    said = Message(id="m1", who="agent", at=AT, text="保证通过")
    with (
        closing(Vault(here.vault)) as vault,
        closing(ConversationBook(here.conversations, vault)) as talks,
    ):
        findings = FindingBook(talks, vault)
        for who in ("u1", "u2"):
            opened = Opened(
                id=f"of {who}", customer=who, started=AT, channel="app", scenario="repayment",
                agent="li",
            )  # fmt: skip
            examined = Examined("li", "repayment", "typed", FOUND)
            talks.take(
                opened,
                [said],
                lambda one, name=opened.id, read=examined: findings.keep(name, one, read),
            )
        ids = {}
        for one in findings.find(Sought(), 9):
            ids.setdefault(one.conversation, []).append(one.id)
    return here, ids


def case(name):
    return Case(id=name, rule="promise", expected="none", text="保证", by="zhao", at=AT)


def test_cases_of_one_customer_go_and_those_of_others_or_of_an_editor_stay(home):
    here, ids = home
    assert (held_in_cases(here, "u1").count, forget_in_cases(here, "u1")) == (0, 0)
    assert not here.guard_cases.exists()
    cases = GuardCases(here.guard_cases)
    for name in [*ids["of u1"], ids["of u2"][0], "by hand"]:
        cases.put(case(name))
    assert held_in_cases(here, "u1").count == 2
    assert forget_in_cases(here, "u1") == 2
    assert [one.id for one in cases.every()] == [ids["of u2"][0], "by hand"]
    assert (held_in_cases(here, "u1").count, held_in_cases(here, "u2").count) == (0, 1)


def test_a_file_that_an_editor_broke_stops_the_erasure_and_is_named(home):
    here, _ = home
    GuardCases(here.guard_cases).put(case("f1"))
    here.guard_cases.write_text(here.guard_cases.read_text() + "{\n")
    with pytest.raises(BadInput, match="line 2"):
        forget_in_cases(here, "u1")
