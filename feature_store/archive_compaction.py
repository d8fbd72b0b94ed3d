"""Small files of the archive put together, whoever is killed when.

A wider file takes its place first, then the narrower ones that it holds are removed; who reads in
between, or after a crash, takes the wider. Every event keeps its place in the log's order.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from feature_store.archive import FILE_EVENTS, bytes_of, held_partition
from feature_store.archive_files import ArchiveFile, files_of, passed_over
from feature_store.archive_key import Archive
from finmodel.durable import disk_error, replace_file, sync_folder
from finmodel.events import TOPICS

AT_ONCE = 8
"""Files that must lie side by side before they are written again as one."""


def compact(archive: Archive) -> int:
    """Put small files together, of every topic; how many files there are fewer.

    NotReady while another process archives one of the partitions; Damaged where files do not join.
    """
    return sum(_topic(archive.folder / topic) for topic in TOPICS)


def _topic(folder: Path) -> int:
    if not folder.is_dir():
        return 0
    fewer = 0
    for partition in sorted({one.partition for one in files_of(folder)}):
        with held_partition(folder, partition):
            for together in _small(files_of(folder), partition):
                _merge(folder, together)
            narrow = [one for one in passed_over(folder) if one.partition == partition]
            fewer += len(narrow)
            _remove(folder, narrow)
    return fewer


def _small(files: list[ArchiveFile], partition: int) -> Iterator[list[ArchiveFile]]:
    """Neighbours of one partition that fit into one file, where there are enough of them."""
    mine = (one for one in files if one.partition == partition)
    for _, neighbours in groupby(mine, key=lambda one: one.number):
        together: list[ArchiveFile] = []
        for one in neighbours:
            if together and one.end - together[0].first > FILE_EVENTS:
                if len(together) >= AT_ONCE:
                    yield together
                together = []
            together.append(one)
        if len(together) >= AT_ONCE:
            yield together


def _merge(folder: Path, together: list[ArchiveFile]) -> None:
    table = pa.concat_tables([pq.read_table(folder / one.name) for one in together])
    wide = together[0]._replace(end=together[-1].end)
    replace_file(folder / wide.name, bytes_of(table))


def _remove(folder: Path, files: list[ArchiveFile]) -> None:
    for one in files:
        try:
            (folder / one.name).unlink()
        except OSError as error:
            raise disk_error(error, folder / one.name) from error
    if files:
        sync_folder(folder)
