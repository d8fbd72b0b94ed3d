"""A topic that is given more partitions while it is written and counted: the cut-over."""

from pathlib import Path

import numpy as np
import pytest
from kafka import KafkaProducer

from feature_store.event_log import FileEventLog, append_all, partition_of
from feature_store.online import OnlineFeatures
from feature_store.stream import catch_up
from feature_store.text_hash import hash_of
from finmodel.events import encode, topic_of
from finmodel.lender.simulated import Lender
from tests.feature_store.kafka import admin, forget_topics, open_log
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
