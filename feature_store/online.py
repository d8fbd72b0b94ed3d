"""Online features of many customers at once: ids and a plan in, one `FeatureBatch` out.

One LMDB get an id and one compiled pass over the bytes, in one snapshot; no protobuf and no Feast.
What a value means, and how old is too old, is for whoever asked.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy.typing as npt

from feature_store.lmdb_map import MapPlace, open_map
from feature_store.packed_catalog import META, load, stamp_of
from feature_store.packed_columns import joined
from feature_store.packed_keys import checked_ids, keys_of, place_of
from feature_store.packed_tables import ttls_s
from feature_store.plan import ServicePlan
from feature_store.vectors import VectorReader, read_vectors, reader_of
from finmodel.clock import micros
from finmodel.errors import BadInput
from finmodel.records import FeatureBatch

LOOK_SECONDS = 1.0
_KEPT = 64
"""Plans whose readers are kept; a process serves few."""


class OnlineFeatures:
    """The online features of one map, to be read by threads and processes at the same time."""

    def __init__(self, path: Path, map_gb: float = 8.0) -> None:
        self._map = open_map(MapPlace(path, map_gb))
        self._looked = 0.0
        self._readers: dict[ServicePlan, tuple[bytes, VectorReader]] = {}

    def fetch(
        self, ids: Sequence[Any] | npt.NDArray[Any], plan: ServicePlan, as_of: datetime
    ) -> FeatureBatch:
        """The plan's features of each id, in the ids' order, as of one time (with its zone).

        Missing, stale and later-than-`as_of` views are told apart by their state. BadInput for ids
        of the wrong type; NotReady if there is no map; Damaged if a value does not hold together.
        """
        if as_of.tzinfo is None:
            raise BadInput("it has no zone", where="as_of", remedy="give a datetime with one")
        self._follow_the_map()
        found = checked_ids(ids, plan.key_type)
        keys = keys_of(plan.join_key, found)
        place = place_of(plan.join_key, plan.key_type)
        with self._map.reading(META, place.name) as (txn, (meta, rows)):
            reader = self._reader_in(txn, meta, plan)
            values = _values(txn, rows, keys)
        answer = read_vectors(joined(values), reader, micros(as_of))
        return FeatureBatch(
            service=plan.service,
            as_of=as_of,
            ids=found,
            names=plan.names,
            matrix=answer.matrix,
            views=plan.view_names,
            ages_s=answer.ages_s,
            states=answer.states,
            offsets=answer.offsets,
            ttls_s=ttls_s(plan),
        )

    def _follow_the_map(self) -> None:
        """Look, once a second, whether somebody made the map anew in its place."""
        now = time.monotonic()
        if now - self._looked > LOOK_SECONDS:
            self._looked = now
            self._map.renew_if_replaced()

    def close(self) -> None:
        """Close the map in this process; a later fetch opens it again."""
        self._map.close()

    def _reader_in(self, txn: Any, meta: Any, plan: ServicePlan) -> VectorReader:
        stamp = stamp_of(txn, meta)
        kept = self._readers.get(plan)
        if kept is not None and kept[0] == stamp:
            return kept[1]
        reader = reader_of(plan, load(txn, meta).catalog)
        if len(self._readers) >= _KEPT:
            self._readers.clear()
        self._readers[plan] = stamp, reader
        return reader


def _values(txn: Any, rows: Any, keys: list[bytes]) -> list[bytes]:
    if rows is None:
        return [b""] * len(keys)
    return list(map(txn.get, keys, repeat(b""), repeat(rows)))
