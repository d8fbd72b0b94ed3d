"""A log, workers and their bad luck in one thread, by a seed: what a cluster does in a bad week.

The stream, the writer and the dead letters are the real ones. What they are given is cut anywhere,
delivered again, late, and shuffled between partitions; workers crash between any two lines, lose
their partitions while they hold events of them, and are given another definition. A customer that
moves to another partition when the topics grow is sent nothing twice (see `Producer`).
"""

from __future__ import annotations

import linecache
import random
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import FrameType
from typing import Any, NamedTuple

import numpy as np

from feature_store.dead_letters import DeadLetters
from feature_store.event_batch import Batch
from feature_store.event_log import Place, partition_of
from feature_store.online_writer import OnlineWriter
from feature_store.stream import Stream
from feature_store.window_plan import WindowPlan
from finmodel.errors import Refused
from finmodel.events import Event, LoanRepaid, LoggedIn, encode, topic_of

REPAYMENT, LOGIN = "loan.repayment.v1", "app.login.v1"
TOPICS = (REPAYMENT, LOGIN)
CUSTOMERS = range(1, 10)
FEW, MANY = 4, 8
"""Partitions, before and after the topics grew."""
RESENT_WITHIN = timedelta(hours=6)
"""The least lateness that a view allows."""
START = datetime(2026, 1, 1, tzinfo=UTC)
MIXED = ("stream.py", "packed_writer.py", "packed_counting.py", "packed_catalog.py")
STORES = ("lmdb_values.py", "known_rooms.py", "redis_writer.py")
FRAGILE = tuple(f"feature_store/{name}" for name in (*MIXED, *STORES))
"""Where a crash may happen: at any line."""
MOST_LINES = 800
"""A transaction of all topics has about so many."""
NEVER = sys.maxsize


class Crash(BaseException):
    """The process ends here."""


@contextmanager
def crashing(after: int) -> Iterator[None]:
    """A crash behind so many lines of the fragile modules, if there are so many."""
    left = after
    if after == NEVER:
        yield
        return

    def step(frame: FrameType, event: str, arg: Any) -> Any:
        nonlocal left
        left -= event == "line"
        # Not while a `with` is left: what was opened would be closed by nobody, as by no kill.
        if left < 0 and not line_of(frame).startswith("with "):
            raise Crash(f"{frame.f_code.co_filename.rpartition('/')[2]}:{frame.f_lineno}")
        return step

    def enter(frame: FrameType, event: str, arg: Any) -> Any:
        return step if frame.f_code.co_filename.endswith(FRAGILE) else None

    before = sys.gettrace()
    sys.settrace(enter)
    try:
        yield
    finally:
        sys.settrace(before)


def line_of(frame: FrameType) -> str:
    return linecache.getline(frame.f_code.co_filename, frame.f_lineno).strip()


@dataclass(frozen=True)
class Record:
    """A value in a partition."""

    offset: int
    value: bytes | None
    time: datetime
    event: Event | None
    """None where the value is none."""


class SimulatedLog:
    """An `EventLog` in memory, whose offsets jump as Kafka's do."""

    def __init__(self, rng: random.Random) -> None:
        self.partitions = FEW
        self._rng = rng
        self.records: dict[str, list[list[Record]]] = {t: [[] for _ in range(FEW)] for t in TOPICS}
        self._ends = {topic: [0] * FEW for topic in TOPICS}
        self.slow: set[Place] = set()

    def grow(self) -> None:
        self.partitions = MANY
        for topic in TOPICS:
            self.records[topic] += [[] for _ in range(FEW, MANY)]
            self._ends[topic] += [0] * (MANY - FEW)

    def put(self, place: Place, value: bytes | None, time: datetime, event: Event | None) -> None:
        topic, partition = place
        at = self._ends[topic][partition] + self._jump()
        self.records[topic][partition].append(Record(at, value, time, event))
        self._ends[topic][partition] = at + 1 + self._jump()

    def _jump(self) -> int:
        return self._rng.choice((0, 0, 0, 0, 0, 0, 0, 1, 2))

    def topics(self) -> tuple[str, ...]:
        return tuple(topic for topic in TOPICS if any(self.end_offsets(topic)))

    def topic_number(self, topic: str) -> int:
        return 7 + TOPICS.index(topic)

    def end_offsets(self, topic: str) -> tuple[int, ...]:
        return tuple(self._ends[topic])

    def append(self, topic: str, events: Any) -> int:
        raise NotImplementedError  # `put` does it

    def read(self, topic: str, partition: int, from_offset: int = 0) -> Iterator[Batch]:
        raise NotImplementedError  # a stream follows

    def follow(self, starts: Mapping[Place, int]) -> SimulatedFollowing:
        return SimulatedFollowing(self, starts, self._rng)


