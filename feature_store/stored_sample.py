"""What a store holds of some customers, and how far it was counted when it held that.

A place and a sample come in; values, the catalog and positions go out, out of one snapshot of the
LMDB map. Redis has none: positions are read before the values, so that a value never knows less
than they say, and its own sections say what it knows beyond. Nothing is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from feature_store.consistency_sample import Sample
from feature_store.lmdb_map import MapPlace, open_map
from feature_store.lmdb_room import Room, names_of
from feature_store.lmdb_values import values_of
from feature_store.online_reader import PROJECT
from feature_store.packed_catalog import META, Catalog, Position, load, positions_in
from feature_store.packed_keys import JOIN_KEY, keys_of, place_of
from feature_store.redis_catalog import RedisCatalog
from feature_store.redis_client import RedisLink, RedisPlace
from feature_store.redis_values import RedisValues
from finmodel.errors import NotReady
from finmodel.records import Int64s
from finmodel.settings import Settings

_AT_ONCE = 100_000
_PLACE = place_of(JOIN_KEY, "int64")


@dataclass(frozen=True, slots=True, eq=False)
class Stored:
    """Some customers' values, each of the sample that the store has."""

    catalog: Catalog
    positions: dict[Position, int]
    customers: Int64s
    values: list[bytes]


def stored_sample(settings: Settings, sample: Sample) -> Stored:
    """What the store of some settings holds of a sample; NotReady if there is nothing."""
    if settings.online_store:
        return in_redis(RedisPlace(settings.online_store, PROJECT), sample)
    return in_map(MapPlace(settings.online, settings.online_map_gb), sample)


def in_map(place: MapPlace, sample: Sample) -> Stored:
    """The same, of an LMDB map."""
    with open_map(place).reading(META, *names_of(_PLACE)) as (txn, (meta, *handles)):
        catalog, positions, room = load(txn, meta).catalog, positions_in(txn, meta), Room(*handles)
        customers = _chosen(_keys_in(txn, room), sample)
        values = values_of(txn, room, keys_of(JOIN_KEY, customers))
    return Stored(catalog, positions, customers, values)


def in_redis(place: RedisPlace, sample: Sample) -> Stored:
    """The same, of a project in Redis."""
    link = RedisLink(place)
    try:
        catalog, values = RedisCatalog(link, place.project), RedisValues(link, place.project)
        incarnation, positions = catalog.read().incarnation, catalog.every_position()
        head = values.keys(incarnation, _PLACE, [b""])[0]
        keys = (name[len(head) :] for name in link.keys(f"{head.decode()}*"))
        customers = _chosen(keys, sample)
        found = values.get(values.keys(incarnation, _PLACE, keys_of(JOIN_KEY, customers)))
        book = catalog.read()
    finally:
        link.close()
    if book.incarnation != incarnation:
        raise NotReady(
            "it lost its data while it was read", where=link.name, remedy="rebuild it, then check"
        )
    return Stored(book.catalog, positions, customers, found)


def _keys_in(txn: Any, room: Room) -> Iterator[bytes]:
    if room.numbers is not None:
        with txn.cursor(room.numbers) as cursor:
            yield from cursor.iternext(keys=True, values=False)


def _chosen(keys: Iterable[bytes], sample: Sample) -> Int64s:
    """Whom the sample holds of everybody there is, ordered; never more than some at a time."""
    left, chosen = iter(keys), np.empty(0, np.int64)
    while some := b"".join(islice(left, _AT_ONCE)):
        met = np.frombuffer(some, "<i8")
        sample.meet(met)
        chosen = np.concatenate([chosen, met])
        chosen = chosen[sample.holds(chosen)]
    return np.unique(chosen)
