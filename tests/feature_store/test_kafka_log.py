"""The Kafka log against a real broker that goes away, is killed, and refuses.

What it shares with the file log is in test_event_log.py.
"""

import logging
import threading
from contextlib import closing
from itertools import pairwise

import pytest
from kafka import KafkaConsumer

from benchmarks._kafka_broker import ADMIN, running
from feature_store import kafka_log
from feature_store.confluent_following import ConfluentFollowing
from feature_store.event_log import partition_of
from feature_store.kafka_log import KafkaEventLog
from feature_store.kafka_settings import CLIENTS, KafkaSettings
from finmodel.errors import BadInput, NotFound, NotReady, Refused
from finmodel.events import encode
from tests.feature_store.kafka import (
    SOON,
    admin,
    deny,
    empty_log,
    forget_topics,
    open_log,
    transact,
    write,
)
from tests.feature_store.test_event_log import REPAYMENT, STATUS, everything, repayment, status

pytestmark = pytest.mark.servers


@pytest.fixture(params=CLIENTS)
def client(request):
    return request.param


def one_sentence(error):
    return "\n" not in str(error.value) and len(str(error.value)) < 250


def test_other_programs_find_the_key_the_value_and_the_partition(broker):
    with empty_log(broker) as log:
        log.append(STATUS, [status(customer) for customer in range(50)])
    consumer = KafkaConsumer(
        STATUS, bootstrap_servers=broker.address, auto_offset_reset="earliest", group_id=None
    )
    found = []
    while len(found) < 50:
        found += [record for some in consumer.poll(1000).values() for record in some]
    consumer.close()
    assert {record.key: (record.partition, record.value) for record in found} == {
        str(customer).encode(): (partition_of(customer, 4), encode(status(customer)))
        for customer in range(50)
    }


def test_a_value_is_as_it_came_whatever_it_holds(broker, client):
    """Broken bytes, no bytes, line ends: each is one value, refused by its own offset."""
    with empty_log(broker, client=client) as log:
        spread = encode(status(1)).replace(b",", b",\r\n")
        write(broker, STATUS, encode(status(1)), spread, None, b"", b" \n", b"\xff", spread)
        (batch,) = log.read(STATUS, 0)
        assert batch.offsets.tolist() == list(range(7))
        sent = [encode(status(1)), spread, b"", b"", b" \n", b"\xff", spread]
        assert list(batch.values()) == sent
        with pytest.raises(BadInput, match=r"card\.status\.v1\[0\]@2: Input data was truncated"):
            batch.events()
        (batch,) = log.read(STATUS, 0, 5)
        with pytest.raises(BadInput, match=r"card\.status\.v1\[0\]@5: "):
            batch.events()
        (batch,) = log.read(STATUS, 0, 6)
        assert batch.events() == [status(1)]


def test_what_a_transaction_leaves_is_passed_over(broker, client):
    with empty_log(broker, client=client) as log:
        for commit in (
            True,
            False,
            True,
            False,
        ):  # offsets 0, 1 | 3, 4 | 6, 7 | 9, 10: then a marker
            transact(broker, STATUS, encode(status(1)), commit=commit)
        found = list(log.read(STATUS, 0))
        assert [at for batch in found for at in batch.offsets] == [0, 1, 6, 7]
        assert (found[0].begin, found[-1].end) == (0, 12)
        assert all(one.end == then.begin for one, then in pairwise(found))
        assert len([value for batch in found for value in batch.values()]) == 4
        assert [at for b in log.read(STATUS, 0, 7) for at in b.offsets] == [7]
        assert log.end_offsets(STATUS) == (12, 0, 0, 0)


def test_a_log_begins_with_the_oldest_that_is_kept(broker, client):
    with empty_log(broker, client=client) as log:
        write(broker, STATUS, *[encode(status(1, number)) for number in range(5)])
        with admin(broker) as client:
            client.delete_records({kafka_log.TopicPartition(STATUS, 0): 3})
        found = list(log.read(STATUS, 0))
        assert [offset for batch in found for offset in batch.offsets] == [3, 4]
        assert (found[0].begin, found[0].lost, found[-1].end) == (0, 3, 5)


def test_a_topic_made_again_is_another(broker):
    with empty_log(broker) as log:
        log.append(STATUS, [status(1)])
        first = log.topic_id(STATUS)
        assert first == log.topic_id(STATUS) != log.topic_id(REPAYMENT)
        log.create(STATUS, 4)
        assert log.topic_id(STATUS) == first
        forget_topics(broker, STATUS)
        for ask in (log.topic_id, log.end_offsets, lambda topic: log.append(topic, [status(1)])):
            with pytest.raises(NotFound, match=r"card\.status\.v1: no such topic") as error:
                ask(STATUS)
            assert one_sentence(error)
        log.create(STATUS, 4)
        assert log.topic_id(STATUS) != first
        log.append(STATUS, [status(2)])
        assert everything(log, STATUS) == [status(2)]


