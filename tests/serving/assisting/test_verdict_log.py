"""A verdict stands in the event log once, its words sealed, and is gone with its customer."""

import dataclasses
import sqlite3
from contextlib import closing
from datetime import timedelta

import pytest

from feature_store.event_log import FileEventLog, partition_of
from finmodel.errors import NotFound
from finmodel.event_broker import EventBroker
from finmodel.judged_events import JudgedWords, log_number, words_of
from finmodel.records import Person
from finmodel.vault import Vault
from finmodel.verdict_outbox import VerdictOutbox
from serving.assisting import verdict_log
from serving.assisting.desk import open_assist_desk
from serving.assisting.verdict_log import TOPIC, VerdictLog, pass_on
from serving.forgetting.erasing import Asked, erase, where
from serving.telemetry import Telemetry
from tests.feature_store.kafka import forget_topics, open_log
from tests.serving.assist_world import NOW, assist_world, brought, message
from tests.serving.small_world import wait_until

AUDITOR = Person("zhou", frozenset({"auditor"}))
SAID = "我叫王小明，想提前结清，一共要还多少钱"


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    monkeypatch.setattr(verdict_log, "PACE_S", 0.02)
    monkeypatch.setattr(verdict_log, "AGAIN_S", 0.05)


def judge(world, customer="30000", name="c1", change=str, **given):
    """One suggestion that li is shown, taken as `change` makes it."""
    with world.client() as li:
        said = brought(message(1, SAID), customer=customer)
        assert li.post(f"/conversations/{name}/messages", json=said).status_code == 200
        told = li.post("/suggest", json={"conversation": name}).json()
        text = change(told["suggestions"][0]["text"])
        sent = {"shown": told["shown"], "place": 1, "text": text} | given
        answer = li.post("/feedback", json=sent)
        assert answer.status_code == 200, answer.text
        assert li.post("/feedback", json=sent).json() == answer.json()  # a press that came twice
        return told, sent, answer.json()


def events_of(log):
    return [
        event
        for partition in range(log.partitions)
        for batch in log.read(TOPIC, partition)
        for event in batch.events()
    ]


def in_log(here):
    return events_of(FileEventLog(here.events)) if here.events.exists() else []


def waiting(here):
    with (
        closing(Vault(here.vault)) as vault,
        closing(VerdictOutbox(here.suggestions, vault)) as outbox,
    ):
        return outbox.waiting(9)


def test_whatever_is_sent_stands_in_the_log_and_what_cannot_be_read_holds_up_no_other(tmp_path):
    with assist_world(tmp_path / "home") as world:
        here = world.desk.settings
        judge(world, change=lambda text: text + "\x01" * 9_000)
        wait_until(lambda: len(in_log(here)) == 1, 20)
        with FileEventLog(here.events, write=True):  # held, so that these wait
            judge(world, name="c2", change=lambda text: text + "吧")
            judge(world, name="c3", change=lambda text: text + "哦")
            with closing(sqlite3.connect(here.suggestions)) as book, book:
                book.execute("UPDATE to_log SET sealed = x'00' WHERE shown = "
                             "(SELECT shown FROM to_log ORDER BY rowid LIMIT 1)")  # fmt: skip
        wait_until(lambda: len(in_log(here)) == 2, 20)
    with closing(Vault(here.vault)) as vault:
        VerdictLog(here, vault).close()  # the next service opens
        words = [words_of(one, vault) for one in in_log(here)]
    assert len([one for one in words if one.text.count("\x01") > 4_000]) == 1


def test_feedback_stands_in_the_log_once_with_its_words_masked_and_sealed(tmp_path):
    with assist_world(tmp_path / "home") as world:
        here = world.desk.settings
        told, sent, heard = judge(world, change=lambda text: f"王小明您好，{text}")
        wait_until(lambda: in_log(here), 20)
        judge(world, name="c2", text="", place=0, reason="王小明的电话13800138000不对")
        taken = judge(world, customer="顾客-7", name="c3")
        wait_until(lambda: len(in_log(here)) == 3, 20)
    edited, rejected, accepted = sorted(in_log(here), key=lambda one: one.conversation_id)
    suggestion = told["suggestions"][0]
    assert edited.event_id == f"verdict-{told['shown']}"
    assert (edited.customer_id, edited.conversation_id) == (30000, "c1")
    assert edited.suggestion_id == told["shown"]
    assert edited.occurred_at == edited.known_at == NOW
    assert (edited.verdict, edited.rank, edited.written_by) == ("edited", 1, "script")
    assert (edited.adapter, edited.scenario) == ("", "repayment")
    assert edited.characters == len(sent["text"])
    assert edited.characters_saved == round(heard["saved"] * len(sent["text"])) > 20
    assert edited.distance_bp == round(6 / len(sent["text"]) * 10_000)
    assert (rejected.verdict, rejected.rank) == ("rejected", 0)
    assert (rejected.distance_bp, rejected.characters_saved) == (10_000, 0)
    assert (accepted.verdict, accepted.rank, accepted.distance_bp) == ("accepted", 1, 0)
    with closing(Vault(here.vault)) as vault:
        words = words_of(edited, vault)
        assert words.text.startswith("[姓名1]您好，")
        assert "{settlement_total}" in words.text
        assert (words.script, words.intent) == (suggestion["script"], "early_settlement")
        assert words_of(rejected, vault) == JudgedWords(
            text="", reason="[姓名1]的电话[手机号1]不对", intent=words.intent, script=words.script
        )
        assert accepted.customer_id == log_number("顾客-7", vault) != log_number("顾客-8", vault)
    assert taken[0]["shown"] == accepted.suggestion_id
    written = b"".join(one.read_bytes() for one in here.events.rglob("*.log"))
    for secret in ("王小明", "姓名1", "early_settlement", "8,123", "顾客", "不对"):
        assert secret.encode() not in written
    assert waiting(here) == []


