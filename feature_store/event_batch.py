"""Events of one partition as they were sent: one buffer of bytes, where each lies, its offset.

What a log's reader hands on, whatever the log is made of. Nothing is decoded here but by `events`,
the strict road of few events; `event_table.py` has the fast one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from finmodel.events import Event, decode
from finmodel.records import Int64s

if TYPE_CHECKING:  # it brings a compiler, and who only writes to a log needs none
    from feature_store.text_hash import Bytes


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """n events that follow each other in one partition, none left out between `begin` and `end`.

    Offsets may jump, by what a log keeps for itself or no longer has.
    """

    topic: str
    partition: int
    data: Bytes
    spans: Int64s
    """(2, n) where each event's JSON starts in `data`, and ends; a null ends before it starts."""
    offsets: Int64s
    """(n,) rising."""
    begin: int
    """The offset that was asked for."""
    end: int
    """The offset to go on from."""
    times_ms: Int64s | None = None
    """(n,) when the log got each, by its own word, in Unix milliseconds; below 0 where unknown."""

    lost: int = 0
    """Offsets behind `begin` that the log no longer keeps."""
    rejected: int = 0
    """Records that made no event and are kept as dead letters already."""
    skipped: int = 0
    """Records that a lender's map passes over."""

    def __len__(self) -> int:
        return len(self.offsets)

    @property
    def first_offset(self) -> int:
        """The first event's offset; where there is none, where it would have been."""
        return int(self.offsets[0]) if len(self.offsets) else self.begin

    def value(self, index: int) -> bytes:
        """One event's bytes, as they came."""
        start, end = self.spans[:, index].tolist()
        return self.data[start:end].tobytes()

    def sent(self, index: int) -> bytes | None:
        """The same, and None where nothing was sent."""
        start, end = self.spans[:, index].tolist()
        return None if end < start else self.value(index)

    def time_of(self, index: int) -> int | None:
        """Kafka's own time of one event; None where the log keeps none."""
        if self.times_ms is None or self.times_ms[index] < 0:
            return None
        return int(self.times_ms[index])

    def values(self) -> Iterator[bytes]:
        """Every event's bytes, as they came."""
        return map(self.value, range(len(self)))

    def until(self, end: int) -> Batch:
        """The same without what stands at an offset or behind it."""
        if end >= self.end:
            return self
        kept = int(np.searchsorted(self.offsets, end))
        times = None if self.times_ms is None else self.times_ms[:kept]
        spans, offsets = self.spans[:, :kept], self.offsets[:kept]
        return replace(self, spans=spans, offsets=offsets, end=end, times_ms=times)

    def behind(self, lost: int) -> Batch:
        """The same, with so many offsets told as lost as are not in it all the same: a record batch
        that is forgotten in part may still be given whole."""
        first = int(self.offsets[0]) if len(self) else self.end
        return replace(self, lost=min(lost, first - self.begin))

    def place(self, index: int) -> str:
        """Where an event stands, for people."""
        return f"{self.topic}[{self.partition}]@{self.offsets[index]}"

    def events(self) -> list[Event]:
        """The events; BadInput with topic, partition and offset where one cannot be read."""
        return [decode(value, self.place(index)) for index, value in enumerate(self.values())]


def laid_out(values: Sequence[bytes | None]) -> tuple[Bytes, Int64s]:
    """Values behind each other in one buffer, and where each lies, as a `Batch` has them.

    >>> data, spans = laid_out([b"ab", None, b"", b"c"])
    >>> data.tobytes(), spans.tolist()
    (b'abc', [[0, 2, 2, 2], [2, 1, 2, 3]])
    """
    lengths = np.array([len(value or b"") for value in values], np.int64)
    ends = np.cumsum(lengths)
    nulls = np.array([value is None for value in values], np.int64)
    data = np.frombuffer(b"".join(value or b"" for value in values), np.uint8)
    return data, np.stack([ends - lengths, ends - nulls])


def batch_of_lines(topic: str, partition: int, first: int, lines: bytes, begin: int) -> Batch:
    r"""Lines, each with its end, as events of consecutive offsets, from `begin` on.

    An empty line is an event that was forgotten: it has its offset, and nobody reads it.

    >>> batch = batch_of_lines("t", 0, 4, b"{}\n[]\n\n{ }\n", 5)
    >>> list(batch.values()), batch.offsets.tolist(), batch.begin, batch.end
    ([b'[]', b'{ }'], [5, 7], 5, 8)
    """
    data = np.frombuffer(lines, np.uint8)
    ends = np.flatnonzero(data == ord("\n"))
    starts = np.concatenate([[0], ends[:-1] + 1]) if len(ends) else ends
    skip = max(0, begin - first)
    spans = np.stack([starts, ends])[:, skip:].astype(np.int64)
    offsets = np.arange(first + skip, first + len(ends), dtype=np.int64)
    there = spans[0] < spans[1]
    if not there.all():
        spans, offsets = np.ascontiguousarray(spans[:, there]), offsets[there]
    return Batch(topic, partition, data, spans, offsets, begin, first + len(ends))
