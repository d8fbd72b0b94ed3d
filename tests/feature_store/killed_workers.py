"""Real workers over a real broker and one map, killed by SIGKILL while events come in.

A seed decides who is killed, when, and how many there are; after each round the store is compared,
byte for byte, with a single pass over the same log. A worker is a process that runs what `finmodel
stream` runs. Some are killed from without at any time, others kill themselves at a named point.
"""

import multiprocessing
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks._kafka_broker import Broker
from feature_store import packed_writer
from feature_store.event_log import EventLog
from feature_store.kafka_group import KafkaGroup
from feature_store.kafka_log import KafkaEventLog
from feature_store.kafka_settings import KafkaSettings
from feature_store.lmdb_map import LmdbMap, MapPlace
from feature_store.packed_writer import PackedWriter
from feature_store.stream import Stream, catch_up
from feature_store.stream_worker import Pass, work
from feature_store.window_plan import WindowPlan, schema_of
from finmodel.events import Event
from tests.feature_store.kafka import forget_topics, open_log
from tests.feature_store.test_tile_sections import stored

GROUP = "stream"
PARTITIONS = 6
PORTIONS = 20
"""Of the events that are written for each kill."""
PATIENCE = 150.0
SIZES = (1, 3, 3, 3, 3, 2, 2, 2, 2, 2)
"""How many workers there are before each kill of a round."""
POINTS = {
    "before it counts": (Stream, "count", True),
    "between what it read and its transaction": (LmdbMap, "writing", True),
    "before its transaction is committed": (packed_writer, "store", False),
    "after its transaction": (Stream, "count", False),
    "after it told Kafka": (KafkaGroup, "commit", False),
}
"""Where a worker kills itself: before or behind a call."""


class Orders(NamedTuple):
    """What a worker is told."""

    address: str
    folder: Path
    plans: list[WindowPlan]
    said: Path
    point: str = ""
    calls: int = 0
    """Of the point's, before it kills itself."""


def run_worker(orders: Orders) -> None:
    """A worker's process."""
    with orders.said.open("w", buffering=1) as out:
        sys.stderr = out
        if orders.point:
            _die_at(*POINTS[orders.point], orders.calls)
        writer = PackedWriter(MapPlace(orders.folder, 0.2, sync=False), "finmodel")
        settings = KafkaSettings(orders.address, {"session_timeout_ms": 1_000})
        topics = [plan.topic for plan in orders.plans]

        def tell(one: Pass) -> None:
            out.write(f"{len(one.owned or ())} {sum(view.events for view in one.counted)}\n")

        with (
            KafkaEventLog(settings) as log,
            KafkaGroup(settings, GROUP, names=dict(zip(topics, topics, strict=True))) as member,
        ):
            work(lambda: Stream(log, writer, orders.plans), log, member, stop=bool, tell=tell)


def _die_at(owner: Any, name: str, before: bool, calls: int) -> None:
    method, left = getattr(owner, name), iter(range(calls, -1, -1))

    def deadly(*told: Any) -> Any:
        idle = name == "count" and not told[1]  # no batches
        dies = not idle and next(left) == 0
        if dies and before:
            os.kill(os.getpid(), signal.SIGKILL)
        answer = method(*told)
        if dies:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    setattr(owner, name, deadly)


class Workers:
    """Processes over one map."""

    def __init__(self, broker: Broker, folder: Path, plans: list[WindowPlan]) -> None:
        self._orders = Orders(broker.address, folder, plans, folder)
        self._processes: dict[int, tuple[Any, Orders]] = {}
        self._started = 0
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload([__name__])  # what takes seconds is imported once

    def start(self, point: str = "", calls: int = 0) -> None:
        self._started += 1
        said = self._orders.folder.with_name(f"worker-{self._started}.txt")
        orders = self._orders._replace(said=said, point=point, calls=calls)
        process = self._context.Process(target=run_worker, args=(orders,), daemon=True)
        process.start()
        self._processes[self._started] = process, orders

    def kill(self, number: int) -> None:
        self._processes[number][0].kill()
        self._processes[number][0].join()

    def buried(self) -> list[str]:
        """Let go of those that ended; where each killed itself, or nothing."""
        ended = [n for n, (process, _) in self._processes.items() if process.exitcode is not None]
        found = [self._processes.pop(number) for number in ended]
        for process, orders in found:
            assert process.exitcode == -signal.SIGKILL, orders.said.read_text()[-3_000:]
        return [orders.point for _, orders in found]

    def alive(self) -> list[int]:
        return list(self._processes)

    def doomed(self, number: int) -> bool:
        return bool(self._processes[number][1].point)

    def passes(self, number: int) -> list[list[int]]:
        said = self._processes[number][1].said
        lines = said.read_text().splitlines() if said.exists() else []
        return [[int(word) for word in line.split()] for line in lines if line.count(" ") == 1]


