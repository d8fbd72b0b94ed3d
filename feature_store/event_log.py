"""A log of events in files: what stands in for Kafka where there is no server.

Topics have the same partitions, chosen by customer, so all that happens to one customer stays in
order and in one partition number. One writer, any number of readers in any process; an append is
durable when it returns. This module knows what an event is, and not what is made of it.
"""

from __future__ import annotations

import fcntl
import os
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Protocol

import msgspec

from feature_store.event_batch import Batch, batch_of_lines
from feature_store.event_segments import Frame, append_frame, cut_tail, segments, walk
from finmodel.durable import replace_file
from finmodel.errors import BadInput, Damaged, NotReady
from finmodel.events import TOPICS, Event, decode_lines, encode_lines, topic_of
from finmodel.progress import Progress

SEGMENT_BYTES = 64 << 20
POLL_BYTES = 1 << 20
"""Of one partition in one poll, more by a frame at most."""
LOOK_SECONDS = 0.05
PATIENCE_S = 1.0
"""So long another writer is waited for."""
LAYOUT = "log.json"
CHUNK = 50_000


Place = tuple[str, int]
"""A topic and a partition number."""


class TopicState(NamedTuple):
    """A topic as it is now."""

    number: int
    """32 bits that tell it from a later one of the same name."""
    ends: tuple[int, ...]
    """The offset that each partition's next event will have."""


class Following(Protocol):
    """Some partitions of a log, followed from where they were left."""

    def poll(self, wait_s: float) -> list[Batch]:
        """What came since, some megabytes of it at most; empty if nothing did within the wait."""


class EventLog(Protocol):
    """What the platform asks of a log; Kafka answers it too."""

    partitions: int

    def append(self, topic: str, events: Iterable[Event]) -> int:
        """Write events to their customers' partitions, durably; how many there were."""

    def read(self, topic: str, partition: int, from_offset: int = 0) -> Iterator[Batch]:
        """What one partition holds now, in order, from an offset on."""

    def follow(self, starts: Mapping[Place, int]) -> AbstractContextManager[Following]:
        """What comes to some partitions from offsets on, to be polled."""

    def topic_number(self, topic: str) -> int:
        """32 bits that tell a topic from a later one of the same name."""

    def topics(self) -> tuple[str, ...]:
        """Topics that hold something."""

    def states(self) -> dict[str, TopicState]:
        """The same, each as it is now: one question for all of them."""

    def begin_offsets(self, topic: str) -> tuple[int, ...]:
        """The offset from which each partition is still kept."""

    def end_offsets(self, topic: str) -> tuple[int, ...]:
        """The offset that each partition's next event will have."""


def partition_of(customer_id: int, partitions: int) -> int:
    """A customer's partition: the same in every topic.

    >>> [partition_of(customer, 4) for customer in (1, 2, 3, 30_000)]
    [3, 1, 3, 1]
    """
    return zlib.crc32(str(customer_id).encode()) % partitions


