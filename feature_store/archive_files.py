"""Names of the archive's files: which events of a topic each holds, and that none is missing.

    <archive>/<topic>/<topic number>-<partition>-<first offset>-<next offset>.parquet

A folder comes in, files in the log's order come out. The names alone tell how far a partition is
archived: they must join without a hole and without overlap. Knows nothing of what is in a file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from finmodel.errors import Damaged, NotReady

_NAME = re.compile(r"([0-9a-f]{8})-(\d{5})-(\d{20})-(\d{20})\.parquet")


class ArchiveFile(NamedTuple):
    """Events of one partition from one offset up to another, which is not in it."""

    number: int
    """What tells a topic from a later one of the same name."""
    partition: int
    first: int
    end: int

    @property
    def name(self) -> str:
        """Its file's name.

        >>> ArchiveFile(0xABC, 3, 0, 50_000).name
        '00000abc-00003-00000000000000000000-00000000000000050000.parquet'
        """
        return f"{self.number:08x}-{self.partition:05}-{self.first:020}-{self.end:020}.parquet"


def files_of(folder: Path) -> list[ArchiveFile]:
    """A topic's files, partition by partition, in the log's order.

    NotReady if the topic was never archived; Damaged, with a file's name, if they do not join. A
    file whose events a wider one holds is passed over: they are about to be, or were, put together.
    """
    if not folder.is_dir():
        raise NotReady(
            "its events are not archived", where=folder.name, remedy="run `finmodel archive`"
        )
    return _joined(folder, _all(folder))


def passed_over(folder: Path) -> list[ArchiveFile]:
    """Files whose events wider ones hold."""
    return sorted(set(_all(folder)) - set(files_of(folder)))


def archived_to(files: Iterable[ArchiveFile], number: int, partition: int) -> int | None:
    """The offset from which a partition is still to be archived; None where none of it is."""
    ends = [one.end for one in files if (one.number, one.partition) == (number, partition)]
    return max(ends, default=None)


def _joined(folder: Path, files: Iterable[ArchiveFile]) -> list[ArchiveFile]:
    kept: list[ArchiveFile] = []
    for one in sorted(files, key=lambda file: (*file[:3], -file.end)):
        before = kept[-1] if kept and kept[-1][:2] == one[:2] else None
        if before is not None and one.end <= before.end:
            continue
        if before is not None and one.first != before.end:
            wrong = "it overlaps" if one.first < before.end else "it leaves a hole after"
            raise Damaged(
                f"{wrong} {before.name}",
                where=str(folder / one.name),
                remedy="restore the topic's folder from a copy, or remove it and archive again",
            )
        kept.append(one)
    return kept


def _all(folder: Path) -> list[ArchiveFile]:
    return [_parsed(path) for path in folder.glob("*.parquet")]


def _parsed(path: Path) -> ArchiveFile:
    found = _NAME.fullmatch(path.name)
    if not found:
        raise Damaged(
            "it is not a file of the archive", where=str(path), remedy="move it elsewhere"
        )
    number, *rest = found.groups()
    return ArchiveFile(int(number, 16), *map(int, rest))
