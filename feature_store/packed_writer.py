"""Rows into the map, many customers in one transaction, with no Python loop over features.

Rows or float32 columns come in; each view's section is merged into its customer's value by the
rule in packed_kernels, and the values are put back in the map's own order. One call is one
transaction: all of it is stored, or none. What a view means is not known here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from feature_store import packed_kernels as kernels
from feature_store.known_rooms import KnownRoom, KnownRooms
from feature_store.lmdb_map import MapPlace, open_map
from feature_store.lmdb_rewriting import bring_up, remove
from feature_store.lmdb_room import Room, account_of, is_older, names_of, rooms_of
from feature_store.lmdb_scrub import scrub
from feature_store.lmdb_values import Found, find, put, take
from feature_store.packed_catalog import (
    META,
    Catalog,
    Features,
    Position,
    farthest,
    load,
    load_for,
    note_position,
    position_of,
    positions_in,
    store,
)
from feature_store.packed_columns import ViewColumns, joined
from feature_store.packed_counting import Part, count, customers_of, uncounted, with_seen
from feature_store.packed_keys import Place, keys_of, place_of
from feature_store.packed_merge import Written, chosen, in_chunks, merged, newest
from feature_store.packed_rows import Row, layout_of
from feature_store.packed_sections import NewSections, differing, taken
from feature_store.rebuild_mark import REBUILD, Rebuild, parsed
from feature_store.tile_columns import EventColumns, Fates
from feature_store.tile_columns import checked as checked_events
from feature_store.vectors import Scoring
from feature_store.window_plan import WindowPlan, schema_of
from finmodel.errors import NotReady
from finmodel.records import Int64s

_CHUNK = 50_000
"""Customers merged at once: bounds the memory of a large call, which stays one transaction."""


class _Work(NamedTuple):
    """An open write transaction on one database of rows."""

    txn: Any
    meta: Any
    room: Room
    catalog: Catalog


class _Asked(NamedTuple):
    """A micro-batch, and whose values it touches."""

    keys: list[bytes]
    customers: npt.NDArray[np.uint64]
    parts: Sequence[Part]
    scoring: Scoring | None


class _Seen(NamedTuple):
    """What a micro-batch rests on, in one snapshot of the map."""

    txn_id: int
    opened: int
    """How often the map was opened by then, and what the numbers in it stand for."""
    standing: int
    catalog: Catalog
    """With the parts' views, and the scores', in it."""
    places: list[Position]
    upto: list[int]
    """How far each part's partition was counted."""
    found: Found
    """Where the values lay."""
    values: kernels.Sections | None = None


class _Made(NamedTuple):
    """What a micro-batch makes of that."""

    catalog: Catalog
    values: kernels.Sections
    changed: npt.NDArray[np.bool_]
    positions: list[tuple[Position, int]]
    fates: list[Fates]


