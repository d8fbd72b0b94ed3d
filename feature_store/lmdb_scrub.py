"""What was removed from an LMDB map, out of its file too: every free page is written over.

LMDB leaves a removed row's bytes in pages that are free until somebody needs them. Here filler is
put until the map has no free page left, and taken out again. A page that somebody still reads in a
snapshot is not free yet: what was removed is looked for in the file afterwards.
"""

from __future__ import annotations

import mmap
import time
from collections.abc import Collection

from feature_store.lmdb_map import LmdbMap
from finmodel.errors import NotReady

_FILLER = b"filler"
"""The database that the filler lies in."""
_HEADER = 16
_AT_ONCE = 4_096
"""Pages in a transaction."""
_NEARLY = 64
"""Free pages that are not counted on: LMDB keeps its list of free pages in some of them."""
_TRIES = 5
_WAIT_S = 0.5
"""Snapshots are read in less."""


def scrub(found: LmdbMap, removed: Collection[bytes]) -> None:
    """Write over every free page of a map; others may read and write it meanwhile.

    NotReady where something that was removed can still be read in the file.
    """
    for _ in range(_TRIES):
        _write_over(found)
        if not _in_file(found, removed):
            return
        time.sleep(_WAIT_S)
    raise NotReady(
        "rows were removed, but another process keeps older pages of it in use",
        where=str(found.place.path),
        remedy="erase again",
    )


def _write_over(found: LmdbMap) -> None:
    _settle(found)
    count, free = 0, found.free_pages - _NEARLY
    while free > 0:
        _fill(found, pages := min(free, _AT_ONCE), count)
        count, free = count + pages, free - pages
    # One at a time, so that the file grows by no more each time that somebody is erased.
    while not _fill(found, 1, count):
        count += 1
    _settle(found)


def _settle(found: LmdbMap) -> None:
    """Take the filler out; what one transaction frees, the second after it may use."""
    for _ in range(3):
        with found.writing({_FILLER: True}) as (txn, (filler,)):
            txn.drop(filler, delete=False)


def _fill(found: LmdbMap, pages: int, first: int) -> int:
    """Put so many pages of filler; by how many the file grew."""
    before, blank = found.last_page, bytes(mmap.PAGESIZE - _HEADER)
    with found.writing({_FILLER: True}) as (txn, (filler,)):
        rows = ((n.to_bytes(8, "little"), blank) for n in range(first, first + pages))
        txn.cursor(filler).putmulti(rows)
    return found.last_page - before


def _in_file(found: LmdbMap, removed: Collection[bytes]) -> bool:
    with (
        (found.place.path / "data.mdb").open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data,
    ):
        return any(data.find(one) >= 0 for one in removed)