class _Layout(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    partitions: int
    partitioner: str = "crc32"
    version: int = 1


class FileEventLog:
    """An `EventLog` in a folder: `<topic>/<partition>/<first offset>.log`.

    For reading, any number may be open. With `write`, the folder is locked for this one, and what a
    crash left half-written at an end is cut off; NotReady if another writes. Who writes often names
    its `topics`: the ends of the others are not looked for.
    """

    def __init__(
        self,
        folder: Path,
        *,
        partitions: int = 4,
        write: bool = False,
        topics: Sequence[str] = TOPICS,
    ) -> None:
        self._folder, self._topics = folder, topics
        self._lock: int | None = None
        self._ends: dict[Place, int] = {}
        """What the writer knows of its own."""
        self._walked: dict[Place, tuple[tuple[int, int, int], int]] = {}
        """What a reader found, and the size of what it found it in."""
        if write:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = _locked(folder)
        try:
            self.partitions = _layout(folder, partitions, write).partitions
            if write:
                self._recover()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> FileEventLog:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let another write."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def append(self, topic: str, events: Iterable[Event]) -> int:
        """Write events to their customers' partitions, durably; how many there were.

        A partition's part of one call is there whole or not at all, and each event is read back
        before it is written, so that no log holds what its readers refuse.
        """
        if self._lock is None:
            raise NotReady(
                "the log is open for reading", where=str(self._folder), remedy="open it with write"
            )
        parts: list[list[Event]] = [[] for _ in range(self.partitions)]
        for event in events:
            if topic_of(event) != topic:
                raise BadInput("an event of another topic", where=topic, remedy=topic_of(event))
            parts[partition_of(event.customer_id, self.partitions)].append(event)
        if any(parts) and topic not in self._topics:
            raise BadInput("the log is open for others", where=topic, remedy="name it in topics")
        bodies = [encode_lines(part) for part in parts]
        for body in bodies:
            decode_lines(body, topic)
        for partition, (part, body) in enumerate(zip(parts, bodies, strict=True)):
            if part:
                self._write(topic, partition, len(part), body)
        return sum(map(len, parts))

    def read(self, topic: str, partition: int, from_offset: int = 0) -> Iterator[Batch]:
        """What one partition holds now, in order, from an offset on; Damaged where it is."""
        if not 0 <= partition < self.partitions:
            raise BadInput(f"no partition {partition}", where=topic)
        paths = segments(self._place(topic, partition))
        starts = [int(path.stem) for path in paths]
        for index, path in enumerate(paths):
            last = index + 1 == len(paths)
            if not last and starts[index + 1] <= from_offset:
                continue
            for frame in walk(path, is_last=last):
                if frame.first_offset + frame.count > from_offset:
                    begin = max(from_offset, frame.first_offset)
                    yield batch_of_lines(topic, partition, frame.first_offset, frame.body, begin)

    @contextmanager
    def follow(self, starts: Mapping[Place, int]) -> Iterator[FileFollowing]:
        """What comes to some partitions from offsets on, to be polled."""
        yield FileFollowing(self, starts)

    def topic_number(self, topic: str) -> int:
        """Always 0: a folder's topics are made once."""
        return 0

    def size(self, topic: str, partition: int) -> tuple[int, int, int]:
        """How many segments a partition has, and the last one's bytes and time: others after an
        append."""
        paths = segments(self._place(topic, partition))
        if not paths:
            return 0, 0, 0
        last = paths[-1].stat()
        return len(paths), last.st_size, last.st_mtime_ns

    def topics(self) -> tuple[str, ...]:
        """Topics that hold something."""
        return tuple(self.states())

    def states(self) -> dict[str, TopicState]:
        """The same, each as it is now."""
        ends = {topic: self.end_offsets(topic) for topic in TOPICS}
        return {t: TopicState(self.topic_number(t), some) for t, some in ends.items() if any(some)}

    def begin_offsets(self, topic: str) -> tuple[int, ...]:
        """Always 0: a folder keeps everything."""
        return (0,) * self.partitions

    def end_offsets(self, topic: str) -> tuple[int, ...]:
        """The offset that each partition's next event will have."""
        return tuple(self._end(topic, partition) for partition in range(self.partitions))

    def _place(self, topic: str, partition: int) -> Path:
        if topic not in TOPICS:
            raise BadInput("no such topic", where=topic, remedy=f"name one of {', '.join(TOPICS)}")
        return self._folder / topic / str(partition)

    def _end(self, topic: str, partition: int) -> int:
        known = self._ends.get((topic, partition))
        if known is not None:
            return known
        size = self.size(topic, partition)
        found = self._walked.get((topic, partition))
        if found is None or found[0] != size:
            found = size, self._walk(topic, partition)
            self._walked[topic, partition] = found
        return found[1]

    def _walk(self, topic: str, partition: int) -> int:
        """The end of a partition, by its last segment's frames."""
        paths = segments(self._place(topic, partition))
        if not paths:
            return 0
        end = int(paths[-1].stem)
        for frame in walk(paths[-1], is_last=True):
            end = frame.first_offset + frame.count
        return end

    def _recover(self) -> None:
        for topic in self._topics:
            for partition in range(self.partitions):
                paths = segments(self._place(topic, partition))
                if paths:
                    cut_tail(paths[-1])
                self._ends[topic, partition] = self._end(topic, partition)

    def _write(self, topic: str, partition: int, count: int, body: bytes) -> None:
        first = self._ends[topic, partition]
        folder = self._place(topic, partition)
        paths = segments(folder)
        roll = not paths or paths[-1].stat().st_size >= SEGMENT_BYTES
        path = folder / f"{first:020}.log" if roll else paths[-1]
        append_frame(path, Frame(first, count, body))
        self._ends[topic, partition] = first + count


class FileFollowing:
    """A file log's partitions, looked at again and again."""

    def __init__(self, log: FileEventLog, starts: Mapping[Place, int]) -> None:
        self._log, self._at = log, dict(starts)
        self._sizes: dict[Place, tuple[int, int, int]] = {}

    def poll(self, wait_s: float) -> list[Batch]:
        """What came since, some megabytes of it at most; empty if nothing did within the wait."""
        deadline = time.monotonic() + wait_s
        while True:
            found = [batch for place in self._at for batch in self._some_of(place)]
            if found or time.monotonic() >= deadline:
                return found
            time.sleep(min(LOOK_SECONDS, wait_s))

    def _some_of(self, place: Place) -> Iterator[Batch]:
        size, taken = self._log.size(*place), 0
        if self._sizes.get(place) == size:
            return
        for batch in self._log.read(*place, self._at[place]):
            self._at[place] = batch.end
            yield batch
            taken += len(batch.data)
            if taken > POLL_BYTES:
                return
        self._sizes[place] = size


def append_all(
    log: EventLog, events: Iterable[Event], progress: Progress | None = None, total: int = 0
) -> int:
    """Write events of any topics, in order, in appends of many; how many there were."""
    waiting: dict[str, list[Event]] = {topic: [] for topic in TOPICS}
    done = 0
    for event in events:
        topic = topic_of(event)
        waiting[topic].append(event)
        if len(waiting[topic]) == CHUNK:
            done += log.append(topic, waiting[topic])
            waiting[topic].clear()
            if progress is not None:
                progress("events", done, max(total, done))
    for topic, rest in waiting.items():
        done += log.append(topic, rest)
    if progress is not None:
        progress("events", done, max(total, done))
    return done


@contextmanager
def held_log(folder: Path) -> Iterator[None]:
    """Hold a log as its one writer does, with no half-written end; NotReady if another writes."""
    lock = _locked(folder)
    try:
        for path in folder.glob("*/*/*.log"):
            if path == segments(path.parent)[-1]:
                cut_tail(path)
        yield
    finally:
        os.close(lock)


def _locked(folder: Path) -> int:
    """The writer's lock; who writes a little now and then is waited for."""
    lock = os.open(folder / ".writer", os.O_CREAT | os.O_RDWR, 0o644)
    late = time.monotonic() + PATIENCE_S
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() < late:
                time.sleep(LOOK_SECONDS)
                continue
            os.close(lock)
            raise NotReady(
                "another process writes to it", where=str(folder), remedy="wait until it has ended"
            ) from error
        return lock


def _layout(folder: Path, partitions: int, write: bool) -> _Layout:
    """What the folder was made with, which stays; a writer makes it where there is none."""
    path = folder / LAYOUT
    if not path.exists():
        if not write:
            raise NotReady(
                "there is no event log",
                where=str(folder),
                remedy="write events first, or follow Kafka's with --kafka",
            )
        replace_file(path, msgspec.json.encode(_Layout(partitions)))
    try:
        layout = msgspec.json.decode(path.read_bytes(), type=_Layout)
    except msgspec.DecodeError as error:
        raise Damaged(str(error), where=str(path), remedy="restore it from a copy") from error
    if write and layout.partitions != partitions:
        raise BadInput(
            f"it has {layout.partitions} partitions, not {partitions}",
            where=str(folder),
            remedy="keep their number, or start a new folder",
        )
    return layout
