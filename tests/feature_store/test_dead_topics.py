"""Dead letters in a real Kafka: as they came, with why and where from, whatever their size."""

import socket

import pytest
from kafka import KafkaConsumer
from kafka.admin import (
    ACL,
    ACLOperation,
    ACLPermissionType,
    ConfigResource,
    ConfigResourceType,
    ResourcePattern,
    ResourceType,
)
from kafka.errors import TopicAlreadyExistsError

from benchmarks._kafka_broker import ADMIN, running
from feature_store.dead_letters import DeadLetter
from feature_store.dead_topics import KafkaDeadLetters
from feature_store.kafka_settings import KafkaSettings
from finmodel.errors import NotFound, NotReady, Refused
from tests.feature_store.kafka import SOON, admin, deny, forget_topics
from tests.feature_store.test_kafka_log import USERS, login, one_sentence
from tests.serving.small_world import wait_until

pytestmark = pytest.mark.servers


@pytest.fixture
def topic(broker):
    name = "core.repay"
    forget_topics(broker, name, f"{name}.dead")
    with admin(broker) as client:
        client.create_topics({name: {"num_partitions": 3}})
    yield name
    forget_topics(broker, name, f"{name}.dead")


def put(broker, *letters, **options):
    with KafkaDeadLetters(KafkaSettings(broker.address, options)) as dead:
        return dead.put(letters)


def found(broker, topic, count, **options):
    consumer = KafkaConsumer(
        f"{topic}.dead",
        bootstrap_servers=broker.address,
        auto_offset_reset="earliest",
        group_id=None,
        **options,
    )
    records = []
    while len(records) < count:
        records += [record for some in consumer.poll(1000).values() for record in some]
    consumer.close()
    return records


def headers(record):
    told = {name: value.decode() for name, value in record.headers}
    assert told.pop("finmodel_version")
    return told


def test_a_letter_is_there_as_it_came(broker, topic):
    letters = [
        DeadLetter(topic, 2, 17, "missing: amount_minor", b'{"a":1}', b"7"),
        DeadLetter(topic, 1, 18, "broken_bytes", b"\xff\x00", None),
        DeadLetter(topic, 0, 19, "tombstone", None, b"\xfe"),
        DeadLetter(topic, 5, 20, "tombstone", None, None),
    ]
    assert put(broker, *letters) == 4
    records = {headers(record)["source_offset"]: record for record in found(broker, topic, 4)}
    assert {at: (r.partition, r.key, r.value) for at, r in records.items()} == {
        "17": (2, b"7", b'{"a":1}'),
        "18": (1, None, b"\xff\x00"),
        "19": (0, b"\xfe", None),
        "20": (2, None, b""),  # more partitions than when the dead letters' topic was made
    }
    assert headers(records["17"]) == {
        "reason": "missing: amount_minor",
        "source_topic": topic,
        "source_partition": "2",
        "source_offset": "17",
    }
    assert headers(records["20"])["null_value"] == "true"
    with admin(broker) as client:
        (told,) = client.describe_topics([f"{topic}.dead"])
    assert len(told["partitions"]) == 3


def test_what_is_too_large_is_cut_and_says_so(broker, topic):
    huge = DeadLetter(topic, 0, 1, "too_large", b"v" * 5_000_000, b"k" * 2_000_000)
    small = DeadLetter(topic, 0, 2, "empty", b"", b"7")
    assert put(broker, small, huge, small) == 3
    for record in found(broker, topic, 3):
        told = headers(record)
        if told["source_offset"] == "2":
            assert (record.key, record.value, "cut_value_of_bytes" in told) == (b"7", b"", False)
            continue
        assert told["cut_value_of_bytes"] == "5000000"
        assert told["cut_key_of_bytes"] == "2000000"
        assert record.value == b"v" * 875_000
        assert record.key == b"k" * 62_500


