"""How full an LMDB map is, who ended while holding old pages of it, and whom it knows.

A place comes in, figures and ids go out. It looks as any reader does, writes no page, and frees no
reader's slot.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import lmdb
import numpy as np

from feature_store.lmdb_map import MapPlace, open_map
from feature_store.packed_catalog import META, load
from feature_store.packed_keys import Place
from feature_store.rebuild_mark import REBUILD, refuse_if
from finmodel.records import Int64s


class MapHealth(NamedTuple):
    """How a map stands, in bytes."""

    used: int
    """Of pages that hold something; pages that were freed are used again."""
    limit: int
    """Most that it may grow to, as its last writer opened it."""
    gone: tuple[int, ...]
    """Processes that ended in the middle of reading: pages that they saw are kept until the next
    write."""


def health_of(place: MapPlace) -> MapHealth:
    """Look at a map; NotReady where there is none, or it is rebuilt or another program's.

    Damaged where it cannot be read. A file that is cut short kills whoever reads past its end: look
    in a process apart.
    """
    found = open_map(place)
    with found.reading(META) as (txn, (meta,)):
        load(txn, meta)
        refuse_if(txn.get(REBUILD, None, meta), str(place.path))
    env = found.enter(writable=False)
    try:
        told, page = env.info(), int(env.stat()["psize"])
        gone = _gone(env.readers())
        return MapHealth(found.used_pages * page, int(told["map_size"]), gone)
    except lmdb.Error as error:
        raise found.typed(error) from error
    finally:
        found.leave()


def spread_ids(place: MapPlace, rows: Place, most: int) -> Int64s:
    """(n,) int64 ids that a map has rows of, spread evenly over all of them; at most so many."""
    with open_map(place).reading(rows.name) as (txn, (handle,)):
        if handle is None:
            return np.empty(0, np.int64)
        with txn.cursor(handle) as cursor:
            return np.array(_probed(cursor, most), dtype=np.uint64).view(np.int64)


def _probed(cursor: Any, most: int) -> list[int]:
    if not cursor.first():
        return []
    low = _number(cursor.key())
    cursor.last()
    step = max(1, (_number(cursor.key()) - low) // most)
    found: list[int] = []
    at, there = low, cursor.first()
    while there and len(found) < most:
        found.append(_number(cursor.key()))
        at = max(at + step, found[-1] + 1)
        there = at < 2**64 and cursor.set_range(at.to_bytes(8, "little"))
    return found


def _number(key: bytes) -> int:
    return int.from_bytes(key, "little")


def _gone(table: str) -> tuple[int, ...]:
    """Of LMDB's table of readers, those that hold a snapshot and are no process here any more.

    >>> _gone("    pid     thread     txnid\\n 999999999 7f21 42\\n 999999998 7f21 -\\n")
    (999999999,)
    >>> _gone("(no active readers)\\n")
    ()
    """
    rows = [line.split() for line in table.splitlines()]
    holding = {int(row[0]) for row in rows if len(row) == 3 and row[0].isdigit() and row[2] != "-"}
    return tuple(sorted(one for one in holding if not Path(f"/proc/{one}").exists()))
