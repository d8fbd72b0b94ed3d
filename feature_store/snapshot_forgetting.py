"""One customer's rows out of the views' Parquet files: counted, or written without them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq

from finmodel.durable import made_aside
from finmodel.retention import Found
from finmodel.settings import Settings

STORE = "snapshots"
_KEY = "customer_id"


def held_in_snapshots(settings: Settings, customer: int) -> Found:
    """A customer's rows in all views."""
    return Found(STORE, sum(_count(path, customer) for path in _files(settings)))


def forget_in_snapshots(settings: Settings, customer: int) -> int:
    """Write the views without a customer's rows; how many there were."""
    gone = 0
    for path in _files(settings):
        if there := _count(path, customer):
            table = pq.read_table(path)
            with made_aside(path) as aside:
                kept = table.filter(pc.not_equal(table[_KEY], customer))
                pq.write_table(kept, aside, compression="zstd")
            gone += there
    return gone


def _files(settings: Settings) -> Iterator[Path]:
    for path in sorted(settings.offline.glob("*.parquet")):
        if _KEY in pq.read_schema(path).names:
            yield path


def _count(path: Path, customer: int) -> int:
    whose = pq.read_table(path, columns=[_KEY])[_KEY]
    return int(pc.sum(pc.equal(whose, customer)).as_py() or 0)