class PackedWriter:
    """The one way into a map of one project."""

    def __init__(self, place: MapPlace, project: str) -> None:
        self._map, self._project = open_map(place), project
        self._known = KnownRooms()

    def write_columns(
        self, join_key: str, ids: Sequence[Any] | npt.NDArray[Any], columns: Sequence[ViewColumns]
    ) -> Written:
        """Store rows of one or more Float32 views about the same n ids (all int64, or all str).

        An id that stands twice is written once, by the row that would have won. BadInput if the
        arrays do not fit together; NoRoom if the map or the disk is full.
        """
        rows = chosen(join_key, ids, columns)
        written = Written(0, 0)
        with self._transaction(rows.place) as work:
            heads = [work.catalog.declare(view.view, view.features) for view in rows.views]
            for keys, new in in_chunks(rows, heads, _CHUNK):
                written = _put(work, keys, new, written)
        return written

    def write_rows(
        self, place: Place, keys: Sequence[bytes], view: tuple[str, Features], rows: Sequence[Row]
    ) -> Written:
        """Store rows of any types of one view, under keys that packed_keys or Feast made."""
        with self._transaction(place) as work:
            found = newest(work.catalog.declare(*view), layout_of(view[1]), keys, rows)
            order = sorted(found, key=_as_integer) if place.integer else sorted(found)
            new = np.arange(len(order)), joined([found[key] for key in order])
            written = _put(work, order, [new], Written(0, len(keys) - len(order)))
        return written

    def write_events(self, join_key: str, plan: WindowPlan, events: EventColumns) -> Fates:
        """Count events of one partition for one view: see `write_parts`."""
        return self.write_parts(join_key, [Part(plan, events)])[0]

    def write_parts(
        self, join_key: str, parts: Sequence[Part], scoring: Scoring | None = None
    ) -> list[Fates]:
        """Count events of views and partitions in their customers' tiles, in one transaction; what
        became of each part's events. With `scoring`, whoever had new ones is scored anew.

        Customers are int64. Each event counts once, however often it is delivered, since how far
        each partition was counted is written in the same transaction. Refused where events between
        that and a part's first would be left out. It is worked out from a snapshot, so that writers
        wait for each other only to write, and again in the transaction if what it rests on changed.
        """
        for plan, events in parts:
            checked_events(plan, events)
        customers, place = customers_of(parts), place_of(join_key, "int64")
        asked = _Asked(keys_of(join_key, customers.view(np.int64)), customers, parts, scoring)
        seen, made = self._before(place, asked)
        with self._map.writing({META: False} | names_of(place)) as (txn, (meta, *handles)):
            room = Room(*handles)
            written = bring_up(self._map, txn, room, place)
            now_is = txn.id() - 1, self._map.opened
            if seen is None or made is None or now_is != seen[:2]:
                # Nothing else was written yet, so that this is a snapshot too.
                known = None if written else self._known.of(place, self._map.opened)
                now = self._seen(txn, meta, room, asked, known)
                if seen is None or made is None or not _same(txn, room, seen, now):
                    made = _made(now, take(txn, room, now.found, known), asked)
                seen = now
            made.catalog.note(place)
            for position, upto in made.positions:
                note_position(txn, meta, position, upto)
            work = _Work(txn, meta, room, made.catalog)
            _store(work, asked.keys, seen.found, made.values, made.changed)
            store(txn, meta, made.catalog)
        return made.fates

    def _before(self, place: Place, asked: _Asked) -> tuple[_Seen | None, _Made | None]:
        """What a call rests on in a snapshot, and what it makes of that; neither where there is no
        map yet."""
        try:
            with self._map.reading(META, *names_of(place)) as (txn, (meta, *handles)):
                room, known = Room(*handles), self._known.of(place, self._map.opened)
                standing = known.standing
                seen = self._seen(txn, meta, room, asked, known)
                values = take(txn, room, seen.found, known)
        except NotReady:
            return None, None
        if standing not in (0, known.standing):  # somebody was removed
            self._map.let_go()
        return seen._replace(values=values), _made(seen, values, asked)

    def _seen(
        self, txn: Any, meta: Any, room: Room, asked: _Asked, known: KnownRoom | None = None
    ) -> _Seen:
        catalog = load_for(txn, meta, self._project)
        heads = [catalog.declare(plan.view, schema_of(plan)) for plan, _ in asked.parts]
        if asked.scoring is not None:
            catalog.declare(*asked.scoring.schema)
        places = [
            (*head, events.topic, events.partition)
            for head, (_, events) in zip(heads, asked.parts, strict=True)
        ]
        upto = [0 if meta is None else position_of(txn, meta, place) for place in places]
        account = account_of(txn, room)
        standing = 0 if account is None else account.standing
        found = find(txn, room, asked.keys, known)
        return _Seen(txn.id(), self._map.opened, standing, catalog, places, upto, found)

    def position(self, plan: WindowPlan, topic: int, partition: int) -> int:
        """The offset from which a partition of a view's topic is still to be counted."""
        try:
            with self._map.reading(META) as (txn, (meta,)):
                found = load(txn, meta).catalog.number_of(plan.view, schema_of(plan))
                return 0 if found is None else position_of(txn, meta, (*found, topic, partition))
        except NotReady:  # nothing was ever written
            return 0

    def counted(self) -> dict[tuple[int, int], int]:
        """By topic number and partition, how far the view that is farthest was counted.

        In the map that lies at the place now, whatever lay there before.
        """
        self._map.renew_if_replaced()
        try:
            with self._map.reading(META) as (txn, (meta,)):
                return {} if meta is None else farthest(positions_in(txn, meta))
        except NotReady:  # there is no map
            return {}

    def rebuilding(self) -> Rebuild | None:
        """The mark of a map that is not whole, which no reader reads."""
        try:
            with self._map.reading(META) as (txn, (meta,)):
                return None if meta is None else parsed(txn.get(REBUILD, None, meta))
        except NotReady:
            return None

    def mark(self, mark: Rebuild | None, views: Mapping[str, Features] | None = None) -> None:
        """Give a map its mark, and enter views in the same step; or take it away."""
        with self._map.writing({META: False}) as (txn, (meta,)):
            catalog = load_for(txn, meta, self._project)
            for name, features in (views or {}).items():
                catalog.declare(name, features)
            store(txn, meta, catalog)
            if mark is None:
                txn.delete(REBUILD, db=meta)
            else:
                txn.put(REBUILD, mark.encoded(), db=meta)

    def apply(self, keep: Mapping[str, Features], drop: Sequence[str]) -> None:
        """Enter views and their schemas, and retire dropped ones: their rows are dead at once.

        A dropped view's bytes leave a customer's value when it is next written.
        """
        with self._map.writing({META: False}) as (txn, (meta,)):
            catalog = load_for(txn, meta, self._project)
            catalog.retire(drop)
            for name, features in keep.items():
                catalog.declare(name, features)
            store(txn, meta, catalog)
        self.bring_up(map(Place.parsed, catalog.places))

    def older(self) -> list[Place]:
        """The places that lie as an earlier version wrote them; NotReady if there is no map."""
        with self._map.reading(META) as (txn, (meta,)):
            places = [Place.parsed(text) for text in load(txn, meta).catalog.places]
        names = [name for place in places for name in names_of(place)]
        with self._map.reading(*names) as (txn, handles):
            rooms = zip(places, rooms_of(handles), strict=True)
            return [place for place, room in rooms if room.numbers and is_older(txn, room)]

    def bring_up(self, places: Iterable[Place]) -> None:
        """Lay out anew what an earlier version wrote of some places."""
        for place in places:
            with self._transaction(place):
                pass  # which does

    def held(self, join_key: str, ids: Int64s) -> int:
        """Of how many of some customers the map has a row."""
        name = place_of(join_key, "int64").name
        try:
            with self._map.reading(name) as (txn, (rows,)):
                keys = keys_of(join_key, ids) if rows else []
                return sum(bool(txn.get(key, b"", rows)) for key in keys)
        except NotReady:  # there is no map
            return 0

    def forget(self, join_key: str, ids: Int64s) -> int:
        """Remove customers' rows, of all views, and every byte of them; how many had one.

        The place is written anew, for a key also stands where pages part; then what lies in the
        pages that are free now is written over. Who writes meanwhile waits.
        """
        place = place_of(join_key, "int64")
        if not (self._map.place.path / "data.mdb").exists():
            return 0
        with suppress(NotReady):  # nothing was ever applied
            self.bring_up(self.older())
        removed, theirs = remove(self._map, place, keys_of(join_key, ids))
        scrub(self._map, theirs)  # also of who was removed by one that was killed
        return removed

    def clear(self) -> None:
        """Remove everything of the project; its readers find no map until it is applied again."""
        with self._map.writing({META: False}) as (txn, (meta,)):
            places = load_for(txn, meta, self._project).places
        names = {META: False}
        for place in map(Place.parsed, places):
            names |= names_of(place)
        with self._map.writing(names) as (txn, handles):
            for handle in handles:
                txn.drop(handle, delete=False)

    @contextmanager
    def _transaction(self, place: Place) -> Iterator[_Work]:
        with self._map.writing({META: False} | names_of(place)) as (txn, (meta, *handles)):
            catalog, room = load_for(txn, meta, self._project), Room(*handles)
            bring_up(self._map, txn, room, place)
            catalog.note(place)
            yield _Work(txn, meta, room, catalog)
            store(txn, meta, catalog)


