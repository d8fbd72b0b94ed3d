"""A worker's membership of a group: which partition numbers are its own now, and nothing read.

Settings, the group's name and, for a worker that comes back under it, a name of its own come in;
numbers go out. What was counted is noted in Kafka for those who watch the lag: where a worker goes
on is told by the store alone, which also drops what one writes that was taken for dead.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from types import TracebackType

from kafka import KafkaConsumer, TopicPartition
from kafka import errors as kafka_errors
from kafka.structs import MemberState, OffsetAndMetadata

from feature_store.event_log import Place
from feature_store.kafka_assignor import CoPartitioned
from feature_store.kafka_client import group_consumer_of
from feature_store.kafka_errors import in_our_words
from feature_store.kafka_membership import committed, membership_of, partitions_seen
from feature_store.kafka_settings import KafkaSettings
from finmodel.errors import BadInput, NotReady
from finmodel.events import TOPICS

_AS_OURS = {topic: topic for topic in TOPICS}
SETTLE_MS = 200
"""How long a call waits at most while the group shares out anew."""

_LEAVE_MS = 2_000
_MOVED = (
    kafka_errors.CommitFailedError,
    kafka_errors.IllegalGenerationError,
    kafka_errors.RebalanceInProgressError,
    kafka_errors.UnknownMemberIdError,
)
"""What a commit meets where the group has moved on."""


class KafkaGroup:
    """One member of a group of workers; for one thread.

    Numbers come and go inside `owned` alone, in the caller's thread. So who writes nothing while it
    asks has finished with a number before another is given it: finish a transaction, ask, go on
    with what is owned. Between two calls heartbeats are sent in the background, until they are
    further apart than `max_poll_interval_ms` (5 minutes): then the member leaves, as a hung one.

    A worker that was killed is missed after `session_timeout_ms`: 6 s, or 30 s for one with an
    `instance`, which is not missed at all if it is back by then, and takes up its numbers with
    no change for the others.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        group: str,
        instance: str = "",
        names: Mapping[str, str] = _AS_OURS,
    ) -> None:
        """`names` says, by our topics, what they are called in Kafka."""
        _check_name("group", group)
        if instance:
            _check_name("instance", instance)
        worker = f", {instance}" if instance else ""
        self._where = f"Kafka at {settings.address}: group {group}{worker}"
        self._answer_ms, self._names = settings.answer_ms, names
        self._shares = CoPartitioned(self._held)
        self._growth = 0
        self._unheard: float | None = None
        try:
            self._consumer: KafkaConsumer = group_consumer_of(
                settings, group, instance, sorted({*names.values()}), self._shares
            )
        except kafka_errors.KafkaError as error:
            raise in_our_words(error, self._where) from error
        self._member = membership_of(self._consumer)

    def __enter__(self) -> KafkaGroup:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Leave the group, so that others have the numbers at once; one with a name may return."""
        with suppress(kafka_errors.KafkaError):
            self._consumer.close(timeout_ms=min(_LEAVE_MS, self._answer_ms))

    def owned(self) -> frozenset[int]:
        """The partition numbers, of every topic, that are this worker's now.

        Call it between any two transactions. It returns at once, or after `SETTLE_MS` while the
        group shares out anew: what stays is owned meanwhile, what moves goes first and comes later.
        Refused where the group may not be joined or another process took this worker's name;
        NotReady where no broker was heard for as long as a question waits.
        """
        self._follow_growth()
        late = time.monotonic() + SETTLE_MS / 1000
        try:
            while not self._settled(late) and time.monotonic() < late:
                pass
        except kafka_errors.KafkaError as error:
            raise in_our_words(error, self._where) from error
        self._check_heard()
        return frozenset(place.partition for place in self._held())

    def commit(self, offsets: Mapping[Place, int]) -> bool:
        """Note the next offset of (topic, number) in Kafka, for those who watch the lag.

        For after the store's sync. False where some of it was not taken because the numbers have
        moved, or the topic is too new: no error, the next commit tells it. Refused and NotReady as
        for `owned`.
        """
        held = self._held()
        asked = {self._place(place): offset for place, offset in offsets.items()}
        mine = {
            place: OffsetAndMetadata(offset, "", -1)
            for place, offset in asked.items()
            if place in held
        }
        if self._consumer.group_metadata().state is not MemberState.STABLE:
            return not asked
        try:
            self._consumer.commit(mine, timeout_ms=self._answer_ms)
        except _MOVED:
            return False
        except kafka_errors.KafkaError as error:
            raise in_our_words(error, self._where) from error
        return len(mine) == len(asked)

    def synced(self, places: Iterable[Place]) -> dict[Place, int]:
        """What was noted of partitions by any worker of the group; without what never was."""
        asked = {self._place(place): place for place in places}
        try:
            found = committed(self._consumer, list(asked))
        except kafka_errors.KafkaError as error:
            raise in_our_words(error, self._where) from error
        return {asked[place]: offset for place, offset in found.items()}

    def _place(self, place: Place) -> TopicPartition:
        return TopicPartition(self._names.get(place[0], place[0]), place[1])

    def _held(self) -> set[TopicPartition]:
        found: set[TopicPartition] = self._consumer.assignment()
        return found

    def _settled(self, late: float) -> bool:
        """Do what the membership needs now; whether there is nothing left to do."""
        left = max(1.0, (late - time.monotonic()) * 1000)
        return bool(self._member.poll(timeout_ms=left)) and not self._member.need_rejoin()

    def _follow_growth(self) -> None:
        """Have partitions that were added shared out, which kafka-python leaves to the leader.

        A leader that came back under its name is one for the broker, and does not know it.
        """
        seen = partitions_seen(self._consumer)
        if seen > max(self._shares.counted, self._growth) and self._shares.counted:
            self._growth = seen
            self._member.request_rejoin()

    def _check_heard(self) -> None:
        """NotReady when the group has been silent for long enough, from the first time on."""
        now = time.monotonic()
        if not self._member.coordinator_unknown():
            self._unheard = None
        elif self._unheard is None:
            self._unheard = now
        elif now - self._unheard > self._answer_ms / 1000:
            self._unheard = None
            raise NotReady(
                "it does not answer",
                where=self._where,
                remedy="see that the broker runs there, and try again",
            )


def _check_name(what: str, name: str) -> None:
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,249}", name) or name in {".", ".."}:
        raise BadInput(
            "it cannot be a name in Kafka",
            where=f"{what} {name!r}",
            remedy="use letters, digits, `.`, `_` and `-`",
        )