@pytest.mark.parametrize("customer", ["30000", "顾客-7"])
def test_an_erased_customers_verdicts_leave_the_log_and_no_copy_can_be_read(tmp_path, customer):
    with assist_world(tmp_path / "home") as world:
        here = world.desk.settings
        for name, who in (("c1", customer), ("c2", "40000")):
            judge(world, customer=who, name=name)
        wait_until(lambda: len(in_log(here)) == 2, 20)
    (copied,) = [one for one in in_log(here) if one.conversation_id == "c1"]
    later = dataclasses.replace(here, standing_clock=(NOW + timedelta(days=1)).isoformat())
    assert {one.store: one.count for one in where(later, customer)}["event log"] == 1
    told = erase(later, Asked(customer, "the customer asked"), AUDITOR)
    assert told.answer == "erased", told.said  # no law keeps what somebody made of a suggestion
    assert told.removed["event log"] == 1
    assert [one.conversation_id for one in in_log(here)] == ["c2"]
    with closing(Vault(here.vault)) as vault, pytest.raises(NotFound, match="erased"):
        words_of(copied, vault)


def test_a_verdict_whose_customer_is_erased_before_it_is_written_never_is(tmp_path):
    with assist_world(tmp_path / "home") as world:
        here = world.desk.settings
        with FileEventLog(here.events, write=True):  # nobody else may write
            judge(world)
            world.desk.verdict_log.close()
        assert len(waiting(here)) == 1
    erase(here, Asked("30000", "the customer asked"), AUDITOR)
    assert waiting(here) == []
    with closing(Vault(here.vault)) as vault:
        VerdictLog(here, vault).close()
    assert in_log(here) == []


def test_a_log_that_is_busy_is_written_when_it_is_free(tmp_path):
    with assist_world(tmp_path / "home") as world:
        here = world.desk.settings
        with FileEventLog(here.events, write=True, partitions=3):  # its own number stays
            judge(world)
        wait_until(lambda: in_log(here), 20)


@pytest.mark.parametrize("written", [False, True], ids=["before", "behind"])
def test_who_dies_at_the_writing_leaves_neither_none_nor_two(tmp_path, written):
    """Killed between what the outbox keeps and the log, on either side of it."""
    with assist_world(tmp_path / "home") as world:
        here = world.desk.settings
        with FileEventLog(here.events, write=True) as log:
            judge(world)
            world.desk.verdict_log.close()
            with (
                closing(Vault(here.vault)) as vault,
                closing(VerdictOutbox(here.suggestions, vault)) as outbox,
            ):
                (one,) = outbox.waiting(9)
                place = partition_of(one.event.customer_id, log.partitions)
                outbox.begin({one.shown: log.end_offsets(TOPIC)[place]})
                if written:
                    log.append(TOPIC, [one.event])
    assert len(in_log(here)) == written
    with open_assist_desk(here, Telemetry()):  # the next service catches up by itself
        wait_until(lambda: not waiting(here), 20)
    (found,) = in_log(here)
    assert found == one.event


@pytest.mark.servers
def test_kafka_gets_it_where_one_is_named(broker, tmp_path):
    forget_topics(broker, TOPIC)
    with assist_world(tmp_path / "home", kafka=EventBroker(broker.address)) as world:
        here = world.desk.settings
        told, _, _ = judge(world)
        wait_until(lambda: not waiting(here), 60)
        judge(world, name="c2")
        wait_until(lambda: not waiting(here), 60)
    with open_log(broker) as log:
        found = events_of(log)
        assert [one.conversation_id for one in found] == ["c1", "c2"]
        assert found[0].suggestion_id == told["shown"]
        with (
            closing(Vault(here.vault)) as vault,
            closing(VerdictOutbox(here.suggestions, vault)) as outbox,
        ):
            assert "{settlement_total}" in words_of(found[0], vault).text
            pass_on(outbox, log)
        assert len(events_of(log)) == 2
    assert not here.events.exists()
    forget_topics(broker, TOPIC)
