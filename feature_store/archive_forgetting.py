"""One customer's events out of the archive: found by their pseudonym, or written without them.

Settings and a customer come in; how many events and how new goes out. A file keeps its name, and so
the offsets that it answers for; it is written aside and renamed, under its partition's lock.
"""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from feature_store.archive import bytes_of, held_partition
from feature_store.archive_files import files_of, passed_over
from feature_store.archive_key import Archive, found_archive
from feature_store.event_forgetting import kind_of
from finmodel.clock import china_day
from finmodel.durable import replace_file
from finmodel.events import TOPICS
from finmodel.retention import Found, Kind
from finmodel.settings import Settings

STORE = "archive"


def held_in_archive(settings: Settings, customer: int) -> Found:
    """A customer's archived events; none where nothing was ever archived."""
    archive = found_archive(settings)
    count, newest = 0, dict[Kind, date]()
    if archive is None:
        return Found(STORE, 0)
    number = _number(archive, customer)
    for topic in TOPICS:
        for _, path in _files(archive.folder / topic):
            # Column and filter alone: a file that has none of the customer's is hardly read.
            seen = pq.read_table(path, columns=["occurred_at"], filters=[("customer", "=", number)])
            if len(seen):
                latest: datetime = pc.max(seen["occurred_at"]).as_py()
                day, kind = china_day(latest), kind_of(topic)
                count, newest[kind] = count + len(seen), max(day, newest.get(kind, day))
    return Found(STORE, count, newest)


def forget_in_archive(settings: Settings, customer: int) -> int:
    """Write files without a customer's events; how many there were."""
    archive = found_archive(settings)
    if archive is None:
        return 0
    number, gone = _number(archive, customer), 0
    for topic in TOPICS:
        folder = archive.folder / topic
        for partition in sorted({partition for partition, _ in _files(folder)}):
            with held_partition(folder, partition):
                of_it = [path for one, path in _files(folder) if one == partition]
                gone += sum(_without(path, number) for path in of_it)
    return gone


def _files(folder: Path) -> list[tuple[int, Path]]:
    """A topic's files with their partitions; those that a wider one has taken the place of too."""
    if not folder.is_dir():
        return []
    every = [*files_of(folder), *passed_over(folder)]
    return [(one.partition, folder / one.name) for one in every]


def _without(path: Path, number: int) -> int:
    whose = pq.read_table(path, columns=["customer"])["customer"]
    gone = int(pc.sum(pc.equal(whose, number)).as_py() or 0)
    if gone:
        table = pq.read_table(path)
        kept = table.filter(pc.not_equal(table["customer"], pa.scalar(number, pa.int64())))
        replace_file(path, bytes_of(kept))
    return gone


def _number(archive: Archive, customer: int) -> int:
    return int(archive.pseudonyms(np.array([customer], np.int64))[0])
