"""Messages come twice, late and in pieces; a conversation is read whole, once, in its order."""

from datetime import UTC, datetime, timedelta, timezone
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finmodel.assistant.hints import Hint
from finmodel.conversation_book import ConversationBook, Opened, identity_of
from finmodel.conversations import Message
from finmodel.errors import BadInput, NotFound
from finmodel.vault import Vault

START = datetime(2026, 6, 3, 1, tzinfo=UTC)


def opened(name="c1", customer="u1", agent="li"):
    return Opened(
        id=name, customer=customer, started=START, channel="app", scenario="repayment", agent=agent
    )


def said(number, text=None, who="customer", identity="none"):
    at = START + timedelta(seconds=number)
    return Message(id=f"m{number}", who=who, at=at, text=text or f"第{number}句", identity=identity)


@pytest.fixture
def book(tmp_path):
    vault = Vault(tmp_path / "vault" / "keys.db")
    found = ConversationBook(tmp_path / "conversations" / "book.db", vault)
    yield found
    found.close()
    vault.close()


def test_a_message_that_comes_twice_is_kept_once(book):
    first = book.take(opened(), [said(1), said(2)])
    assert (first.new, first.again, first.last) == (2, 0, "m2")
    in_china = said(2).at.astimezone(timezone(timedelta(hours=8)))
    again = book.take(opened(), [msgspec.structs.replace(said(2), at=in_china), said(3)])
    assert (again.new, again.again, again.last) == (1, 1, "m3")
    assert [one.id for one in book.read("c1").messages] == ["m1", "m2", "m3"]


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_in_whatever_order_and_pieces_they_come_a_conversation_reads_the_same(data):
    messages = [said(n) for n in range(8)]
    sent = data.draw(st.permutations(messages)) + data.draw(st.lists(st.sampled_from(messages)))
    cut = data.draw(st.integers(0, len(sent)))
    with TemporaryDirectory() as folder:
        vault = Vault(Path(folder) / "keys.db")
        book = ConversationBook(Path(folder) / "book.db", vault)
        new = book.take(opened(), sent[:cut]).new + book.take(opened(), sent[cut:]).new
        assert new == len(messages)
        assert list(book.read("c1").messages) == messages
        book.close()
        vault.close()


def test_of_messages_that_are_refused_none_is_kept(book):
    book.take(opened(), [said(1)])
    for wrong, told in (
        ([said(2), said(1, "别的话")], "'m1' was brought before, with other words"),
        ([said(3), said(4, " ")], "message m4: it is empty"),
        ([said(5, "啊" * 100_001)], "at most 100,000"),
        ([said(6, "啊" * 40_000), said(7, "啊" * 40_000)], "at most 64,000 are kept"),
    ):
        with pytest.raises(BadInput, match=told):
            book.take(opened(), wrong)
        with pytest.raises(BadInput, match=told):
            book.take(opened("c2", "u2"), [said(1), *wrong])
    assert [one.id for one in book.read("c1").messages] == ["m1"]
    with pytest.raises(NotFound):
        book.read("c2")


def test_an_unknown_conversation_and_one_of_somebody_else_are_sentences(book):
    with pytest.raises(NotFound, match="no conversation of this id has begun"):
        book.add("c9", said(1))
    with pytest.raises(NotFound, match="no conversation of this id has begun"):
        book.read("c9")
    book.take(opened(), [said(1)])
    with pytest.raises(BadInput, match="began with another customer"):
        book.take(opened(customer="u2"), [said(1)])
    with pytest.raises(BadInput, match="began with another agent"):
        book.take(opened(agent="wang"), [said(1)])
    assert book.agent_of("c1") == "li"


def test_an_agent_sees_the_latest_conversation_first_and_nobody_elses(book):
    for name, agent in (("c1", "li"), ("c2", "li"), ("c3", "wang")):
        book.take(opened(name, customer=f"u {name}", agent=agent), [said(1)])
    book.add("c1", said(5, "我想提前还款"))
    book.add("c1", said(6, "好的", "agent", "verified"))
    found = book.of("li")
    assert [one.id for one in found] == ["c1", "c2"]
    assert [identity_of(one) for one in found] == ["verified", "none"]


def test_a_customers_conversations_are_found_whoever_their_agents_are(book):
    book.take(opened(), [said(1)])
    book.take(opened("c2", agent="wang"), [said(2), said(3)])
    book.take(opened("c3", customer="u2"), [said(4)])
    assert [(one.id, len(one.messages)) for one in book.of_customer("u1")] == [("c1", 1), ("c2", 2)]
    assert book.of_customer("nobody") == []


