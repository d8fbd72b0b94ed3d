"""Dead letters read out of Kafka's `<topic>.dead`, and one of them put to where it is read again.

Topics' names come in, letters go out as they were put there, each once. A letter of one of our own
topics becomes an event of that topic; one of a lender's goes back to the lender's topic, byte for
byte and with its time, since that is what the stream reads. This module keeps no mark.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka import errors as kafka_errors

from feature_store.dead_letters import DeadLetter, PassedOver, letter_id
from feature_store.kafka_client import consumer_of, producer_of
from feature_store.kafka_errors import in_our_words
from feature_store.kafka_log import KafkaEventLog
from feature_store.kafka_settings import KafkaSettings
from feature_store.reading_again import Stands, put_once, standing
from feature_store.topic_maps import TopicMap
from feature_store.translated_log import TranslatedLog
from finmodel.events import TOPICS, Event, topic_of

_DEAD = ".dead"


class KafkaShelf:
    """The dead letters of a Kafka, by our topics and a lender's; for one thread."""

    def __init__(self, log: KafkaEventLog, maps: Sequence[TopicMap]) -> None:
        self._log, self._maps = log, maps

    def letters(self) -> Iterator[DeadLetter]:
        """All letters that the brokers still keep, each once."""
        names = {*TOPICS, *(one.source for one in self._maps)}
        seen = set()
        for letter in letters_in(self._log.settings, sorted(names)):
            name = letter_id(letter)
            if name not in seen:
                seen.add(name)
                yield letter

    def put(self, event: Event, letter: DeadLetter) -> Stands:
        """Have a letter's event counted, unless one of its id is there; where it stands.

        A producer that sends the same id between the look and the sending is met by the stream,
        which knows it again for some hours.
        """
        if not any(one.source == letter.topic for one in self._maps):
            return put_once(self._log, event, letter)
        topic, partition = topic_of(event), letter.partition
        ours = TranslatedLog(self._log, self._maps, PassedOver())
        found = standing(ours, event, partition, letter.offset)
        if found is not None:
            return Stands(topic, partition, found, before=True)
        return Stands(topic, partition, send_back(self._log.settings, letter), before=False)


def letters_in(settings: KafkaSettings, topics: Iterable[str]) -> Iterator[DeadLetter]:
    """The letters of some topics, partition by partition as they come; some may come twice."""
    where = f"Kafka at {settings.address}"
    try:
        with closing(consumer_of(settings)) as consumer:
            wanted = {f"{topic}{_DEAD}" for topic in topics} & consumer.topics()
            places = [
                TopicPartition(name, number)
                for name in sorted(wanted)
                for number in sorted(consumer.partitions_for_topic(name) or ())
            ]
            if places:
                yield from _read(consumer, places, settings.answer_ms / 1000)
    except kafka_errors.KafkaError as error:
        raise in_our_words(error, where) from error


def send_back(settings: KafkaSettings, letter: DeadLetter) -> int:
    """Put a letter where it came from, with its key and time; its new offset."""
    try:
        with closing(producer_of(settings)) as producer:
            sent = producer.send(
                letter.topic,
                letter.value,
                letter.key,
                partition=letter.partition,
                timestamp_ms=letter.timestamp_ms,
            )
            return int(sent.get(timeout=settings.delivery_ms / 1000 + 5).offset)
    except kafka_errors.KafkaError as error:
        raise in_our_words(error, f"Kafka at {settings.address}: {letter.topic}") from error


def _read(
    consumer: KafkaConsumer, places: list[TopicPartition], patience_s: float
) -> Iterator[DeadLetter]:
    consumer.assign(places)
    consumer.seek_to_beginning(*places)
    ends = consumer.end_offsets(places)
    late = time.monotonic() + patience_s
    while any(consumer.position(place) < ends[place] for place in places):
        found = consumer.poll(200)
        if found:
            late = time.monotonic() + patience_s
        elif time.monotonic() > late:
            raise kafka_errors.KafkaTimeoutError
        for records in found.values():
            yield from filter(None, map(_letter, records))


def _letter(record: Any) -> DeadLetter | None:
    """A record as the letter that it is; None where its headers are not ours."""
    told = {name: value for name, value in record.headers if value is not None}
    try:
        timestamp = told.get("source_timestamp_ms")
        return DeadLetter(
            topic=told["source_topic"].decode(),
            partition=int(told["source_partition"]),
            offset=int(told["source_offset"]),
            reason=told["reason"].decode(),
            value=None if "null_value" in told else record.value,
            key=record.key,
            timestamp_ms=None if timestamp is None else int(timestamp),
        )
    except (KeyError, ValueError):
        return None
