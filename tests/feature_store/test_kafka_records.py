"""Records as other programs send them: packed, and far too large, for whichever client."""

import confluent_kafka
import pytest
from kafka.admin import ConfigResource, ConfigResourceType

from feature_store.dead_topics import KafkaDeadLetters
from feature_store.kafka_settings import CLIENTS, KafkaSettings
from feature_store.online import OnlineFeatures
from feature_store.stream import Stream
from finmodel.events import encode, topic_of
from finmodel.lender.simulated import Lender
from tests.feature_store.kafka import admin, forget_topics, open_log
from tests.feature_store.test_stream import PLANS, SERVICE, writer_at

pytestmark = pytest.mark.servers
TOPICS = [plan.topic for plan in PLANS]
PACKED = ("none", "gzip", "snappy", "lz4", "zstd")


@pytest.fixture(scope="module")
def happened():
    lender = Lender(customers=40, days=60, seed=8)
    return [event for event in lender.events() if topic_of(event) in TOPICS]


@pytest.fixture(params=CLIENTS)
def client(request):
    return request.param


def send(address, events, packed="none", **options):
    told = {"bootstrap.servers": address, "compression.type": packed, "linger.ms": 50, **options}
    producer = confluent_kafka.Producer(told)
    for event in events:
        value = event if isinstance(event, bytes) else encode(event)
        topic = TOPICS[0] if isinstance(event, bytes) else topic_of(event)
        producer.produce(topic, value, b"1", 0)
    assert producer.flush(30) == 0


def test_what_producers_pack_is_unpacked(broker, client, happened):
    forget_topics(broker)
    with open_log(broker, client=client) as log:
        for topic in TOPICS:
            log.create(topic, 1)
        for packed in PACKED:
            send(broker.address, happened, packed)
        for topic in TOPICS:
            found = [value for batch in log.read(topic, 0) for value in batch.values()]
            sent = [encode(event) for event in happened if topic_of(event) == topic]
            assert found == sent * len(PACKED)


def test_five_megabytes_are_a_dead_letter_and_stop_nothing(broker, client, happened, tmp_path):
    forget_topics(broker, *TOPICS, f"{TOPICS[0]}.dead")
    huge, half = b'{"topic":"' + b"x" * 5_000_000, len(happened) // 2
    with (
        open_log(broker, client=client) as log,
        KafkaDeadLetters(KafkaSettings(broker.address)) as dead,
    ):
        for topic in TOPICS:
            log.create(topic, 1)
        with admin(broker) as asked:
            told = {"max.message.bytes": "10000000"}
            asked.alter_configs([ConfigResource(ConfigResourceType.TOPIC, TOPICS[0], told)])
        more = {"message.max.bytes": 10_000_000}
        send(broker.address, happened[:half], **more)
        send(broker.address, [huge], **more)
        send(broker.address, happened[half:], **more)
        counted = Stream(log, writer_at(tmp_path), PLANS, dead=dead).catch_up()
    assert [one.unread for one in counted] == [1, 0]
    assert sum(one.counted + one.repeated for one in counted) == len(happened)
    (letter,) = letters(broker, f"{TOPICS[0]}.dead")
    assert dict(letter.headers())["reason"] == b"too_large"
    assert huge.startswith(letter.value())
    assert len(letter.value()) > 500_000
    found = OnlineFeatures(tmp_path).fetch(
        range(1, 41), SERVICE, max(event.known_at for event in happened)
    )
    assert found.matrix.any()


def letters(broker, topic):
    told = {"bootstrap.servers": broker.address, "group.id": "x", "auto.offset.reset": "earliest"}
    consumer = confluent_kafka.Consumer(told | {"enable.partition.eof": True})
    consumer.assign([confluent_kafka.TopicPartition(topic, 0, 0)])
    found = []
    while (message := consumer.poll(10)) is not None and message.error() is None:
        found.append(message)
    consumer.close()
    return found
