"""Findings are kept with their message or not at all, once, and judged by the gravest first."""

from datetime import UTC, datetime, timedelta

import pytest

from finmodel.conversation_book import ConversationBook, Opened
from finmodel.conversations import Message
from finmodel.errors import BadInput, NotFound
from finmodel.finding_book import Examined, FindingBook, Found, Sought
from finmodel.vault import Vault

START = datetime(2026, 6, 3, 1, tzinfo=UTC)
PROMISE, PUSH = Found("promise", "replace", 0, 4), Found("collection", "block", 5, 9, "classifier")


def said(number, text="保证通过，不还上门"):
    at = START + timedelta(seconds=number)
    return Message(id=f"m{number}", who="agent", at=at, text=text)


@pytest.fixture
def books(tmp_path):
    vault = Vault(tmp_path / "vault" / "keys.db")
    talks = ConversationBook(tmp_path / "conversations" / "book.db", vault)
    yield talks, FindingBook(talks, vault), vault
    talks.close()
    vault.close()


def bring(books, *messages, name="c1", agent="li", scenario="repayment", found=(PROMISE,)):
    talks, findings, _ = books
    opened = Opened(
        id=name, customer=f"of {name}", started=START, channel="app", scenario=scenario, agent=agent
    )
    examined = Examined(agent, scenario, "brought", found)
    return talks.take(opened, messages, lambda one: findings.keep(name, one, examined))


def test_a_message_that_comes_again_is_found_in_once(books):
    for _ in range(2):
        bring(books, said(1), said(2), found=(PROMISE, PUSH, PROMISE))
    found = books[1].find(Sought(), 10)
    assert [(one.message, one.rule, one.severity) for one in found] == [
        ("m1", "collection", "block"), ("m2", "collection", "block"),
        ("m1", "promise", "replace"), ("m2", "promise", "replace"),
    ]  # fmt: skip
    assert (found[0].at, found[0].finder, found[0].start, found[0].end) == (
        said(1).at, "classifier", 5, 9,
    )  # fmt: skip
    bring(books, said(3), found=())
    assert books[1].share(START, START + timedelta(hours=1)) == (3, 2)


def test_of_a_message_that_is_refused_nothing_is_found(books):
    bring(books, said(1))
    with pytest.raises(BadInput, match="with other words"):
        bring(books, said(2), said(1, "别的话"))
    assert [one.message for one in books[1].find(Sought(), 10)] == ["m1"]


def test_findings_are_sought_by_rule_agent_scenario_and_verdict(books):
    bring(books, said(1))
    bring(books, said(1), name="c2", agent="wang", scenario="collection", found=(PUSH,))
    talks, findings, vault = books

    def seen(**sought):
        return [one.conversation for one in findings.find(Sought(**sought), 10)]

    assert seen() == ["c2", "c1"]
    assert (seen(rule="promise"), seen(agent="wang"), seen(scenario="repayment")) == (
        ["c1"], ["c2"], ["c1"],
    )  # fmt: skip
    assert findings.known() == {
        "rule": ["collection", "promise"], "agent": ["li", "wang"],
        "scenario": ["collection", "repayment"],
    }  # fmt: skip
    (one,) = findings.find(Sought(rule="promise"), 10)
    assert findings.judge(one.id, "false_alarm", "zhao", "张伟说的是活动", START)
    assert not findings.judge(one.id, "false_alarm", "zhao", "张伟说的是活动", START)
    assert (seen(), seen(state="false_alarm"), seen(state="")) == (["c2"], ["c1"], ["c2", "c1"])
    assert (findings.one(one.id).by, findings.note(one.id)) == ("zhao", "张伟说的是活动")
    assert "张伟".encode() not in talks.file.path.read_bytes()
    assert findings.judge(one.id, "confirmed", "qian", "", START)  # a mistake is put right
    assert findings.one(one.id).state == "confirmed"
    vault.erase("of c1")
    for work in (
        lambda: findings.note(one.id),
        lambda: findings.judge(one.id, "false_alarm", "zhao", "", START),
        lambda: findings.one("nobody"),
    ):
        with pytest.raises(NotFound):
            work()
