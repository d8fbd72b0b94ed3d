"""Letters out of a real Kafka, put back after a fix: counted once, at the times that they had."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from kafka import KafkaProducer

from feature_store.dead_letters import DeadLetter
from feature_store.dead_reading import KafkaShelf
from feature_store.dead_topics import KafkaDeadLetters
from feature_store.kafka_settings import KafkaSettings
from feature_store.reading_again import read_again
from feature_store.stream import Stream
from feature_store.topic_file import load_topic_maps
from feature_store.translated_log import TranslatedLog
from finmodel.events import TOPICS, LoggedIn, encode
from tests.feature_store.kafka import admin, forget_letters, forget_topics, open_log
from tests.feature_store.test_stream import writer_at
from tests.feature_store.test_translated_log import MAPS, OURS, PLAN, SOURCE

pytestmark = pytest.mark.servers
LOGIN = "app.login.v1"
KNOWN = datetime.now(UTC) - timedelta(days=3)


@pytest.fixture
def settings(broker):
    # A log counts the partitions of all our topics, a shelf reads all letters: whoever left them.
    forget_topics(broker, SOURCE, *TOPICS)
    forget_letters(broker)
    with admin(broker) as client:
        client.create_topics({one: {"num_partitions": 2} for one in (SOURCE, LOGIN)})
    yield KafkaSettings(broker.address)
    forget_topics(broker, SOURCE, *TOPICS)
    forget_letters(broker)


def maps_at(folder, text):
    path = folder / "topics.yaml"
    path.write_text(text)
    return load_topic_maps(path)


def test_a_lenders_record_goes_back_with_its_time_and_counts_once(broker, settings, tmp_path):
    told = {"serial": "s1", "cust": 5, "paid_at": f"{KNOWN:%Y-%m-%d %H:%M:%S}", "ch": 3, "amt": "1"}
    producer = KafkaProducer(bootstrap_servers=broker.address)
    known_ms = (int(KNOWN.timestamp()) - 7 * 3_600) * 1_000  # paid_at is Shanghai's clock
    value = json.dumps(told).encode()
    producer.send(SOURCE, value, b"5", partition=1, timestamp_ms=known_ms).get(10)
    producer.close()

    def counted(log, maps, dead):
        return Stream(TranslatedLog(log, maps, dead), writer_at(tmp_path / "online"), [PLAN], None)

    before = maps_at(tmp_path, MAPS)
    with open_log(broker) as log, KafkaDeadLetters(settings) as dead:
        (first,) = counted(log, before, dead).catch_up()
        assert (first.events, first.unread) == (0, 1)
        (letter,) = KafkaShelf(log, before).letters()
        assert (letter.topic, letter.partition, letter.value) == (SOURCE, 1, value)
        assert (letter.reason, letter.timestamp_ms) == ("unknown_value: channel", known_ms)

        after = maps_at(tmp_path, MAPS.replace("2: auto_debit", "2: auto_debit, 3: transfer"))
        shelf, event = KafkaShelf(log, after), read_again(letter, after)
        assert int(event.known_at.timestamp() * 1000) == known_ms
        put, again = shelf.put(event, letter), shelf.put(event, letter)
        assert (put, again) == ((OURS, 1, 1, False), (OURS, 1, 1, True))
        (second,) = counted(log, after, dead).catch_up()
        assert (second.events, second.counted, second.late) == (1, 1, 0)


def test_a_letter_of_our_own_topic_becomes_an_event_of_it(broker, settings):
    event = LoggedIn(
        event_id="e1",
        customer_id=5,
        occurred_at=KNOWN,
        known_at=KNOWN,
        channel="web",
        status="success",
    )
    letter = DeadLetter(LOGIN, 1, 9, "unknown_value: channel", encode(event))
    with open_log(broker) as log, KafkaDeadLetters(settings) as dead:
        dead.put([letter, DeadLetter(LOGIN, 0, 1, "tombstone", None)])
        dead.put([letter])  # as after a crash
        shelf = KafkaShelf(log, [])
        found = {one.offset: one for one in shelf.letters()}
        assert (sorted(found), found[9].value, found[1].value) == ([1, 9], letter.value, None)
        put, again = shelf.put(event, found[9]), shelf.put(event, found[9])
        assert (put.topic, put.offset, put.before) == (LOGIN, 0, False)
        assert again == put._replace(before=True)
        assert sum(log.end_offsets(LOGIN)) == 1
