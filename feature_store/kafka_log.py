"""A log of events in Kafka: the `EventLog` of `event_log.py` on kafka-python.

An event is one record: its JSON, under its customer's id as text, in the partition that every
topic of this platform gives that customer. Events go in, raw lines come out, and what fails is
told in our words. One log is for one thread. This module knows no consumer group and no commit.
"""

from __future__ import annotations

import logging
import time
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from kafka import KafkaAdminClient, KafkaProducer, TopicPartition
from kafka import errors as kafka_errors
from kafka.protocol.consumer import IsolationLevel, OffsetSpec

from feature_store.event_batch import Batch
from feature_store.event_log import Following, Place, TopicState, partition_of
from feature_store.kafka_client import admin_of, producer_of
from feature_store.kafka_errors import in_our_words
from feature_store.kafka_following import KafkaFollowing
from feature_store.kafka_settings import CLIENTS, KafkaSettings
from feature_store.rejections import LARGEST_VALUE
from finmodel.errors import BadInput, NotReady
from finmodel.events import TOPICS, Event, decode, encode, topic_of

if TYPE_CHECKING:
    from feature_store.confluent_following import ConfluentFollowing

_log = logging.getLogger(__name__)

Answer = TypeVar("Answer")
_POLL_SECONDS = 0.1
"""A poll with nothing to give but a marker lasts so long."""
_PASSING = (kafka_errors.RetriableError, kafka_errors.UnknownBrokerIdError)
"""Errors that another try may not meet; the second is a partition between two leaders."""
_SAME = "give every topic the same number"


