"""A lender's own topics on a real Kafka, counted as ours; what is no event is kept and told."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from kafka import KafkaProducer, TopicPartition

from feature_store.dead_letters import FileDeadLetters, read_dead
from feature_store.online import OnlineFeatures
from feature_store.plan import FeaturePlan, ServicePlan, ViewPlan
from feature_store.stream import Stream, catch_up
from feature_store.topic_file import load_topic_maps
from feature_store.translated_log import TranslatedLog
from finmodel.errors import Refused
from tests.feature_store.kafka import admin, forget_topics, open_log
from tests.feature_store.test_stream import plan, writer_at

SOURCE, OURS = "core.repay", "loan.repayment.v1"
MAPS = f"""
topics:
  - source: {SOURCE}
    topic: {OURS}
    format: json
    fields:
      event_id: serial
      customer_id: cust
      occurred_at: {{from: paid_at, convert: local_time, zone: Asia/Shanghai}}
      known_at: {{record_time: true}}
      channel: {{from: ch, values: {{1: app, 2: auto_debit}}}}
      status: {{constant: full}}
      currency: {{constant: CNY}}
      amount_minor: {{from: amt, convert: yuan_to_fen}}
"""
PLAN = plan(OURS, "repaid", ("count", "event_id"), ("sum", "amount_minor"))
SERVICE = ServicePlan(
    "s_v1",
    "customer_id",
    "int64",
    (ViewPlan("repaid", 0.0, tuple(FeaturePlan(a.name, "Float32") for a in PLAN.aggregates)),),
)


def row(serial: int, amount: str = "12.34", **changes) -> bytes:
    paid = datetime.now(UTC) + timedelta(hours=8, minutes=-5)
    told = {"serial": f"r{serial}", "cust": serial % 3 + 1, "amt": amount, "ch": "1"}
    told |= {"paid_at": f"{paid:%Y-%m-%d %H:%M:%S}", "other": {"kept": "out"}} | changes
    return json.dumps(told).encode()


@pytest.fixture
def source(broker):
    """The lender's topic, partitioned as it likes."""
    forget_topics(broker)
    with admin(broker) as client:
        if SOURCE in client.list_topics():
            client.delete_topics([SOURCE])
        client.create_topics({SOURCE: {"num_partitions": 2}}, wait_for_metadata=True)
    producer = KafkaProducer(bootstrap_servers=broker.address)
    yield producer
    producer.close()


@pytest.fixture
def maps(tmp_path: Path):
    path = tmp_path / "topics.yaml"
    path.write_text(MAPS)
    return load_topic_maps(path)


@pytest.mark.servers
def test_a_lenders_topic_is_counted_as_ours(broker, source, maps, tmp_path):
    bad = [row(90, amount="1.005"), b"\xff{", row(91, ch="9"), None, row(92, cust=None)]
    values = [row(serial) for serial in range(30)] + bad + [row(31)]
    for number, value in enumerate(values):
        source.send(SOURCE, value, b"k", partition=number % 2)
    source.flush()
    letters = FileDeadLetters(tmp_path / "dead")
    with open_log(broker) as kafka:
        log = TranslatedLog(kafka, maps, letters)
        assert log.topics() == (OURS,)
        assert sum(log.end_offsets(OURS)) == len(values)
        (told,) = catch_up(log, writer_at(tmp_path / "online"), [PLAN])
        again = catch_up(log, writer_at(tmp_path / "online"), [PLAN])
        with pytest.raises(Refused, match=f"{OURS}: it is read .*; write to {SOURCE}"):
            log.append(OURS, [])
    assert (told.counted, told.events, again[0].events) == (31, 31, 0)
    assert (told.unread, again[0].unread) == (5, 0)
    assert log.rejected == {SOURCE: 5}
    kept = list(read_dead(tmp_path / "dead"))
    assert {letter.topic for letter in kept} == {SOURCE}
    assert {(2 * letter.offset + letter.partition) for letter in kept} == set(range(30, 35))
    assert sorted(letter.reason.partition(":")[0] for letter in kept) == [
        "broken_bytes",
        "missing",
        "tombstone",
        "too_precise",
        "unknown_value",
    ]
    batch = OnlineFeatures(tmp_path / "online").fetch([1, 2, 3], SERVICE, datetime.now(UTC))
    sums = dict(zip(batch.names, batch.matrix.sum(axis=0), strict=True))
    assert sums["repaid_0_count_7d"] == 31
    np.testing.assert_allclose(sums["repaid_1_sum_7d"], 31 * 1234)


@pytest.mark.servers
def test_what_is_no_event_of_our_own_topic_is_kept_and_stops_nothing(broker, tmp_path):
    forget_topics(broker)
    now = datetime.now(UTC)
    good = {
        "topic": OURS,
        "event_id": "e",
        "customer_id": 1,
        "occurred_at": now.isoformat(),
        "known_at": now.isoformat(),
        "channel": "app",
        "status": "full",
        "currency": "CNY",
        "amount_minor": 5,
    }
    future = (now + timedelta(days=400)).isoformat()
    cases = [
        (b"{", "broken_bytes"),
        (json.dumps(good | {"amount_minor": "5"}).encode(), "wrong_type"),
        (json.dumps(good | {"customer_id": None}).encode(), "missing"),
        (json.dumps(good | {"topic": "loan.repayment.v7"}).encode(), "unknown_version"),
        (json.dumps(good | {"occurred_at": future, "known_at": future}).encode(), "known_ahead"),
        (None, "empty"),
        (b"", "empty"),
    ]
    producer = KafkaProducer(bootstrap_servers=broker.address)
    letters = FileDeadLetters(tmp_path / "dead")
    with open_log(broker) as log:
        log.create(OURS, 1)
        for value, _ in cases:
            producer.send(OURS, value, b"1", partition=0)
        old = {"occurred_at": "1970-01-01T00:00:00Z", "event_id": "old"}
        for one in (good, good | old, good | {"event_id": "e2", "colour": "red"}):
            producer.send(OURS, json.dumps(one).encode(), partition=0)
        producer.flush()
        stream = Stream(log, writer_at(tmp_path / "online"), [PLAN], dead=letters)
        with log.follow(stream.starts()) as following:
            (told,) = stream.count(following.poll(5))
    producer.close()
    assert (told.counted, told.late, told.unread) == (2, 1, len(cases))
    kept = [letter.reason.partition(":")[0] for letter in read_dead(tmp_path / "dead")]
    assert kept == [reason for _, reason in cases]
    assert [letter.value for letter in read_dead(tmp_path / "dead")] == [v for v, _ in cases]


@pytest.mark.servers
def test_what_the_log_forgot_is_told_of_a_lenders_own_topic_too(broker, source, maps, tmp_path):
    for serial in range(6):
        source.send(SOURCE, row(serial), partition=0).get(10)
    with admin(broker) as client:
        client.delete_records({TopicPartition(SOURCE, 0): 4})
    with open_log(broker) as kafka:
        log = TranslatedLog(kafka, maps, FileDeadLetters(tmp_path / "dead"))
        (told,) = catch_up(log, writer_at(tmp_path / "online"), [PLAN])
    assert (told.lost, told.counted) == (4, 2)