def test_hints_lie_sealed_beside_a_conversation_and_are_no_part_of_it(book, tmp_path):
    hint = Hint(kind="risk", chinese="评分偏低", english="a low score", source="d1", at=START)
    book.take(msgspec.structs.replace(opened(), hints=(hint,)), [said(1)])
    assert book.hints("c1") == (hint,)
    assert "评分" not in msgspec.json.encode(book.read("c1")).decode()
    whole = b"".join(one.read_bytes() for one in (tmp_path / "conversations").iterdir())
    assert "评分".encode() not in whole
    with pytest.raises(NotFound):
        book.hints("none")


def test_what_is_known_of_a_conversation_may_come_later(book):
    book.take(opened(), [said(1), said(2, who="agent")])
    assert book.to_train() == []
    late = msgspec.structs.replace(
        opened(),
        consent_to_training=True,
        facts={"amount_due": 805_260},
        started=START + timedelta(9),
    )
    assert book.take(late, []).last == "m2"
    found = book.read("c1")
    assert (found.facts, found.started) == ({"amount_due": 805_260}, START)
    assert book.to_train() == [found]


def test_what_is_not_told_again_stays_and_what_is_told_replaces_it(book):
    known = {"account": "current", "facts": {"amount_due": 1}, "consent_to_training": True}

    def found():
        one = book.read("c1")
        return {name: getattr(one, name) for name in known}

    book.take(msgspec.structs.replace(opened(), **known), [said(1)])
    book.take(opened(), [said(2)])
    assert found() == known
    other = {"account": "overdue", "facts": {}, "consent_to_training": False}
    for name, value in other.items():
        book.take(msgspec.structs.replace(opened(), **{name: value}), [])
        known[name] = value
        assert found() == known


def test_one_more_message_writes_nothing_else_anew(book):
    def header():  # sealed anew it would be other bytes
        return book._file.row("SELECT sealed FROM conversation")

    book.take(opened(), [said(1)])
    before = header()
    assert book.add("c1", said(2)).new == 1
    assert book.add("c1", said(2)).again == 1
    assert header() == before


def test_no_words_and_no_customer_stand_readable_in_the_file(book, tmp_path):
    book.take(opened(customer="customer-of-ours"), [said(1, "我的身份证号是秘密")])
    whole = b"".join(one.read_bytes() for one in (tmp_path / "conversations").iterdir())
    assert "秘密".encode() not in whole
    assert b"customer-of-ours" not in whole


def test_once_the_key_is_erased_nobody_reads_the_conversation(book):
    for name, customer in (("c1", "u1"), ("c2", "u2")):
        book.take(opened(name, customer), [said(1)])
    book._vault.erase("u1")
    with pytest.raises(NotFound, match="key was erased"):
        book.read("c1")
    assert [one.id for one in book.of("li", 1)] == [one.id for one in book.of("li")] == ["c2"]


def test_whose_conversation_it_is_no_other_agent_learns(book):
    book.take(opened(), [said(1)])
    for _ in ("kept", "erased"):
        for guess in ("u1", "u2"):
            with pytest.raises(BadInput, match="began with another agent"):
                book.take(opened(customer=guess, agent="wang"), [said(2)])
        book._vault.erase("u1")
    assert book._vault.known("u2") is None


def test_nothing_makes_a_key_for_a_customer_who_was_erased(book):
    vault = book._vault
    book.take(opened(), [said(1)])
    ref = book.ref_of("c1")
    vault.erase("u1")
    for act in (
        lambda: book.add("c1", said(2)),
        lambda: book.take(opened(), [said(2)]),
    ):
        with pytest.raises(NotFound, match="key was erased"):
            act()
    assert book.of_customer("u1") == []
    assert vault.known("u1") is None
    book.take(opened("c2"), [said(3)])
    assert book.ref_of("c2") != ref == book.ref_of("c1")


def _bring_all(folder, turn):
    vault = Vault(folder / "vault" / "keys.db")
    book = ConversationBook(folder / "conversations" / "book.db", vault)
    for number in range(20):
        book.take(opened(), [said(100 * turn + number), said(1_000 + number)])
    book.close()
    vault.close()


def test_several_processes_bring_messages_of_one_conversation(book, tmp_path):
    context = get_context("spawn")
    workers = [context.Process(target=_bring_all, args=(tmp_path, turn)) for turn in (1, 2)]
    for one in workers:
        one.start()
    for one in workers:
        one.join(60)
    assert [one.exitcode for one in workers] == [0, 0]
    ids = [one.id for one in book.read("c1").messages]
    assert len(ids) == len(set(ids)) == 60


def test_nothing_is_learnt_of_whom_must_be_left_out(book):
    consenting = msgspec.structs.replace(opened(), consent_to_training=True)
    book.take(consenting, [said(1), said(2, who="agent")])
    assert [one.id for one in book.to_train()] == ["c1"]
    assert book.to_train({book.ref_of("c1")}) == []
