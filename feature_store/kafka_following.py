"""Partitions of Kafka topics, followed: what was written since, poll by poll, as batches.

Where each partition is to begin comes in; batches go out that leave nothing out between one's end
and the next one's begin. What the brokers no longer keep is told in the batch that misses it. One
is for one thread. This module commits nothing and knows no group.
"""

from __future__ import annotations

from collections.abc import Mapping

from kafka import KafkaConsumer, TopicPartition
from kafka import errors as kafka_errors

from feature_store.event_batch import Batch
from feature_store.event_log import Place
from feature_store.kafka_client import consumer_of
from feature_store.kafka_errors import in_our_words
from feature_store.kafka_records import RECORD_BATCHES, batch_of, give_columns, positions
from feature_store.kafka_settings import KafkaSettings


class KafkaFollowing:
    """A consumer that goes where it is told and on from there."""

    def __init__(
        self, settings: KafkaSettings, starts: Mapping[Place, int], oldest: Mapping[Place, int]
    ) -> None:
        """`oldest` are the offsets from which the brokers still keep each partition."""
        self._where = f"Kafka at {settings.address}"
        self._at = {TopicPartition(*place): offset for place, offset in starts.items()}
        kept = {TopicPartition(*place): offset for place, offset in oldest.items()}
        self._lost = {p: kept[p] - at for p, at in self._at.items() if at < kept[p]}
        try:
            begins = {place: at + self._lost.get(place, 0) for place, at in self._at.items()}
            self._consumer = _opened(settings, begins)
        except kafka_errors.KafkaError as error:
            raise in_our_words(error, self._where) from error

    def close(self) -> None:
        """Leave the brokers."""
        self._consumer.close()

    def poll(self, wait_s: float) -> list[Batch]:
        """What came, at most a few megabytes of it; empty if nothing did within the wait."""
        try:
            found = self._consumer.poll(int(wait_s * 1000), max_records=RECORD_BATCHES)
            ends = self._at | positions(self._consumer)
        except kafka_errors.KafkaError as error:
            raise in_our_words(error, self._where) from error
        batches = []
        for place, begin in self._at.items():
            if ends[place] > begin:
                some = [record.value for record in found.get(place, [])]
                batch = batch_of(place.topic, place.partition, some, begin, ends[place])
                batches.append(batch.behind(self._lost.pop(place, 0)))
        self._at = ends
        return batches


def _opened(settings: KafkaSettings, starts: Mapping[TopicPartition, int]) -> KafkaConsumer:
    consumer = give_columns(consumer_of(settings))
    try:
        consumer.assign(list(starts))
        for place, offset in starts.items():
            consumer.seek(place, offset)
    except BaseException:
        consumer.close()
        raise
    return consumer
