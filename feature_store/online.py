"""Online features of many customers at once, out of the LMDB map: `OnlineFeatures.fetch`.

Compiled passes over the bytes of many, in one snapshot; no protobuf and no Feast.
What a value means, and how old is too old, is for whoever asked.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy.typing as npt

from feature_store.known_rooms import KnownRooms
from feature_store.lmdb_map import MapPlace, open_map
from feature_store.lmdb_room import Room, names_of
from feature_store.lmdb_values import fetched
from feature_store.online_answers import Answers, question_of
from feature_store.packed_catalog import META, load
from feature_store.plan import ServicePlan
from feature_store.rebuild_mark import REBUILD, refuse_if
from finmodel.records import FeatureBatch

LOOK_SECONDS = 1.0


class OnlineFeatures:
    """The online features of one map, to be read by threads and processes at the same time."""

    def __init__(self, path: Path, map_gb: float = 8.0) -> None:
        self._map = open_map(MapPlace(path, map_gb))
        self._looked = 0.0
        self._answers, self._known = Answers(), KnownRooms()

    def fetch(
        self, ids: Sequence[Any] | npt.NDArray[Any], plan: ServicePlan, as_of: datetime
    ) -> FeatureBatch:
        """The plan's features of each id, in the ids' order, as of one time (with its zone).

        Missing, stale and later-than-`as_of` views are told apart by their state. BadInput for ids
        of the wrong type; NotReady if there is no map, or it is being rebuilt; Damaged if a value
        does not hold together.
        """
        asked = question_of(ids, plan, as_of)
        self._follow_the_map()
        with self._map.reading(META, *names_of(asked.place)) as (txn, (meta, *handles)):
            catalog, room = load(txn, meta), Room(*handles)
            refuse_if(txn.get(REBUILD, None, meta), str(self._map.place.path))
            known = self._known.of(asked.place, self._map.opened) if asked.place.integer else None
            values = fetched(txn, room, asked.keys, known)
        return self._answers.batch(asked, values, catalog)

    def _follow_the_map(self) -> None:
        """Look, once a second, whether somebody made the map anew in its place."""
        now = time.monotonic()
        if now - self._looked > LOOK_SECONDS:
            self._looked = now
            self._map.renew_if_replaced()

    def close(self) -> None:
        """Close the map in this process; a later fetch opens it again."""
        self._map.close()