def _put(work: _Work, keys: list[bytes], new: Sequence[NewSections], before: Written) -> Written:
    """Merge views of unique, ordered keys into their values, and store those that changed."""
    found = find(work.txn, work.room, keys)
    values, won = merged(take(work.txn, work.room, found), new, work.catalog)
    _store(work, keys, found, values, np.asarray(won.any(axis=0)))
    stored = int(won.sum())
    return Written(before.stored + stored, before.late + len(new) * len(keys) - stored)


def _store(
    work: _Work,
    keys: list[bytes],
    found: Found,
    values: kernels.Sections,
    changed: npt.NDArray[np.bool_],
) -> None:
    """Put the values that changed, of keys that were found as they are now."""
    if not changed.all():
        places = np.flatnonzero(changed)
        keys, values = [keys[i] for i in places.tolist()], taken(values, places)
        found = Found(found.numbers[places], found.pointers[places])
    put(work.txn, work.room, keys, found.numbers, values)


def _same(txn: Any, room: Room, before: _Seen, now: _Seen) -> bool:
    """Whether nothing of what a call rests on changed. Another value lies somewhere else; one that
    lies somewhere else may have been moved there by another worker."""
    if before.values is None or before[1:-2] != now[1:-2]:
        return False
    moved = np.flatnonzero(before.found.pointers != now.found.pointers)
    there = Found(now.found.numbers[moved], now.found.pointers[moved])
    return not differing(taken(before.values, moved), take(txn, room, there)).any()


def _made(seen: _Seen, values: kernels.Sections, asked: _Asked) -> _Made:
    """What the parts make of what was seen."""
    new = [uncounted(part, upto) for part, upto in zip(asked.parts, seen.upto, strict=True)]
    heads = [(view, schema) for view, schema, *_ in seen.places]
    headed = list(zip(new, heads, strict=True))
    found = count(values, asked.customers, headed, asked.scoring, seen.catalog)
    ends = [events.bounds[1] for _, events in asked.parts]
    positions = list(zip(seen.places, ends, strict=True))
    return _Made(
        seen.catalog,
        found.values,
        found.changed,
        positions,
        with_seen(found.fates, asked.parts, new),
    )


def _as_integer(key: bytes) -> int:
    return int.from_bytes(key, "little")
