"""Events that the log no longer keeps, counted from the archive.

An archive, a log, a writer and plans come in; each view's tiles are brought up to where the log
begins, in the order in which events became known, by the offsets that they had. Killed at any
moment, it goes on from there. What the log still keeps is left to it, and so are dead letters.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
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
from feature_store.progress import Progress
from feature_store.window_plan import WindowPlan

JOIN_KEY = "customer_id"
PIECE = 65_536
"""Events counted in one transaction."""


class _Kept(NamedTuple):
    """A file of the archive, and the part of it that is to be counted from there."""

    file: ArchiveFile
    start: int
    stop: int


def refill(
    archive: Archive,
    log: EventLog,
    writer: OnlineWriter,
    plans: Sequence[WindowPlan],
    partitions: Container[int] | None = None,
    progress: Progress | None = None,
) -> int:
    """Count what only the archive holds, of all partitions or of some; how many events there were.

    Damaged where a part of the archive is missing.
    """
    numbers_now = {topic: state.number for topic, state in log.states().items()}
    told = 0
    for topic in sorted({plan.topic for plan in plans}):
        folder = archive.folder / topic
        if not folder.is_dir():
            continue
        mine = [plan for plan in plans if plan.topic == topic]
        begins = dict(enumerate(log.begin_offsets(topic))) if topic in numbers_now else {}
        files = [
            one for one in files_of(folder) if partitions is None or one.partition in partitions
        ]
        for file in _as_known(folder, files):
            stop = file.end
            if file.number == numbers_now.get(topic):
                stop = min(stop, begins.get(file.partition, 0))
            start = min(writer.position(plan, file.number, file.partition) for plan in mine)
            for table in _pieces(archive, topic, _Kept(file, start, stop)):
                parts = [Part(plan, columns_of(plan, table, file.number)) for plan in mine]
                writer.write_parts(JOIN_KEY, parts)
                told += len(table.offsets)
                if progress is not None:
                    progress(f"archive {topic}", told, told)
    return told


def holds_events(archive: Archive | None) -> bool:
    """Whether any event was ever archived."""
    return archive is not None and any(archive.folder.glob("*/*.parquet"))


def _as_known(folder: Path, files: Sequence[ArchiveFile]) -> list[ArchiveFile]:
    """Files of all partitions and of all topics of this name, by when their events were known.

    A partition's own stay in the log's order: a customer may have come from another partition, or
    from a topic before this one, and what was known first is counted first.
    """
    latest: dict[tuple[int, int], int] = {}
    order = {}
    for file in files:
        place = file.number, file.partition
        latest[place] = max(latest.get(place, 0), _first_known(folder / file.name))
        order[file] = latest[place]
    return sorted(files, key=lambda file: (order[file], *file))


def _first_known(path: Path) -> int:
    """When the first event of a file became known, in microseconds, by its first rows."""
    with pq.ParquetFile(path) as file:
        first = next(file.iter_batches(batch_size=1, columns=["known_at"]))
    return int(numbers(first.column(0))[0])


def _pieces(archive: Archive, topic: str, kept: _Kept) -> Iterator[EventTable]:
    """Events of a file from one offset up to another, some at once, none left out between."""
    begin, file = kept.start, kept.file
    if begin >= kept.stop:
        return
    with pq.ParquetFile(archive.folder / topic / file.name) as opened:
        for batch in opened.iter_batches(batch_size=PIECE):
            offsets = numbers(batch["log_offset"])
            first, last = np.searchsorted(offsets, [begin, kept.stop]).tolist()
            if first == last:
                continue
            some, end = batch.slice(first, last - first), int(offsets[last - 1]) + 1
            columns = _columns(archive, topic, some)
            place = topic, file.partition
            yield EventTable(*place, columns, offsets[first:last], begin, end)
            begin = end
    if begin < kept.stop:  # the rest were no events
        nothing = np.empty((len(fields_of(topic)), 0), np.int64)
        yield EventTable(topic, file.partition, nothing, nothing[0], begin, kept.stop)


def _columns(archive: Archive, topic: str, batch: pa.RecordBatch) -> np.ndarray:
    found = [
        archive.customers(numbers(batch["customer"])) if name == JOIN_KEY else numbers(batch[name])
        for name in fields_of(topic)
    ]
    return np.stack(found)