def small_topic(broker, topic, **options):
    """A topic for dead letters that takes a tenth of what is usual."""
    name = f"{topic}.dead"
    told = {"num_partitions": 3, "configs": {"max.message.bytes": "100000"}}
    with admin(broker, **options) as client:
        try:
            client.create_topics({name: told})
        except TopicAlreadyExistsError:  # a busy broker was slow, and the client asked twice
            asked = ConfigResource(ConfigResourceType.TOPIC, name)
            # ... and may not tell yet what it just made.
            wait_until(lambda: "100000" in str(client.describe_configs([asked])), 10)


def small_and_large(topic):
    return [
        DeadLetter(topic, 0, at, "too_large", b"v" * size, b"7")
        for at, size in enumerate((800_000, 87_000, 60_000, 60_000, 10, 101_000))
    ]


def kept_bytes(records):
    return {
        int(headers(record)["source_offset"]): (
            len(record.value),
            headers(record).get("cut_value_of_bytes"),
        )
        for record in records
    }


def test_a_topic_that_takes_less_gets_less(broker, topic):
    small_topic(broker, topic)
    assert put(broker, *small_and_large(topic)) == 6
    assert kept_bytes(found(broker, topic, 6)) == {
        0: (87_500, "800000"),
        1: (87_000, None),
        2: (60_000, None),
        3: (60_000, None),
        4: (10, None),
        5: (87_500, "101000"),
    }


def test_a_topic_of_letters_that_was_deleted_is_made_again(broker, topic):
    letter = DeadLetter(topic, 0, 7, "empty", b"", b"7")
    with KafkaDeadLetters(KafkaSettings(broker.address, SOON)) as dead:
        dead.put([letter])
        forget_topics(broker, f"{topic}.dead")
        with pytest.raises((NotFound, NotReady)):
            dead.put([letter])
        assert dead.put([letter]) == 1
    assert len(found(broker, topic, 1)) == 1


def rule(permission, operation, kind, name):
    return ACL("User:app", "*", operation, permission, ResourcePattern(kind, name))


def test_who_may_not_make_the_topic_is_told_what_to_ask_for(tmp_path):
    letter = DeadLetter("core.repay", 0, 0, "empty", b"", b"7")
    with running(tmp_path, users=USERS, brief=True) as broker:
        with admin(broker, **login(ADMIN)) as client:
            client.create_topics({letter.topic: {"num_partitions": 3}})
            create = (ACLPermissionType.DENY, ACLOperation.CREATE)
            client.create_acls([rule(*create, ResourceType.TOPIC, f"{letter.topic}.dead")])
            client.create_acls([rule(*create, ResourceType.CLUSTER, "kafka-cluster")])
        with pytest.raises(Refused, match=r"core\.repay\.dead: .* with 3 partitions") as error:
            put(broker, letter, **login("app"))
        assert one_sentence(error)
        assert "app-and-secret" not in str(error.value)
        small_topic(broker, letter.topic, **login(ADMIN))
        with admin(broker, **login(ADMIN)) as client:
            topic = (ResourceType.TOPIC, f"{letter.topic}.dead")
            client.create_acls(
                [
                    rule(ACLPermissionType.ALLOW, ACLOperation.ALL, *topic),
                    rule(ACLPermissionType.DENY, ACLOperation.DESCRIBE_CONFIGS, *topic),
                ]
            )
        # Who is not told the limit finds it.
        assert put(broker, *small_and_large(letter.topic), **login("app")) == 6
        kept = kept_bytes(found(broker, letter.topic, 6, **login(ADMIN)))
        assert kept == {
            0: (54_687, "800000"),
            1: (54_687, "87000"),
            2: (54_687, "60000"),
            3: (54_687, "60000"),
            4: (10, None),
            5: (54_687, "101000"),
        }
        deny(broker, "app", f"{letter.topic}.dead", **login(ADMIN))
        with pytest.raises(Refused, match="does not") as error:
            put(broker, letter, **login("app"))
        assert one_sentence(error)


def test_a_broker_that_does_not_answer_is_not_ready():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        with KafkaDeadLetters(KafkaSettings(address, SOON)) as dead:
            letter = DeadLetter("core.repay", 0, 7, "empty", b"", b"7")
            with pytest.raises(NotReady, match="does not answer") as error:
                dead.put([letter])
    assert one_sentence(error)
