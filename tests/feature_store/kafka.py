"""What tests do to a Kafka behind the log's back: begin anew, deny, write as other programs do."""

import time
from contextlib import suppress

from kafka import KafkaAdminClient, KafkaProducer
from kafka.admin import ACL, ACLOperation, ACLPermissionType, ResourcePattern, ResourceType
from kafka.errors import UnknownTopicOrPartitionError

from benchmarks._kafka_broker import Broker
from feature_store.kafka_log import KafkaEventLog
from feature_store.kafka_settings import KafkaSettings
from finmodel.events import TOPICS

CARD_TOPICS = TOPICS[:3]
"""Enough to write to; every topic takes its time to be made."""
SOON = {"request_timeout_ms": 1_000, "delivery_timeout_ms": 2_000}
"""For who knows that nobody answers."""


def open_log(broker: Broker, **options: str | int) -> KafkaEventLog:
    return KafkaEventLog(KafkaSettings(broker.address, options))


def empty_log(broker: Broker, partitions: int = 4, **options: str | int) -> KafkaEventLog:
    """A log whose card topics are new."""
    forget_topics(broker, **options)
    log = open_log(broker, **options)
    for topic in CARD_TOPICS:
        log.create(topic, partitions)
    return log


def admin(broker: Broker, **options: str | int) -> KafkaAdminClient:
    known = {
        name: told for name, told in options.items() if name in KafkaAdminClient.DEFAULT_CONFIG
    }
    return KafkaAdminClient(bootstrap_servers=broker.address, **known)


def forget_topics(broker: Broker, *only: str, **options: str | int) -> None:
    """Delete topics, and wait until the broker tells of none of them: it may lag behind itself."""
    until = time.monotonic() + 60
    with admin(broker, **options) as client:
        while there := [one for one in client.list_topics() if one in (only or TOPICS)]:
            assert time.monotonic() < until, f"still there: {there}"
            with suppress(UnknownTopicOrPartitionError):  # it is gone, and still listed
                client.delete_topics(there)
            time.sleep(0.05)


def forget_letters(broker: Broker) -> None:
    """Delete every dead-letter topic, whoever wrote it: a shelf reads them all."""
    with admin(broker) as client:
        dead = [one for one in client.list_topics() if one.endswith(".dead")]
    if dead:
        forget_topics(broker, *dead)


def deny(
    broker: Broker,
    user: str,
    name: str,
    kind: ResourceType = ResourceType.TOPIC,
    **options: str | int,
) -> None:
    """From now on the user may do nothing to the topic, or to the group."""
    pattern = ResourcePattern(kind, name)
    rule = ACL(f"User:{user}", "*", ACLOperation.ALL, ACLPermissionType.DENY, pattern)
    with admin(broker, **options) as client:
        client.create_acls([rule])


def make_topics(broker: Broker, partitions: int, *topics: str, **options: str | int) -> None:
    """Topics of any name, anew."""
    forget_topics(broker, *topics, **options)
    with admin(broker, **options) as client:
        told = {topic: {"num_partitions": partitions} for topic in topics}
        client.create_topics(told, wait_for_metadata=True)


def write(broker: Broker, topic: str, *values: bytes | None) -> None:
    """Records as any other program would write them, into partition 0."""
    producer = KafkaProducer(bootstrap_servers=broker.address)
    for value in values:
        producer.send(topic, value, b"1", partition=0).get(10)
    producer.close()


def transact(broker: Broker, topic: str, value: bytes, *, commit: bool) -> None:
    """A transaction of two records, into partition 0."""
    producer = KafkaProducer(bootstrap_servers=broker.address, transactional_id="other")
    producer.init_transactions()
    producer.begin_transaction()
    for _ in range(2):
        producer.send(topic, value, b"1", partition=0)
    producer.flush()
    (producer.commit_transaction if commit else producer.abort_transaction)()
    producer.close()