class KafkaEventLog:
    """An `EventLog` whose topics are Kafka's.

    `partitions` is what the topics that exist have, 0 where there is none yet; the most of them,
    while topics are given more one by one. Events go only to a topic that has so many.
    Transactions of other producers count when they are committed, here and in `end_offsets`.
    """

    def __init__(self, settings: KafkaSettings) -> None:
        self.settings = settings
        self._where = f"Kafka at {settings.address}"
        self._producer: KafkaProducer | None = None
        self._admin = self._opened(lambda: admin_of(settings))
        try:
            self.partitions = self._most_partitions()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> KafkaEventLog:
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
        self._drop_producer()
        self._admin.close()

    def create(self, topic: str, partitions: int) -> None:
        """Make a topic; none is made if it is there, with as many partitions."""
        if partitions < 1:
            raise BadInput(f"{partitions} partitions", where=topic, remedy="give at least 1")
        if self.partitions not in (0, partitions):
            raise BadInput(
                f"it would have {partitions} partitions, and the others have {self.partitions}",
                where=topic,
                remedy=_SAME,
            )
        self._ask(topic, lambda admin: _create(admin, topic, partitions))
        self._partitions_of(topic, partitions)
        self.partitions = partitions

    def topic_id(self, topic: str) -> str:
        """What tells a topic from a later one of the same name."""
        return self._id_in(self._described(topic))

    def topic_number(self, topic: str) -> int:
        """32 bits of a topic's id."""
        return _number_of(self.topic_id(topic))

    def append(self, topic: str, events: Iterable[Event]) -> int:
        """Write events to their customers' partitions; how many, once all are acknowledged.

        Nothing is sent if one of them is not fit for the topic. After NotReady some may be written:
        append the same again, and readers drop a second sending by its event's id.
        """
        asked = list(events)
        if not asked:
            return 0
        partitions = self._partitions_of(topic)
        records = [record_of(topic, event, partitions) for event in asked]
        try:
            self._send(topic, records)
        except BaseException:
            self._drop_producer()  # and with it what it has not sent
            raise
        return len(records)

    def read(self, topic: str, partition: int, from_offset: int = 0) -> Iterator[Batch]:
        """What one partition holds now, in order, from an offset on, or from the oldest it keeps.

        The end is that of the call. Values are as they came, so that their reader may judge them.
        """
        if not 0 <= partition < self._count_of(topic):
            raise BadInput(f"no partition {partition}", where=topic)
        place = topic, partition
        oldest, ends = self._bounds([place])
        return self._until(place, from_offset, oldest[place], ends[place])

    @contextmanager
    def follow(self, starts: Mapping[Place, int]) -> Iterator[Following]:
        """What comes to some partitions from offsets on, to be polled."""
        oldest, ends = self._bounds(starts)
        for (topic, number), at in starts.items():
            if at > ends[topic, number]:
                _log.error(
                    "%s[%d] ends at offset %d and was counted up to %d: it is not followed; find"
                    " out who cut it short, or make the topic anew",
                    topic,
                    number,
                    ends[topic, number],
                    at,
                )
        followed = {place: at for place, at in starts.items() if at <= ends[place]}
        with closing(_following(self.settings, followed, oldest)) as following:
            yield following

    def topics(self) -> tuple[str, ...]:
        """Topics that hold something, among those that we may see."""
        return tuple(self.states())

    def states(self) -> dict[str, TopicState]:
        """The same, each as it is now: asked of all topics at once."""
        told = {one["name"]: one for one in self._seen()}
        places = [TopicPartition(t, n) for t in told for n in range(len(told[t]["partitions"]))]
        ends = dict(zip(places, self._offsets("", places, OffsetSpec.LATEST), strict=True))
        found = {t: tuple(ends[place] for place in places if place.topic == t) for t in told}
        return {
            topic: TopicState(_number_of(self._id_in(told[topic])), found[topic])
            for topic in TOPICS
            if any(found.get(topic, ()))
        }

    def begin_offsets(self, topic: str) -> tuple[int, ...]:
        """The offset from which each partition is still kept."""
        return self._offsets(topic, self._places(topic), OffsetSpec.EARLIEST)

    def end_offsets(self, topic: str) -> tuple[int, ...]:
        """The offset that each partition's next event will have."""
        return self._offsets(topic, self._places(topic), OffsetSpec.LATEST)

    def _places(self, topic: str) -> list[TopicPartition]:
        return [TopicPartition(topic, partition) for partition in range(self._count_of(topic))]

    def _send(self, topic: str, records: Sequence[tuple[int, bytes, bytes]]) -> None:
        if self._producer is None:
            self._producer = self._opened(lambda: producer_of(self.settings))
        where = f"{self._where}: {topic}"
        try:
            sent = [
                self._producer.send(topic, value, key, partition=partition)
                for partition, key, value in records
            ]
            self._producer.flush(self.settings.delivery_ms / 1000 + 5)
        except kafka_errors.KafkaError as error:
            raise in_our_words(error, where) from error
        failed = [future.exception for future in sent if not future.succeeded()]
        if failed:
            raise in_our_words(
                failed[0], where, f"{len(failed)} of {len(sent)} events were not acknowledged"
            ) from failed[0]

    def _drop_producer(self) -> None:
        if self._producer is not None:
            producer, self._producer = self._producer, None
            with suppress(kafka_errors.KafkaError):
                producer.close(timeout=1)

    def _until(self, place: Place, at: int, oldest: int, end: int) -> Iterator[Batch]:
        if at >= end:
            return
        patience = self.settings.answer_ms / 1000
        late = time.monotonic() + patience
        with closing(_following(self.settings, {place: at}, {place: oldest})) as following:
            while at < end:
                for batch in following.poll(_POLL_SECONDS):
                    at, late = batch.end, time.monotonic() + patience
                    yield batch.until(end)
                if at < end and time.monotonic() > late:
                    raise in_our_words(
                        kafka_errors.KafkaTimeoutError(), f"{self._where}: {place[0]}"
                    )

    def _bounds(self, places: Collection[Place]) -> tuple[dict[Place, int], dict[Place, int]]:
        """The oldest offset that each partition keeps, and the one behind its newest."""
        asked = [TopicPartition(*place) for place in places]
        topics = ", ".join(sorted({topic for topic, _ in places}))
        oldest, ends = (
            dict(zip(places, self._offsets(topics, asked, which), strict=True))
            for which in (OffsetSpec.EARLIEST, OffsetSpec.LATEST)
        )
        return oldest, ends

    def _seen(self) -> list[dict[str, Any]]:
        """What the brokers say of our topics that are there for us."""
        found = self._ask("", lambda admin: admin.describe_topics(list(TOPICS)))
        return [told for told in found if not told["error_code"]]

    def _id_in(self, told: dict[str, Any]) -> str:
        if told["topic_id"] is None:
            raise NotReady(
                "it has no topic ids", where=self._where, remedy="use Kafka 2.8 or later"
            )
        return str(told["topic_id"])

    def _most_partitions(self) -> int:
        return max((len(told["partitions"]) for told in self._seen()), default=0)

    def _count_of(self, topic: str) -> int:
        return len(self._described(topic)["partitions"])

    def _partitions_of(self, topic: str, partitions: int = 0) -> int:
        """How many a topic has; BadInput if it is not what is asked, or what every topic has."""
        self.partitions = self.partitions or self._most_partitions()
        partitions = partitions or self.partitions
        count = self._count_of(topic)
        if count != (partitions or count):
            raise BadInput(
                f"it has {count} partitions, not {partitions}",
                where=f"{self._where}: {topic}",
                remedy=f"{_SAME}; after a change, open the log again",
            )
        return count

    def _described(self, topic: str) -> dict[str, Any]:
        """What the brokers say of a topic."""
        told: dict[str, Any] = self._ask(topic, lambda admin: admin.describe_topics([topic]))[0]
        error = kafka_errors.for_code(told["error_code"])
        if error is not kafka_errors.NoError:
            raise in_our_words(error(), f"{self._where}: {topic}")
        return told

    def _offsets(
        self, topic: str, places: list[TopicPartition], which: OffsetSpec
    ) -> tuple[int, ...]:
        if not places:
            return ()
        asked = dict.fromkeys(places, which)
        level = IsolationLevel.READ_COMMITTED
        found = self._ask(topic, lambda admin: admin.list_partition_offsets(asked, level))
        return tuple(found[place].offset for place in places)

    def _ask(self, topic: str, question: Callable[[KafkaAdminClient], Answer]) -> Answer:
        """An answer of the brokers, asked again until it is late.

        kafka-python gives up at once while it waits to connect anew.
        """
        deadline = time.monotonic() + self.settings.answer_ms / 1000
        while True:
            try:
                return question(self._admin)
            except kafka_errors.KafkaError as error:
                again = isinstance(error, _PASSING)
                if not again or time.monotonic() > deadline:
                    where = f"{self._where}: {topic}" if topic else self._where
                    raise in_our_words(error, where) from error
            time.sleep(0.05)

    def _opened(self, make: Callable[[], Answer]) -> Answer:
        try:
            return make()
        except kafka_errors.KafkaError as error:
            raise in_our_words(error, self._where) from error


