"""Events that the log no longer keeps, counted from the archive.

An archive, a log, a writer and plans come in; each view's tiles are brought up to where the log
begins, in the order in which events became known, by the offsets that they had. Killed at any
moment, it goes on from there. What the log still keeps is left to it, and so are dead letters.
"""

from __future__ import annotations

import math
import time
from collections.abc import Container, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from feature_store.archive_files import ArchiveFile, files_of
from feature_store.archive_key import Archive
from feature_store.arrow_numbers import numbers
from feature_store.event_log import EventLog
from feature_store.event_measures import columns_of
from feature_store.event_table import EventTable, fields_of
from feature_store.online_writer import OnlineWriter
from feature_store.packed_counting import Part
from feature_store.packed_keys import JOIN_KEY
from feature_store.window_plan import WindowPlan
from finmodel.records import Int64s

PIECE = 65_536
"""Events counted in one transaction."""

_Place = tuple[int, int]
"""A topic's number and a partition."""


class Refilled(NamedTuple):
    """What one call counted."""

    events: int
    whole: bool
    """Whether nothing is left to be counted from the archive."""


class _Kept(NamedTuple):
    """A file of the archive, and the part of it that is to be counted from there."""

    topic: str
    file: ArchiveFile
    start: int
    stop: int


def refill(
    archive: Archive,
    log: EventLog,
    writer: OnlineWriter,
    plans: Sequence[WindowPlan],
    partitions: Container[int] | None = None,
    seconds: float = math.inf,
) -> Refilled:
    """Count what only the archive holds, of all partitions or of some, for so long or a bit longer.

    Partitions that a topic has no more go with partition 0. Damaged where a part of the archive is
    missing.
    """
    late, events = time.monotonic() + seconds, 0
    for topic, begins in _begins(log, {plan.topic for plan in plans}).items():
        mine = [plan for plan in plans if plan.topic == topic]
        folder = archive.folder / topic
        files = [
            file
            for file in (files_of(folder) if folder.is_dir() else ())
            if _belongs(file.partition, partitions, len(begins))
        ]
        places = {(file.number, file.partition) for file in files}
        at = {p: min(writer.position(plan, *p) for plan in mine) for p in places}
        for kept in _to_count(folder, files, begins, at):
            for table in _pieces(archive, kept):
                parts = [Part(plan, columns_of(plan, table, kept.file.number)) for plan in mine]
                writer.write_parts(JOIN_KEY, parts)
                events += len(table.offsets)
                if time.monotonic() >= late:
                    return Refilled(events, whole=False)
    return Refilled(events, whole=True)


def holds_events(archive: Archive | None) -> bool:
    """Whether any event was ever archived."""
    return archive is not None and any(archive.folder.glob("*/*.parquet"))


def _begins(log: EventLog, topics: set[str]) -> dict[str, dict[_Place, int]]:
    """By topic, from where the log keeps each of its partitions; none of a topic that is gone."""
    states = log.states()
    found: dict[str, dict[_Place, int]] = {topic: {} for topic in sorted(topics)}
    for topic in found.keys() & states.keys():
        number = states[topic].number
        found[topic] = {(number, n): at for n, at in enumerate(log.begin_offsets(topic))}
    return found


def _to_count(
    folder: Path, files: Sequence[ArchiveFile], begins: Mapping[_Place, int], at: dict[_Place, int]
) -> list[_Kept]:
    """What of a topic's files is not counted `at` its place yet, by when events were known.

    A partition's own stay in the log's order: a customer may have come from another partition, or
    from a topic before this one, and what was known first is counted first.
    """
    found: list[_Kept] = []
    latest: dict[_Place, int] = {}
    order: list[int] = []
    for file in files:
        place = file.number, file.partition
        start, stop = at[place], min(file.end, begins.get(place, file.end))
        if start < stop:
            at[place] = stop
            latest[place] = max(latest.get(place, 0), _first_known(folder / file.name))
            order.append(latest[place])
            found.append(_Kept(folder.name, file, start, stop))
    return [found[n] for n in np.argsort(order, kind="stable").tolist()]


def _belongs(partition: int, partitions: Container[int] | None, there: int) -> bool:
    """Whether a partition is among some; one that the topic has no more goes with the first."""
    if partitions is None or partition in partitions:
        return True
    return partition >= there and 0 in partitions


def _first_known(path: Path) -> int:
    """When the first event of a file became known, in microseconds."""
    with pq.ParquetFile(path) as file:
        first = next(file.iter_batches(batch_size=1, columns=["known_at"]))
    return int(numbers(first.column(0))[0])


def _pieces(archive: Archive, kept: _Kept) -> Iterator[EventTable]:
    """A file's events from one offset up to another, some at once, none left out between."""
    begin, (topic, file, _, stop) = kept.start, kept
    with pq.ParquetFile(archive.folder / topic / file.name) as opened:
        for batch in opened.iter_batches(batch_size=PIECE):
            offsets = numbers(batch["log_offset"])
            first, last = np.searchsorted(offsets, [begin, stop]).tolist()
            if first < last:
                end = int(offsets[last - 1]) + 1
                columns = _columns(archive, topic, batch[first:last])
                yield EventTable(topic, file.partition, columns, offsets[first:last], begin, end)
                begin = end
    if begin < stop:  # what is behind the last event made none
        nothing = np.empty((len(fields_of(topic)), 0), np.int64)
        yield EventTable(topic, file.partition, nothing, nothing[0], begin, stop)


def _columns(archive: Archive, topic: str, batch: pa.RecordBatch) -> Int64s:
    """(f, n) a row for each of the topic's fields, of whom they are in plain."""
    customers = archive.customers(numbers(batch["customer"]))
    return np.stack(
        [customers if name == JOIN_KEY else numbers(batch[name]) for name in fields_of(topic)]
    )
