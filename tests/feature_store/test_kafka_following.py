"""A topic that is given more partitions while it is written and counted: the cut-over."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from kafka import KafkaProducer, TopicPartition

from feature_store.event_log import FileEventLog, append_all, partition_of
from feature_store.kafka_group import KafkaGroup
from feature_store.kafka_log import KafkaEventLog
from feature_store.kafka_settings import KafkaSettings
from feature_store.online import OnlineFeatures
from feature_store.stream import Stream, catch_up
from feature_store.stream_worker import work
from feature_store.text_hash import hash_of
from finmodel.events import encode, topic_of
from finmodel.lender.simulated import Lender
from tests.feature_store.kafka import SOON, admin, forget_topics, open_log
from tests.feature_store.test_stream import PLANS, SERVICE, writer_at

TOPICS = [plan.topic for plan in PLANS]
CUSTOMERS = 60


def features(folder: Path, as_of) -> np.ndarray:
    ids = np.arange(1, CUSTOMERS + 1)
    return OnlineFeatures(folder).fetch(ids, SERVICE, as_of).matrix


@pytest.mark.servers
def test_a_topic_that_grows_loses_nothing_and_doubles_nothing(broker, tmp_path):
    """Old producers go on by the old number for a while, and a customer comes by two roads."""
    lender = Lender(customers=CUSTOMERS, days=60, seed=8, late_share=0.1, twice_share=0.1)
    events = [event for event in lender.events() if topic_of(event) in TOPICS]
    with FileEventLog(tmp_path / "events", write=True) as files:
        append_all(files, events)
        catch_up(files, writer_at(tmp_path / "files"), PLANS)
    forget_topics(broker)
    folder, third = tmp_path / "online", len(events) // 3
    with open_log(broker) as old:
        for topic in TOPICS:
            old.create(topic, 4)
        append_all(old, events[:third])
        catch_up(old, writer_at(folder), PLANS)
        with admin(broker) as client:
            client.create_partitions(dict.fromkeys(TOPICS, 8))
        producer, moved = KafkaProducer(bootstrap_servers=broker.address), 0
        with open_log(broker) as new:
            for start in range(third, len(events), 200):
                for event in events[start : start + 200]:
                    # One producer in three has not heard of the new partitions; what it sends
                    # again it sends the same way.
                    stale = hash_of(event.event_id) % 3 == 0 and start < 2 * third
                    partition = partition_of(event.customer_id, 4 if stale else 8)
                    moved += partition >= 4
                    key = str(event.customer_id).encode()
                    producer.send(topic_of(event), encode(event), key, partition=partition)
                producer.flush()
                catch_up(new, writer_at(folder), PLANS)
            counted = catch_up(new, writer_at(folder), PLANS)
            assert [one.events for one in counted] == [0, 0]
            assert moved > 40
            assert sum(sum(new.end_offsets(topic)) for topic in TOPICS) == len(events)
        producer.close()
    as_of = max(event.known_at for event in events)
    np.testing.assert_array_equal(features(folder, as_of), features(tmp_path / "files", as_of))


@pytest.mark.servers
def test_what_the_log_forgot_is_told_once_and_stops_nothing(broker, tmp_path):
    lender = Lender(customers=CUSTOMERS, days=60, seed=5)
    events = [event for event in lender.events() if topic_of(event) in TOPICS]
    forget_topics(broker)
    with open_log(broker) as log:
        for topic in TOPICS:
            log.create(topic, 1)
        login, third = PLANS[1].topic, len(events) // 3
        append_all(log, events[:third])
        catch_up(log, writer_at(tmp_path), PLANS)
        append_all(log, events[third : 2 * third])
        kept = log.end_offsets(login)[0]
        append_all(log, events[2 * third :])
        with admin(broker) as client:
            client.delete_records({TopicPartition(login, 0): kept})
        counted = catch_up(log, writer_at(tmp_path), PLANS)
        again = catch_up(log, writer_at(tmp_path), PLANS)
    told = {one.topic: one for one in counted}
    logins = [topic_of(event) == login for event in events]
    assert told[login].events == sum(logins[2 * third :]) > 0
    assert told[login].lost == sum(logins[third : 2 * third]) > 0
    assert told[PLANS[0].topic].lost == 0 < told[PLANS[0].topic].events
    assert [(one.lost, one.events) for one in again] == [(0, 0), (0, 0)]


@pytest.mark.servers
def test_a_topic_made_anew_with_fewer_partitions_is_counted_from_its_start(broker, tmp_path):
    lender = Lender(customers=CUSTOMERS, days=30, seed=5)
    events = [event for event in lender.events() if topic_of(event) in TOPICS]
    for partitions in (4, 2):
        forget_topics(broker)
        with open_log(broker) as log:
            for topic in TOPICS:
                log.create(topic, partitions)
            append_all(log, events)
            counted = catch_up(log, writer_at(tmp_path), PLANS)
            assert sum(one.events for one in counted) == len(events)
    assert sum(one.repeated for one in counted) > 0  # what its own ids still know


@pytest.mark.servers
def test_a_partition_that_ends_before_what_was_counted_is_told_and_the_others_go_on(
    broker, tmp_path, caplog
):
    forget_topics(broker)
    with open_log(broker) as log:
        for topic in TOPICS:
            log.create(topic, 2)
        ahead, fine = (TOPICS[0], 0), (TOPICS[0], 1)
        with log.follow({ahead: 7, fine: 0}) as following:
            event = next(
                e for e in Lender(customers=CUSTOMERS, days=60).events() if topic_of(e) == fine[0]
            )
            producer = KafkaProducer(bootstrap_servers=broker.address)
            producer.send(fine[0], encode(event), partition=1).get(10)
            producer.close()
            (batch,) = following.poll(5)
    assert (batch.partition, len(batch)) == (1, 1)
    assert f"{TOPICS[0]}[0] ends at offset 0 and was counted up to 7" in caplog.text


@pytest.mark.servers
def test_a_worker_outlives_its_broker(broker, tmp_path, caplog):
    lender = Lender(customers=CUSTOMERS, days=60, seed=5)
    events = [event for event in lender.events() if topic_of(event) in TOPICS]
    half, stop, counted = len(events) // 2, threading.Event(), []

    def run() -> None:
        settings = KafkaSettings(broker.address, SOON)
        with KafkaEventLog(settings) as log, KafkaGroup(settings, "outlives") as member:
            writer = writer_at(tmp_path)
            work(
                lambda: Stream(log, writer, PLANS),
                log,
                member,
                stop=stop.is_set,
                tell=lambda one: counted.extend(one.counted),
            )

    def wait_for(total: int) -> None:
        late = time.monotonic() + 60
        while sum(one.events for one in counted) < total:
            assert not worker.done(), worker.exception()
            assert time.monotonic() < late
            time.sleep(0.1)

    forget_topics(broker)
    with open_log(broker) as log:
        for topic in TOPICS:
            log.create(topic, 2)
        append_all(log, events[:half])
    pool = ThreadPoolExecutor(1)
    worker = pool.submit(run)
    try:
        wait_for(half)
        broker.kill()
        late = time.monotonic() + 30
        while "waiting: " not in caplog.text and not worker.done():
            assert time.monotonic() < late
            time.sleep(0.1)
        broker.start()
        with open_log(broker) as log:
            append_all(log, events[half:])
        wait_for(len(events))
    finally:
        broker.start()
        stop.set()
        worker.result()
    assert sum(one.counted for one in counted) + sum(
        one.repeated + one.late + one.ahead for one in counted
    ) == len(events)