class SimulatedFollowing:
    """Deliveries in portions of any size; some of them again."""

    def __init__(self, log: SimulatedLog, starts: Mapping[Place, int], rng: random.Random) -> None:
        self._log, self._at, self._rng = log, dict(starts), rng

    def __enter__(self) -> SimulatedFollowing:
        return self

    def __exit__(self, *error: object) -> None:
        """Nothing is held open."""

    def poll(self, wait_s: float) -> list[Batch]:
        lists = [self._some_of(place) for place in self._at if self._due(place)]
        found = []
        while lists := [some for some in lists if some]:  # shuffled, but not within a partition
            found.append(self._rng.choice(lists).pop(0))
        return found

    def _due(self, place: Place) -> bool:
        return self._rng.random() < (0.1 if place in self._log.slow else 0.7)

    def _some_of(self, place: Place) -> list[Batch]:
        topic, partition = place
        rng, records = self._rng, self._log.records[topic][partition]
        end = self._log.end_offsets(topic)[partition]
        if rng.random() < 0.15:  # delivered again
            self._at[place] = rng.randint(0, self._at[place])
        batches = []
        for _ in range(rng.randint(1, 2)):
            begin = self._at[place]
            if begin >= end:
                break
            ahead = [record for record in records if record.offset >= begin]
            some = ahead[: rng.choice((0, 1, 2, 5, 20, 1000))]
            behind = ahead[len(some)].offset if len(some) < len(ahead) else end
            last = some[-1].offset + 1 if some else begin
            self._at[place] = rng.randint(last, behind)
            batches.append(batch_of(place, some, begin, self._at[place]))
        return batches


def batch_of(place: Place, records: list[Record], begin: int, end: int) -> Batch:
    values = [record.value for record in records]
    ends = np.cumsum([len(value or b"") for value in values], dtype=np.int64)
    starts = ends - np.array([len(value or b"") for value in values], np.int64)
    ends -= np.array([value is None for value in values], np.int64)
    return Batch(
        *place,
        np.frombuffer(b"".join(value or b"" for value in values), np.uint8),
        np.stack([starts, ends]),
        np.array([record.offset for record in records], np.int64),
        begin,
        end,
        np.array([int(record.time.timestamp() * 1000) for record in records], np.int64),
    )


class Producer:
    """What happens to customers, as their lender's systems send it: in order, mostly.

    Only who stays in a partition when the topics grow is sent something twice, or has two events at
    one instant: ids are remembered for as long as the lateness by the clock of the partition that
    is counted, and of two events at once the later is told by the offset.
    """

    def __init__(self, log: SimulatedLog, rng: random.Random) -> None:
        self._log, self._rng, self._now, self._sent = log, rng, START, 0
        self._again: list[tuple[datetime, Place, Event]] = []
        self._last: dict[int, datetime] = {}

    def send(self) -> str:
        rng = self._rng
        self._now += timedelta(seconds=rng.expovariate(1 / 20_000))
        for due in [one for one in self._again if one[0] <= self._now]:
            self._again.remove(due)
            time, place, event = due
            self._log.put(place, encode(event), time, event)
        if rng.random() < 0.06:
            return self._send_broken()
        event = self._event(rng.choice(CUSTOMERS))
        place = topic_of(event), self._partition(event.customer_id)
        self._log.put(place, encode(event), self._now, event)
        if stays(event.customer_id) and rng.random() < 0.2:
            again = self._now + rng.random() * RESENT_WITHIN
            self._again.append((again, place, event))
        return f"send {place} {event.event_id}"

    def finish(self) -> None:
        """Send what is still to be sent again."""
        for _, place, event in self._again:
            self._log.put(place, encode(event), self._now, event)
        self._again = []

    def _partition(self, customer: int) -> int:
        stale = self._log.partitions == MANY and self._rng.random() < 0.3
        return partition_of(customer, FEW if stale else self._log.partitions)

    def _event(self, customer: int) -> Event:
        rng = self._rng
        self._sent += 1
        late = rng.random() < 0.3
        age = timedelta(seconds=rng.choice((0, 60, 3_600, 21_600, 21_601, 86_401, 400_000)))
        occurred = self._now - (age if late else timedelta()) + timedelta(microseconds=self._sent)
        if stays(customer) and rng.random() < 0.1:
            occurred = self._last.get(customer, occurred)
        self._last[customer] = occurred
        known = max(self._now, occurred)
        about: dict[str, Any] = {
            "event_id": f"e{self._sent}",
            "customer_id": customer,
            "occurred_at": occurred,
            "known_at": known,
        }
        if rng.random() < 0.5:
            channel, status = rng.choice(("app", "web")), rng.choice(("success", "failure"))
            return LoggedIn(**about, channel=channel, status=status)
        return LoanRepaid(
            **about,
            channel=rng.choice(("app", "transfer")),
            status="full",
            currency="CNY",
            amount_minor=rng.randint(1, 10**7),
        )

    def _send_broken(self) -> str:
        rng = self._rng
        event = self._event(rng.choice(CUSTOMERS))
        good = encode(event)
        values = (
            None,
            b"",
            b"{",
            b"[]\n{}",
            good[:-9],
            good.replace(b".v1", b".v9"),
            good.replace(b'"customer_id":', b'"customer_id":null,"was":'),
            b"\xff\xfe" + good,
        )
        place = topic_of(event), rng.randrange(self._log.partitions)
        time = self._now
        value = rng.choice((*values, good))
        if value == good:  # known long after the log got it
            time -= timedelta(hours=2)
        self._log.put(place, value, time, None)
        return f"send {place} something broken"