def _following(
    settings: KafkaSettings, starts: Mapping[Place, int], oldest: Mapping[Place, int]
) -> KafkaFollowing | ConfluentFollowing:
    """A consumer of the client that the settings name; NotReady where it is not installed."""
    if settings.client == CLIENTS[0]:
        return KafkaFollowing(settings, starts, oldest)
    try:
        from feature_store.confluent_following import ConfluentFollowing
    except ModuleNotFoundError as error:
        raise NotReady(
            f"{settings.client} is not installed",
            where="the Kafka configuration's client",
            remedy="install finmodel[confluent], or leave it out",
        ) from error
    return ConfluentFollowing(settings, starts, oldest)


def _number_of(topic_id: str) -> int:
    return zlib.crc32(topic_id.encode())


def _create(admin: KafkaAdminClient, topic: str, partitions: int) -> None:
    told = {topic: {"num_partitions": partitions}}
    with suppress(kafka_errors.TopicAlreadyExistsError):
        admin.create_topics(told, wait_for_metadata=True)


def record_of(topic: str, event: Event, partitions: int) -> tuple[int, bytes, bytes]:
    """An event's partition, key and value; BadInput where a reader would refuse it."""
    if topic_of(event) != topic:
        raise BadInput("an event of another topic", where=topic, remedy=topic_of(event))
    value = encode(event)
    decode(value, topic)
    if len(value) > LARGEST_VALUE:
        raise BadInput(f"an event of {len(value)} bytes", where=topic, remedy="send less of it")
    return partition_of(event.customer_id, partitions), str(event.customer_id).encode(), value
