"""One worker: what its partitions bring is counted, pass by pass, until it is told to stop.

A stream, a log and a membership come in; after each pass, what it did goes out. Partitions come and
go between two passes alone, never within a transaction; the offsets that Kafka is told are those
that the store has synced. Knows no process, no signal and no metric.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Protocol

from feature_store.event_batch import Batch
from feature_store.event_log import EventLog, Following, Place
from feature_store.stream import Counted, Stream

POLL_SECONDS = 0.25
"""How long a worker waits for events before it looks after its membership again."""
GROWTH_SECONDS = 5.0
"""How often it asks whether topics came, or were given more partitions."""


class Membership(Protocol):
    """A worker's part of the partition numbers."""

    def owned(self) -> frozenset[int] | None:
        """The numbers that are its own now; None where all are."""

    def commit(self, offsets: Mapping[Place, int]) -> bool:
        """Tell those who watch how far the store has synced; whether they took it."""


class Alone:
    """The membership of a worker that shares with nobody."""

    def owned(self) -> frozenset[int] | None:
        """All of them."""
        return None

    def commit(self, offsets: Mapping[Place, int]) -> bool:
        """Nobody watches."""
        return True


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


def work(
    open_stream: Callable[[], Stream],
    log: EventLog,
    member: Membership,
    *,
    stop: Callable[[], bool],
    tell: Callable[[Pass], None],
) -> None:
    """Count what comes to the member's partitions until `stop`, which is asked between passes.

    `open_stream` is called again when topics came or grew, so that it may follow the new ones.
    """
    with ExitStack() as following_now:
        following: Following | None = None
        known: object = None
        looked = -GROWTH_SECONDS
        while not stop():
            owned = member.owned()
            if time.monotonic() - looked >= GROWTH_SECONDS:
                shape, looked = _shape(log), time.monotonic()
            if (owned, shape) != known:
                following_now.close()
                stream = open_stream()
                starts = stream.starts(owned)
                following = following_now.enter_context(log.follow(starts)) if starts else None
                known = owned, shape
            tell(_pass(stream, following, member, owned))


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


def _shape(log: EventLog) -> dict[str, int]:
    """How many partitions each topic has that holds something."""
    return {topic: len(log.end_offsets(topic)) for topic in log.topics()}