def test_topics_keep_the_same_number_of_partitions(broker):
    forget_topics(broker)
    with open_log(broker) as early:
        assert early.partitions == 0
        assert early.topics() == ()
        with empty_log(broker, partitions=3) as log:
            assert early.append(STATUS, [status(c) for c in range(20)]) == 20  # found on the way
            assert early.partitions == 3
            for number in (4, 0):
                with pytest.raises(BadInput, match=f"{number} partitions"):
                    log.create("card.other.v1", number)
            with admin(broker) as client:
                client.create_partitions({STATUS: 5})
            with pytest.raises(BadInput, match="it has 5 partitions, not 3"):
                log.append(STATUS, [status(1)])
            assert log.append(REPAYMENT, [repayment(1)]) == 1
        with open_log(broker) as grown:
            assert (grown.partitions, len(grown.end_offsets(REPAYMENT))) == (5, 3)
            with pytest.raises(BadInput, match="it has 3 partitions, not 5"):
                grown.append(REPAYMENT, [repayment(2)])
            assert grown.append(STATUS, [status(1)]) == 1


def test_a_broker_that_is_gone_is_not_ready_and_nothing_is_doubled(broker):
    with empty_log(broker, **SOON) as log:
        log.append(STATUS, [status(1)])
        reading = log.read(STATUS, partition_of(1, 4))
        broker.stop()
        try:
            for ask in (
                lambda: log.append(STATUS, [status(1, 1), status(2)]),
                lambda: log._send(STATUS, [kafka_log.record_of(STATUS, status(1, 1), 4)]),
                lambda: log.end_offsets(STATUS),
                lambda: log.read(STATUS, 0),
                lambda: list(reading),
                lambda: log.topics(),
                lambda: open_log(broker, **SOON),
            ):
                with pytest.raises(NotReady, match="does not answer; see that the broker") as error:
                    ask()
                assert one_sentence(error)
                assert broker.address in str(error.value)
        finally:
            broker.start()
        assert log.append(STATUS, [status(1, 1), status(2)]) == 2
        assert sorted(everything(log, STATUS), key=lambda e: e.event_id) == [
            status(1),
            status(1, 1),
            status(2),
        ]


def test_an_append_outlives_a_kill_and_nothing_is_doubled(broker):
    events = [status(number % 300, number) for number in range(60_000)]
    with empty_log(broker) as log, open_log(broker) as watch:
        done = []
        appending = threading.Thread(target=lambda: done.append(log.append(STATUS, events)))
        appending.start()
        while not sum(watch.end_offsets(STATUS)):
            pass
        broker.kill()
        try:
            assert appending.is_alive()
        finally:
            broker.start()
        appending.join(60)
        assert done == [len(events)]
        for partition in range(4):
            found = [event for batch in watch.read(STATUS, partition) for event in batch.events()]
            assert found == [e for e in events if partition_of(e.customer_id, 4) == partition]


def wait_for_words(following):
    for _ in range(100):
        following.poll(0.1)


USERS = {ADMIN: "admin-and-secret", "app": "app-and-secret"}


def login(user, **options):
    return {
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "PLAIN",
        "sasl_plain_username": user,
        "sasl_plain_password": USERS[user],
        **options,
    }


def test_who_may_not_is_refused_and_no_log_has_the_password(tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    with running(tmp_path, users=USERS, brief=True) as broker:
        empty_log(broker, **login(ADMIN)).close()
        deny(broker, "app", REPAYMENT, **login(ADMIN))
        for wrong in ("other", ""):
            with pytest.raises(Refused, match="who we say we are; mend the sasl_") as error:
                open_log(broker, **login("app", sasl_plain_password=wrong))
            assert one_sentence(error)
        with open_log(broker, **login("app")) as log:
            assert log.append(STATUS, [status(1)]) == 1
            assert everything(log, STATUS) == [status(1)]
            for ask in (
                lambda: log.append(REPAYMENT, [repayment(1)]),
                lambda: log.read(REPAYMENT, 0),
                lambda: log.topic_id(REPAYMENT),
                lambda: log._send(REPAYMENT, [kafka_log.record_of(REPAYMENT, repayment(1), 4)]),
            ):
                with pytest.raises(Refused, match="does not allow it") as error:
                    ask()
                assert one_sentence(error)
            assert log.topics() == (STATUS,)
        by_librdkafka = login("app", client="confluent-kafka")
        with open_log(broker, **by_librdkafka) as log:
            assert everything(log, STATUS) == [status(1)]
        wrong = KafkaSettings(broker.address, by_librdkafka | {"sasl_plain_password": "other"})
        with (
            closing(ConfluentFollowing(wrong, {(STATUS, 0): 0}, {(STATUS, 0): 0})) as following,
            pytest.raises(Refused, match="who we say we are; mend the sasl_"),
        ):
            wait_for_words(following)
    assert len(caplog.records) > 20
    assert {record.levelno for record in caplog.records} >= {logging.INFO, logging.ERROR}
    assert "and-secret" not in caplog.text


def test_a_plain_client_meets_sasl_as_not_ready(broker):
    """The other way round: what a broker without SASL does not speak is no hang."""
    with pytest.raises((NotReady, Refused)) as error:
        KafkaEventLog(KafkaSettings(broker.address, login("app", **SOON)))
    assert one_sentence(error)


def test_options_that_contradict_each_other_are_bad_input(broker):
    empty_log(broker).close()
    with (
        open_log(broker, delivery_timeout_ms=10) as log,
        pytest.raises(BadInput, match="delivery_timeout_ms"),
    ):
        log.append(STATUS, [status(1)])
    write(broker, STATUS, encode(status(1)))
    with (
        open_log(broker, connections_max_idle_ms=10) as log,
        pytest.raises(BadInput, match="connections_max_idle_ms"),
    ):
        list(log.read(STATUS, 0))
