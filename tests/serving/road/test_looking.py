"""Letters of a real Kafka as the page shows and replays them; a sentence where none answers."""

import dataclasses
import time
from functools import partial

import pytest

from feature_store.dead_letters import DeadLetter
from feature_store.dead_topics import KafkaDeadLetters
from feature_store.kafka_settings import KafkaSettings
from finmodel.acts import audited
from finmodel.audit import scan
from finmodel.errors import NotReady
from finmodel.event_broker import EventBroker
from finmodel.events import TOPICS
from finmodel.records import Person
from finmodel.settings import Settings
from serving.road import looking
from serving.road.letters import REPLAYED
from serving.road.looking import letters_here, replay_here
from tests.feature_store.kafka import forget_letters, forget_topics, make_topics, open_log
from tests.serving.road.small_road import FIX, LETTER, MAP, NAME
from tests.serving.small_world import free_port

pytestmark = pytest.mark.servers
ENGINEER = Person("Lin", frozenset({"engineer"}))
TOPIC = LETTER.topic


@pytest.fixture
def here(broker, tmp_path):
    settings = Settings(
        home=tmp_path / "home", data=tmp_path, kafka=EventBroker(broker.address)
    )  # fmt: skip
    settings.make_home()
    settings.topic_maps.write_text(MAP)
    forget_letters(broker)
    forget_topics(broker, *TOPICS)
    make_topics(broker, 2, TOPIC)
    yield settings
    forget_letters(broker)
    forget_topics(broker, TOPIC)


def test_a_letter_of_kafka_is_shown_replayed_once_and_logged(here, broker):
    letter = dataclasses.replace(LETTER, timestamp_ms=int(time.time() * 1000))
    with KafkaDeadLetters(KafkaSettings(broker.address)) as dead:
        dead.put([letter, DeadLetter(TOPIC, 0, 3, "broken_bytes", "张三{".encode())])
    shown = letters_here(here)
    assert (shown.total, shown.kafka, shown.problem) == (2, broker.address, "")
    waiting = {one.id: one for one in shown.newest}[NAME]
    assert (waiting.now, waiting.replay) == ("unknown_value: channel", None)
    assert "13800138000" not in waiting.shape

    here.topic_maps.write_text(FIX)
    replays = [replay_here(here, NAME, ENGINEER, partial(audited, here)) for _ in range(2)]
    assert [one.new for one in replays] == [True, False]
    with open_log(broker) as log:
        (batch,) = log.read(TOPIC, letter.partition)
        assert [bytes(value) for value in batch.values()] == [letter.value]
    assert letters_here(here).replayed == 1
    (entry,) = scan(here.audit, REPLAYED)
    assert (entry.body["letter"], entry.body["by"]) == (NAME, "Lin")


def test_a_kafka_that_does_not_answer_is_a_sentence_and_nobody_waits_long(tmp_path, monkeypatch):
    monkeypatch.setattr(looking, "ANSWER_MS", 500)
    nobody = EventBroker(f"127.0.0.1:{free_port()}")
    here = Settings(home=tmp_path / "home", data=tmp_path, kafka=nobody)
    here.make_home()
    hurried = letters_here(here, seconds=0.2)
    assert hurried.problem.startswith("dead letters: Kafka's letters could not be read in time")
    told = letters_here(here)
    assert (told.total, told.kafka) == (0, nobody.address)
    assert f"Kafka at {nobody.address}" in told.problem
    with pytest.raises(NotReady):
        replay_here(here, NAME, ENGINEER, partial(audited, here))
    assert not here.audit.exists()
