"""Some customers' sections of a topic's views, counted anew from the log alone.

A log, how far a store counted it, and a sample of customers come in; sections go out as they would
be had nothing but the log's events up to there been counted. The log is read once for all views of
a topic, and no more than the sample's sections are kept. Knows no store.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from feature_store.consistency_sample import Sample
from feature_store.event_log import EventLog
from feature_store.event_measures import columns_of
from feature_store.event_table import EventTable, joined_tables, table_of
from feature_store.packed_columns import joined
from feature_store.tile_columns import EventColumns, advanced, grouped, rules_of
from feature_store.window_plan import WindowPlan
from finmodel.progress import Tell
from finmodel.records import Int64s

GATHERED = 20_000
"""Sampled events that are counted at once."""


@dataclass(frozen=True, slots=True, eq=False)
class Reach:
    """How far one view of a topic was counted."""

    plan: WindowPlan
    head: tuple[int, int]
    """View id and schema number."""
    positions: dict[int, int]
    """By partition, the offset from which events are still to be counted."""
    customers: Int64s
    """Ordered; whose sections may know more than the positions say."""
    streams: Int64s
    """The topic and partition in each one's section, as a section has them in one word."""
    offsets: Int64s
    """The last offset in each one's section."""

    def end(self, stream: int, partition: int) -> int:
        """The offset from which no event of a partition was counted of anybody."""
        further = self.offsets[self.streams == stream] + 1
        return max(self.positions.get(partition, 0), int(further.max(initial=0)))

    def has(self, events: EventColumns, stream: int) -> npt.NDArray[np.bool_]:
        """(n,) whether each event was counted, or left out for a reason."""
        counted: npt.NDArray[np.bool_] = events.offsets < self.positions.get(events.partition, 0)
        if not len(self.customers) or counted.all():
            return counted
        places = np.searchsorted(self.customers, events.customers)
        places = np.minimum(places, len(self.customers) - 1)
        same = (self.customers[places] == events.customers) & (self.streams[places] == stream)
        counted |= same & (events.offsets <= self.offsets[places])
        return counted


@dataclass(slots=True, eq=False)
class Recounted:
    """One view's sections, counted anew."""

    sections: dict[int, bytes] = field(default_factory=dict)
    """By customer."""
    gone: dict[int, int] = field(default_factory=dict)
    """By partition, the offset at which the log begins, where it is not 0."""
    since_us: float = -math.inf
    """What was known before this may be gone from the log."""


def replay(
    log: EventLog, topic: str, views: Sequence[Reach], sample: Sample, tell: Tell
) -> list[Recounted]:
    """Each view's sections of the sample's customers, who may become more by whom the log tells of.

    Partitions are taken one after the other, those that a topic was given later last.
    """
    number, found = log.topic_number(topic), [Recounted() for _ in views]
    for partition in range(len(log.end_offsets(topic))):
        stream = number | partition << 32
        ends = [view.end(stream, partition) for view in views]
        for table in _gathered(_tables(log, (topic, partition), max(ends), sample, found, tell)):
            for view, mine in zip(views, found, strict=True):
                _count(view, mine, columns_of(view.plan, table, number))
        for mine in found:
            _leave_out(mine.sections, sample)
    return found


def read_to(log: EventLog, topic: str, views: Sequence[Reach]) -> int:
    """How many offsets `replay` will read."""
    number, partitions = log.topic_number(topic), range(len(log.end_offsets(topic)))
    return sum(max(view.end(number | n << 32, n) for view in views) for n in partitions)


def _tables(
    log: EventLog,
    place: tuple[str, int],
    end: int,
    sample: Sample,
    found: Sequence[Recounted],
    tell: Tell,
) -> Iterator[EventTable]:
    """Events of the sample's customers below an offset; where the log begins is noted."""
    first, known_us, at = end, math.inf, 0
    for batch in log.read(*place) if end else ():
        first = min(first, batch.begin)
        if batch.begin >= end:
            break
        table, _ = table_of(batch.until(end))
        if len(table.offsets):
            known_us = min(known_us, int(table.column("known_at")[0]))
        tell(table.end - at)
        at = table.end
        yield _of_the_sample(table, sample)
    tell(end - at)
    if first > 0:
        for mine in found:
            mine.gone[place[1]] = first
            mine.since_us = max(mine.since_us, known_us)


def _of_the_sample(table: EventTable, sample: Sample) -> EventTable:
    customers = table.column("customer_id")
    sample.meet(np.unique(customers[sample.holds(customers)]))
    return table.only(sample.holds(customers))


def _gathered(tables: Iterator[EventTable]) -> Iterator[EventTable]:
    """The same events in fewer tables."""
    held: list[EventTable] = []
    rows = 0
    for table in tables:
        held.append(table)
        rows += len(table.offsets)
        if rows >= GATHERED:
            yield joined_tables(held)
            held, rows = [], 0
    if held:
        yield joined_tables(held)


def _count(view: Reach, mine: Recounted, events: EventColumns) -> None:
    rules = rules_of(view.plan, view.head, events.topic, events.partition)
    customers, incoming = grouped(events.only(view.has(events, rules.stream)))
    ids = customers.tolist()
    before = joined([mine.sections.get(customer, b"") for customer in ids])
    after, _ = advanced(before, np.arange(len(ids)), incoming, rules, view.plan)
    starts = after.starts.tolist()
    for customer, begin, end in zip(ids, starts, starts[1:], strict=False):
        mine.sections[customer] = after.words[begin:end].tobytes()


def _leave_out(sections: dict[int, bytes], sample: Sample) -> None:
    """Forget whom the sample no longer holds."""
    ids = np.fromiter(sections, np.int64, len(sections))
    for customer in ids[~sample.holds(ids)].tolist():
        del sections[customer]