def stays(customer: int) -> bool:
    """Whether a customer's partition is the same when there are more."""
    return partition_of(customer, FEW) == partition_of(customer, MANY)


class Store(NamedTuple):
    """One store, written and read."""

    writer: Callable[[], OnlineWriter]
    online: Callable[[], Any]
    before_writing: Callable[[Callable[[], None]], AbstractContextManager[None]]
    """While it lasts, something happens whenever a worker is about to write."""
    takes_growth: bool = True
    """Whether topics may grow while they are read and written."""


@dataclass
class Cluster:
    """One to three workers over one store."""

    rng: random.Random
    log: SimulatedLog
    open_writer: Callable[[], OnlineWriter]
    open_dead: Callable[[], DeadLetters]
    definitions: tuple[list[WindowPlan], ...]
    plans: list[WindowPlan] = field(default_factory=list)
    owned: list[frozenset[int]] = field(default_factory=list)
    lives: list[Iterator[str]] = field(default_factory=list)
    busy: list[int] = field(default_factory=list)
    overtaken: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.plans = self.definitions[0]
        self.lives = [self.life(number) for number in range(self.rng.randint(1, 3))]
        self.share()

    def share(self) -> str:
        numbers, count = range(self.log.partitions), len(self.lives)
        whose = [self.rng.randrange(count) for _ in numbers]
        self.owned = [
            frozenset(number for number in numbers if whose[number] == worker)
            for worker in range(count)
        ]
        return f"share {[sorted(some) for some in self.owned]}"

    def redefine(self) -> str:
        """Another definition is in force for who starts from now on, and one worker does."""
        self.plans = self.rng.choice(self.definitions)
        return f"redefine {self.definitions.index(self.plans)}; {self.restart()}"

    def restart(self) -> str:
        worker = self.rng.randrange(len(self.lives))
        self.lives[worker] = self.life(worker)
        return f"restart {worker}"

    def stream(self) -> Stream:
        return Stream(self.log, self.open_writer(), self.plans, dead=self.open_dead())

    def life(self, number: int) -> Iterator[str]:
        """A worker's steps, as `stream_worker.work` takes them; one that hangs sees nothing new."""
        while True:
            known = self.owned[number], self.log.partitions
            stream = self.stream()
            with self.log.follow(stream.starts(known[0])) as following:
                yield "starts"
                while (self.owned[number], self.log.partitions) == known or self._hangs():
                    batches = following.poll(0)
                    yield f"polls {[(*place_of(b), b.begin, b.end) for b in batches]}"
                    stream.count(batches)
                    yield "counted"

    def _hangs(self) -> bool:
        return self.rng.random() < 0.3

    def step(self) -> str:
        """One worker's next step; one that crashes, or is refused, starts again."""
        worker = self.rng.choice([one for one in range(len(self.lives)) if one not in self.busy])
        lines = self.rng.randrange(MOST_LINES) if self.rng.random() < 0.25 else NEVER
        self.busy.append(worker)
        try:
            with crashing(lines):
                said = next(self.lives[worker])
        except (Crash, Refused) as end:
            self.lives[worker] = self.life(worker)
            said = repr(end)
        finally:
            self.busy.remove(worker)
        return f"worker {worker} {said}"

    def overtake(self) -> None:
        """Somebody else takes some steps while a worker has read and not yet written."""
        if len(self.busy) == 1 < len(self.lives) and self.rng.random() < 0.3:
            for _ in range(self.rng.randint(1, 6)):
                self.overtaken.append(f"  meanwhile {self.step()}")


def place_of(batch: Batch) -> Place:
    return batch.topic, batch.partition


def misfortunes(cluster: Cluster, producer: Producer, steps: int, grows: bool) -> Iterator[str]:
    """A seed's story, step by step, and what each was."""
    rng, log = cluster.rng, cluster.log
    grows_at = rng.randrange(2 * steps) if grows else NEVER
    for step in range(steps):
        luck = rng.random()
        if step == grows_at:
            log.grow()
            yield f"grow; {cluster.share()}"
        elif luck < 0.4:
            yield producer.send()
        elif luck < 0.44:
            yield cluster.share()
        elif luck < 0.47:
            yield cluster.restart()
        elif luck < 0.49:
            yield cluster.redefine()
        elif luck < 0.52:
            places = [(topic, number) for topic in TOPICS for number in range(log.partitions)]
            log.slow = set(rng.sample(places, rng.randint(0, 4)))
            yield f"slow {sorted(log.slow)}"
        else:
            said = cluster.step()
            yield from cluster.overtaken
            cluster.overtaken.clear()
            yield said


def all_of(log: SimulatedLog) -> Iterator[tuple[Place, Record]]:
    for topic in TOPICS:
        for number, records in enumerate(log.records[topic]):
            for record in records:
                yield (topic, number), record
