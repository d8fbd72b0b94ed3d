"""Events as Parquet, each once: what windows are computed from again when the log forgets.

A log and an archive go in; what the log holds beyond the archive's files becomes more of them. A
file is there whole or not at all, and its name says which offsets it holds, so whoever is killed
goes on from there. Columns are `partition`, `log_offset`, `customer` (a pseudonym), and the event's
own but its customer's id; event ids stay as their producer gave them.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from feature_store.archive_files import ArchiveFile, archived_to, files_of
from feature_store.archive_key import Archive
from feature_store.event_batch import Batch
from feature_store.event_columns import arrow_of, schema_of
from feature_store.event_log import EventLog
from feature_store.event_table import events_of
from finmodel.durable import disk_error, held_alone, replace_file, sync_folder
from finmodel.errors import Damaged, NotReady
from finmodel.events import TOPICS
from finmodel.progress import Progress

FILE_EVENTS = 500_000
"""A file's most events; a batch that has more of them makes one of its own."""
AT_LEAST = 100_000
"""Fewer events than this wait in the log for more, so that files are not many and small."""
CUSTOMER = "customer_id"


@dataclass(frozen=True, slots=True)
class Archived:
    """What one pass wrote of one topic."""

    topic: str
    events: int
    files: int
    waiting: int
    """Offsets left in the log: too few events for a file of their own."""


@dataclass(frozen=True, slots=True)
class _Place:
    """One partition of one topic, and the folder of its files."""

    topic: str
    number: int
    partition: int
    folder: Path


def archive_schema(topic: str) -> pa.Schema:
    """Columns of a topic's files."""
    own = [field for field in schema_of(topic) if field.name != CUSTOMER]
    places = [("partition", pa.int32()), ("log_offset", pa.int64()), ("customer", pa.int64())]
    return pa.schema([*(pa.field(*one) for one in places), *own])


def archive_log(
    log: EventLog,
    archive: Archive,
    *,
    partitions: Container[int] | None = None,
    at_least: int = AT_LEAST,
    progress: Progress | None = None,
) -> list[Archived]:
    """Bring the archive up to the log's end, of all partitions or of some; 1 leaves none waiting.

    What is no event is left out: whoever counts the log keeps it as a dead letter. NotReady while
    another process archives the same partition; Damaged where the
    archive is ahead of the log.
    """
    for topic in TOPICS:
        (archive.folder / topic).mkdir(mode=0o700, parents=True, exist_ok=True)
    sync_folder(archive.folder)
    found = []
    for topic in log.topics():
        number, folder, ends = log.topic_number(topic), archive.folder / topic, {}
        for partition, end in enumerate(log.end_offsets(topic)):
            if partitions is None or partition in partitions:
                ends[_Place(topic, number, partition, folder)] = end
        found.append(_topic((log, archive), ends, topic, at_least, progress))
    return found


def _topic(
    roads: tuple[EventLog, Archive],
    ends: Mapping[_Place, int],
    topic: str,
    at_least: int,
    progress: Progress | None,
) -> Archived:
    total, reached = sum(ends.values()), 0
    events = files = 0
    for place, end in ends.items():
        with held_partition(place.folder, place.partition):
            before = archived_to(files_of(place.folder), place.number, place.partition)
            start = before or 0
            if start > end:
                raise _ahead(place, start, end)
            # Fewer than enough are not even read.
            some = _written(*roads, place, before, at_least) if end - start >= at_least else ()
            for one in some:
                events, files, start = events + one.rows, files + 1, one.end
                _tell(progress, topic, reached + start, total)
            reached += start
    _tell(progress, topic, reached, total)
    return Archived(topic, events, files, max(total - reached, 0))


@dataclass(frozen=True, slots=True)
class _Written:
    rows: int
    end: int


def _written(
    log: EventLog, archive: Archive, place: _Place, before: int | None, at_least: int
) -> Iterator[_Written]:
    """Each file of a partition as soon as it is on the disk."""
    waiting: list[pa.Table] = []
    rows = first = end = 0
    for batch in log.read(place.topic, place.partition, before or 0):
        table = _table(batch, archive)
        if rows and rows + len(table) > FILE_EVENTS:
            yield _write(place, (first, end), waiting)
            rows, waiting = 0, []
        if not waiting:
            first = batch.first_offset if before is None and not end else batch.begin
        waiting.append(table)
        rows, end = rows + len(table), batch.end
    if rows >= at_least:
        yield _write(place, (first, end), waiting)


def _write(place: _Place, offsets: tuple[int, int], tables: list[pa.Table]) -> _Written:
    file, table = ArchiveFile(place.number, place.partition, *offsets), pa.concat_tables(tables)
    replace_file(place.folder / file.name, bytes_of(table))
    return _Written(len(table), file.end)


def bytes_of(table: pa.Table) -> bytes:
    """A file of the archive."""
    sink = BytesIO()
    pq.write_table(table, sink, compression="zstd")
    return sink.getvalue()


def _table(batch: Batch, archive: Archive) -> pa.Table:
    read, offsets = events_of(batch)
    events = arrow_of(batch.topic, read)
    customers = archive.pseudonyms(events[CUSTOMER].to_numpy())
    columns = {
        "partition": np.full(len(events), batch.partition, np.int32),
        "log_offset": offsets,
        "customer": customers,
    }
    schema = archive_schema(batch.topic)
    return pa.table(columns | {n: events[n] for n in schema.names[len(columns) :]}, schema)


@contextmanager
def held_partition(folder: Path, partition: int) -> Iterator[None]:
    """Hold a partition of a topic's folder, and sweep what a crash left half-written of it."""
    busy = NotReady(
        f"another process archives partition {partition}",
        where=folder.name,
        remedy="wait until it has ended",
    )
    with held_alone(folder / f".{partition:05}.lock", busy):
        for left in folder.glob(f".????????-{partition:05}-*.aside"):
            try:
                left.unlink()
            except OSError as error:
                raise disk_error(error, left) from error
        yield


def _ahead(place: _Place, start: int, end: int) -> Damaged:
    return Damaged(
        f"partition {place.partition} is archived up to offset {start}, and its log ends at {end}",
        where=place.topic,
        remedy="the log was made anew: move the topic's folder out of the archive",
    )


def _tell(progress: Progress | None, topic: str, done: int, total: int) -> None:
    if progress is not None:
        progress(f"archive {topic}", done, total)