@dataclass
class Killing:
    """A log that is written while its workers die."""

    kafka: KafkaEventLog
    workers: Workers
    portions: list[list[tuple[str, list[Event]]]]
    rng: random.Random
    deaths: Counter[str] = field(default_factory=Counter)

    def write(self, keep: int) -> None:
        """One portion, if that leaves as many as are to be kept."""
        if len(self.portions) > keep:
            for topic, events in self.portions.pop(0):
                self.kafka.append(topic, events)

    def wait(self, until: Callable[[], bool], keep: int, what: str) -> None:
        late = time.monotonic() + PATIENCE
        while not until():
            assert time.monotonic() < late, f"in vain for {what}"
            self.write(keep)
            time.sleep(0.05)

    def kill_one(self, size: int, keep: int) -> None:
        """Bring the workers to a number; then one of them dies."""
        while len(self.workers.alive()) > size:
            self.workers.kill(self.workers.alive()[0])
            self.note()
        while len(self.workers.alive()) < size:
            self.workers.start(*self.fate())
        before = self.deaths.total()
        victim = self.rng.choice(self.workers.alive())
        if self.workers.doomed(victim):
            # It may be given nothing to count: then it is killed as the others are.
            patience = time.monotonic() + 5
            self.wait(lambda: self.note() > before or time.monotonic() > patience, keep, "it")
        else:
            self.wait(
                lambda: self.note() > before or self.ready(victim, keep), keep, "its first pass"
            )
            till = time.monotonic() + self.rng.random() * 0.5
            self.wait(lambda: self.note() > before or time.monotonic() > till, keep, "its time")
        if self.note() == before:
            self.workers.kill(victim)
            self.note()

    def ready(self, victim: int, keep: int) -> bool:
        """Whether it counted an event, or came when the others had counted what there is."""
        passes = self.workers.passes(victim)
        return any(events for _, events in passes) or (len(self.portions) <= keep and bool(passes))

    def fate(self) -> tuple[str, int]:
        if self.rng.random() < 0.5:
            return "", 0
        return self.rng.choice(list(POINTS)), self.rng.randrange(3)

    def note(self) -> int:
        """Bury the dead; how many there were."""
        self.deaths.update(point or "at any time" for point in self.workers.buried())
        return self.deaths.total()


class Summary(NamedTuple):
    """What a soak was."""

    kills: dict[str, int]
    rounds: int
    events: int
    seconds: float


@contextmanager
def killing(
    broker: Broker, folder: Path, plans: list[WindowPlan], portions: list, seed: int
) -> Iterator[Killing]:
    """A log with no events yet, and no workers; none is left behind."""
    forget_topics(broker)
    with open_log(broker) as kafka:
        for plan in plans:
            kafka.create(plan.topic, PARTITIONS)
        workers = Workers(broker, folder, plans)
        try:
            yield Killing(kafka, workers, portions, random.Random(seed))
        finally:
            for number in workers.alive():
                workers.kill(number)


def soak(
    broker: Broker,
    folder: Path,
    plans: list[WindowPlan],
    events: list[Event],
    *,
    kills: int,
    seed: int = 1,
    tell: Callable[[str], object],
) -> Summary:
    """Kills in rounds; AssertionError where the store is not what one pass makes of the log."""
    began, rounds = time.monotonic(), 0
    portions = in_portions(events, PORTIONS * kills)
    customers = sorted({event.customer_id for event in events})
    shared, one = (
        PackedWriter(MapPlace(folder / name, 0.2, sync=False), "finmodel")
        for name in ("shared", "one")
    )
    for writer in (shared, one):  # as `feast apply` does: views have the same numbers in both
        writer.apply({plan.view: schema_of(plan) for plan in plans}, [])
    with killing(broker, folder / "shared", plans, portions, seed) as now:
        while now.deaths.total() < kills:
            for size in SIZES:
                if now.deaths.total() < kills:
                    now.kill_one(size, PORTIONS * (kills - now.deaths.total() - 1))
            rounds += 1
            drain(now, shared, plans, last=now.deaths.total() >= kills)
            catch_up(now.kafka, one, plans)
            assert stored(folder / "shared", customers) == stored(folder / "one", customers)
            tell(
                f"round {rounds}: {now.deaths.total()} of {kills} kills,"
                f" {time.monotonic() - began:.0f} s: the store equals one pass"
            )
        held = sum(sum(now.kafka.end_offsets(plan.topic)) for plan in plans)
        assert held == len(events)
    return Summary(dict(now.deaths), rounds, held, round(time.monotonic() - began, 1))


def drain(now: Killing, writer: PackedWriter, plans: list[WindowPlan], *, last: bool) -> None:
    """Two workers that nobody kills count all of it."""
    for number in now.workers.alive():
        now.workers.kill(number)
    now.note()
    for _ in range(2):
        now.workers.start()
    while last and now.portions:
        now.write(0)
    written = len(now.portions)
    now.wait(lambda: all(counted(now.kafka, writer, p) for p in plans), written, "the log's end")


def counted(log: EventLog, writer: PackedWriter, plan: WindowPlan) -> bool:
    """Whether the store says that all of a view's topic is."""
    number = log.topic_number(plan.topic)
    ends = log.end_offsets(plan.topic)
    return all(writer.position(plan, number, at) == end for at, end in enumerate(ends))


def in_portions(events: list[Event], count: int) -> list[list[tuple[str, list[Event]]]]:
    """Events in the order in which they came, in so many portions by topic."""
    ordered = sorted(events, key=lambda event: event.known_at)
    cuts = np.linspace(0, len(ordered), count + 1).astype(int).tolist()
    portions = []
    for begin, end in pairwise(cuts):
        topics: dict[str, list[Event]] = {}
        for event in ordered[begin:end]:
            topics.setdefault(event.__struct_config__.tag, []).append(event)
        portions.append(list(topics.items()))
    return portions
