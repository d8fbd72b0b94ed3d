"""One worker: what its partitions bring is counted, pass by pass, until it is told to stop.

A stream, a log and a membership come in; after each pass, what it did goes out. Partitions come and
go between two passes alone, never within a transaction; the offsets that Kafka is told are those
that the store has synced. Knows no process, no signal and no metric.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Protocol

from feature_store.event_batch import Batch
from feature_store.event_log import EventLog, Following, Place
from feature_store.packed_counting import Overtaken
from feature_store.recovery import Recovery
from feature_store.stream import Counted, Stream
from finmodel.errors import NoRoom, NotReady

_log = logging.getLogger(__name__)
POLL_SECONDS = 0.25
"""How long a worker waits for events before it looks after its membership again."""
GROWTH_SECONDS = 5.0
"""How often it asks whether topics came or grew, and whether the store still holds its data."""


class Membership(Protocol):
    """A worker's part of the partition numbers."""

    def owned(self) -> frozenset[int] | None:
        """The numbers that are its own now; None where all are."""

    def commit(self, offsets: Mapping[Place, int]) -> bool:
        """Tell those who watch how far the store has synced; whether they took it."""

    def synced(self, places: Iterable[Place]) -> Mapping[Place, int]:
        """What they were told last of some partitions, by whomever."""


class Alone:
    """The membership of a worker that shares with nobody."""

    def owned(self) -> frozenset[int] | None:
        """All of them."""
        return None

    def commit(self, offsets: Mapping[Place, int]) -> bool:
        """Nobody watches."""
        return True

    def synced(self, places: Iterable[Place]) -> Mapping[Place, int]:
        """Nobody was told anything."""
        return {}


@dataclass(frozen=True, slots=True)
class Pass:
    """What one pass of a worker did."""

    owned: frozenset[int] | None
    """The partition numbers that were the worker's; None where all are."""
    counted: list[Counted]
    batches: list[Batch]
    waited_s: float
    """For the log."""
    worked_s: float
    whole: bool = True
    """Whether the store is served; it is not while it is rebuilt."""


def work(
    open_stream: Callable[[], Stream],
    log: EventLog,
    member: Membership,
    *,
    recovery: Recovery | None = None,
    stop: Callable[[], bool],
    tell: Callable[[Pass], None],
) -> None:
    """Count what comes to the member's partitions until `stop`, which is asked between passes.

    `open_stream` is called again when topics came, grew or were made anew, so that it may follow
    the new ones; before, a `recovery` fills a store that lost something. While brokers are away it
    says so in the log and tries again; where another worker is further it asks the store again.
    Everything else ends it: NoRoom, Refused by the group.
    """
    with ExitStack() as following_now:
        worker = _Worker(open_stream, log, member, recovery, following_now)
        while not stop():
            try:
                tell(worker.run())
            except NoRoom:
                raise
            except NotReady as error:
                _log.warning("waiting: %s", error)
                worker.start_again()
                time.sleep(POLL_SECONDS)
            except Overtaken:
                worker.start_again()
                time.sleep(POLL_SECONDS)


class _Worker:
    """What a worker holds from one pass to the next."""

    def __init__(
        self,
        open_stream: Callable[[], Stream],
        log: EventLog,
        member: Membership,
        recovery: Recovery | None,
        following_now: ExitStack,
    ) -> None:
        self._open_stream, self._log, self._member = open_stream, log, member
        self._recovery, self._following_now = recovery, following_now
        self.start_again()

    def start_again(self) -> None:
        """Ask the log and the store, before the next pass, where to go on."""
        self._known: object = None
        self._looked = -GROWTH_SECONDS
        self._shape: object = None

    def run(self) -> Pass:
        """One pass over what the member owns now."""
        owned = self._member.owned()
        if time.monotonic() - self._looked >= GROWTH_SECONDS:
            self._look()
        if self._known is None or (owned, self._shape) != self._known:
            if not self._recovered(owned):
                return Pass(owned, [], [], 0.0, 0.0, whole=False)
            self._follow(owned)
            self._known = owned, self._shape
        done = _pass(self._stream, self._following, self._member, owned)
        return done if self._recovery is None else replace(done, whole=self._recovery.look())

    def _look(self) -> None:
        """Which topics there are and how many partitions; and whether the store is as it was."""
        states, self._looked = self._log.states(), time.monotonic()
        self._shape = {topic: (state.number, len(state.ends)) for topic, state in states.items()}
        if self._recovery is not None and self._recovery.is_due(states, self._member.synced):
            self._known = None

    def _recovered(self, owned: frozenset[int] | None) -> bool:
        self._following_now.close()
        return self._recovery is None or self._recovery.begin(owned, self._member.synced)

    def _follow(self, owned: frozenset[int] | None) -> None:
        self._stream = self._open_stream()
        starts = self._stream.starts(owned)
        self._following: Following | None = None
        if starts:
            self._following = self._following_now.enter_context(self._log.follow(starts))


def _pass(
    stream: Stream, following: Following | None, member: Membership, owned: frozenset[int] | None
) -> Pass:
    began = time.perf_counter()
    batches = _poll(following)
    polled = time.perf_counter()
    counted = stream.count(batches)
    if batches:
        member.commit({(batch.topic, batch.partition): batch.end for batch in batches})
    return Pass(owned, counted, batches, polled - began, time.perf_counter() - polled)


def _poll(following: Following | None) -> list[Batch]:
    if following is None:  # no partition is ours
        time.sleep(POLL_SECONDS)
        return []
    return following.poll(POLL_SECONDS)
