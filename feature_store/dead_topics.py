"""Dead letters in Kafka: each topic's in `<topic>.dead`, key and value as they came.

Headers say why and where from. A letter is there when `put` returns, and after a crash may be there
twice: its source's topic, partition and offset are in the headers, so a reader drops the second.
This module knows no event.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from types import TracebackType
from typing import Any

from kafka import KafkaAdminClient, KafkaProducer
from kafka import errors as kafka_errors
from kafka.admin import ConfigResource, ConfigResourceType

from feature_store.dead_letters import DeadLetter
from feature_store.kafka_client import admin_of, producer_of
from feature_store.kafka_errors import in_our_words
from feature_store.kafka_settings import KafkaSettings
from finmodel.errors import Refused

_LIMIT = "max.message.bytes"
_USUAL_LIMIT = 1_000_000
"""Under what brokers take where nobody says otherwise, and what a producer sends at most."""
_ROOMY = 1 << 19
"""A limit that no batch of small records reaches: kafka-python closes one at half of it."""
_LEAST_LIMIT = 1_000


@dataclass(frozen=True, slots=True)
class _DeadTopic:
    partitions: int
    limit: int
    told: bool
    """Whether the broker said the limit, or it is a guess."""

    @property
    def value_bytes(self) -> int:
        return self.limit * 7 // 8

    @property
    def key_bytes(self) -> int:
        return self.limit // 16

    @property
    def alone(self) -> bool:
        """Whether letters go one by one.

        kafka-python 3.0.12 never ends with a batch of several records that a broker finds too
        large, and is of no use after one that was.
        """
        return not self.told or self.limit < _ROOMY


class KafkaDeadLetters:
    """`DeadLetters` in Kafka; for one thread. A topic is made where it is missing, if it may be."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._where = f"Kafka at {settings.address}"
        self._topics: dict[str, _DeadTopic] = {}
        self._producer: KafkaProducer | None = None

    def __enter__(self) -> KafkaDeadLetters:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Leave the brokers."""
        if self._producer is not None:
            producer, self._producer = self._producer, None
            with suppress(kafka_errors.KafkaError):
                producer.close(timeout=1)

    def put(self, letters: Iterable[DeadLetter]) -> int:
        """Keep letters; how many, once all are acknowledged. After NotReady put the same again."""
        topics: dict[str, list[DeadLetter]] = {}
        for letter in letters:
            topics.setdefault(letter.topic, []).append(letter)
        for topic, some in topics.items():
            try:
                self._put(topic, some)
            except kafka_errors.KafkaError as error:
                self.close()  # and with it what it has not sent
                self._topics.clear()  # one may have been made anew
                raise in_our_words(error, f"{self._where}: {topic}.dead") from error
        return sum(map(len, topics.values()))

    def _put(self, topic: str, letters: Sequence[DeadLetter]) -> None:
        if topic not in self._topics:
            self._topics[topic] = self._made(topic)
        if not self._topics[topic].alone:
            self._send(letters)
            return
        for letter in letters:
            self._send_alone(letter)

    def _send_alone(self, letter: DeadLetter) -> None:
        """Send a letter, and where its topic took less than was guessed, less of it."""
        while True:
            try:
                self._send([letter])
                return
            except kafka_errors.MessageSizeTooLargeError:
                self.close()
                topic = self._topics[letter.topic]
                if topic.told or topic.limit <= _LEAST_LIMIT:
                    raise
                smaller = _DeadTopic(topic.partitions, topic.limit // 4, told=False)
                self._topics[letter.topic] = smaller

    def _send(self, letters: Sequence[DeadLetter]) -> None:
        if self._producer is None:
            self._producer = producer_of(self._settings)
        topics = self._topics
        sent = [_sent(self._producer, letter, topics[letter.topic]) for letter in letters]
        self._producer.flush(self._settings.delivery_ms / 1000 + 5)
        for future in sent:
            if not future.succeeded():
                raise future.exception or kafka_errors.KafkaTimeoutError("not acknowledged")

    def _made(self, topic: str) -> _DeadTopic:
        """A topic of dead letters as it is; it is made if it is not there."""
        name, wanted = f"{topic}.dead", 1
        try:
            with admin_of(self._settings) as admin:
                wanted = _partitions_of(admin, topic) or 1
                there = _partitions_of(admin, name)
                if not there:
                    _create(admin, name, wanted)
                    there = _partitions_of(admin, name) or wanted
                limit = _limit_of(admin, name)
        except kafka_errors.AuthorizationError as error:
            raise Refused(
                "the broker does not let us have it",
                where=f"{self._where}: {name}",
                remedy=f"have it made with {wanted} partitions, and ours to write to",
            ) from error
        return _DeadTopic(there, min(limit or _USUAL_LIMIT, _USUAL_LIMIT), told=limit > 0)


def _create(admin: KafkaAdminClient, name: str, partitions: int) -> None:
    with suppress(kafka_errors.TopicAlreadyExistsError, kafka_errors.KafkaTimeoutError):
        admin.create_topics({name: {"num_partitions": partitions}}, wait_for_metadata=True)


def _partitions_of(admin: KafkaAdminClient, topic: str) -> int:
    """How many a topic has; 0 where it is not there."""
    told: dict[str, Any] = admin.describe_topics([topic])[0]
    error = kafka_errors.for_code(told["error_code"])
    if error is kafka_errors.UnknownTopicOrPartitionError:
        return 0
    if error is not kafka_errors.NoError:
        raise error()
    return len(told["partitions"])


def _limit_of(admin: KafkaAdminClient, topic: str) -> int:
    """The largest record that a topic takes; 0 where we are not told."""
    asked = ConfigResource(ConfigResourceType.TOPIC, topic, [_LIMIT])
    told = admin.describe_configs([asked])["topic"][topic]
    return int(told.get(_LIMIT, {"value": 0})["value"])


def _sent(producer: KafkaProducer, letter: DeadLetter, topic: _DeadTopic) -> Any:
    """What will become of a letter, cut to what its topic takes."""
    key, value = letter.key, letter.value
    headers = _headers(letter)
    if value is not None and len(value) > topic.value_bytes:
        headers["cut_value_of_bytes"] = len(value)
        value = value[: topic.value_bytes]
    if key is not None and len(key) > topic.key_bytes:
        headers["cut_key_of_bytes"] = len(key)
        key = key[: topic.key_bytes]
    if value is None and key is None:  # which kafka-python does not send; a header tells of it
        value = b""
    return producer.send(
        f"{letter.topic}.dead",
        value,
        key,
        headers=[(name, str(told).encode()) for name, told in headers.items()],
        # As its source's, while this topic has as many.
        partition=letter.partition % topic.partitions,
    )


def _headers(letter: DeadLetter) -> dict[str, str | int]:
    told: dict[str, str | int] = {
        "reason": letter.reason,
        "source_topic": letter.topic,
        "source_partition": letter.partition,
        "source_offset": letter.offset,
        "finmodel_version": version("finmodel"),
    }
    if letter.timestamp_ms is not None:
        told["source_timestamp_ms"] = letter.timestamp_ms
    return told | {"null_value": "true"} if letter.value is None else told
