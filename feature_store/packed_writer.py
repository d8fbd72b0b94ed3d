"""Rows into the map, many customers in one transaction, with no Python loop over features.

Rows or float32 columns come in; each view's section is merged into its customer's value by the
rule in packed_kernels, and the values are put back in the map's own order. One call is one
transaction: all of it is stored, or none. What a view means is not known here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import compress, repeat
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from feature_store import packed_kernels as kernels
from feature_store.lmdb_map import MapPlace, open_map
from feature_store.packed_catalog import (
    META,
    Catalog,
    Features,
    load,
    load_for,
    note_position,
    position_of,
    retired_ids,
    store,
)
from feature_store.packed_columns import ViewColumns, built, checked, joined
from feature_store.packed_keys import Place, checked_ids, key_order, keys_of, place_of
from feature_store.packed_rows import Row, damaged, encode, layout_of
from feature_store.packed_sections import NewSections, differing, frozen, news_of, taken
from feature_store.tile_columns import EventColumns, Fates, advanced, grouped, rules_of
from feature_store.tile_columns import checked as checked_events
from feature_store.vectors import Scoring
from feature_store.window_plan import WindowPlan, schema_of
from finmodel.errors import NotReady, Refused
from finmodel.records import Int64s

_NOBODY = np.empty(0, np.uint64)
_CHUNK = 50_000
"""Customers merged at once: bounds the memory of a large call, which stays one transaction."""


class Written(NamedTuple):
    """What became of the rows of one call."""

    stored: int
    late: int
    """Not stored, because a newer row (or the same event) was there."""


class Part(NamedTuple):
    """Events of one partition, as one view counts them."""

    plan: WindowPlan
    events: EventColumns

    @property
    def customers(self) -> npt.NDArray[np.uint64]:
        """In the map's order of keys."""
        return self.events.customers.view(np.uint64)


class _Work(NamedTuple):
    """An open write transaction on one database of rows."""

    txn: Any
    meta: Any
    rows: Any
    catalog: Catalog
    integer: bool


class PackedWriter:
    """The one way into a map of one project."""

    def __init__(self, place: MapPlace, project: str) -> None:
        self._map, self._project = open_map(place), project

    def write_columns(
        self, join_key: str, ids: Sequence[Any] | npt.NDArray[Any], columns: Sequence[ViewColumns]
    ) -> Written:
        """Store rows of one or more Float32 views about the same n ids (all int64, or all str).

        An id that stands twice is written once, by the row that would have won. BadInput if the
        arrays do not fit together; NoRoom if the map or the disk is full.
        """
        key_type = _key_type(ids)
        found = checked_ids(ids, key_type)
        views = [checked(view, len(found)) for view in columns]
        order = key_order(found, keys_of(join_key, found))
        group = _groups(found[order])
        chosen = [order[_last_of_each(group, order, view)] for view in views]
        written = Written(0, 0)
        with self._transaction(place_of(join_key, key_type)) as work:
            heads = [work.catalog.declare(view.view, view.features) for view in views]
            for start in range(0, len(chosen[0]) if chosen else 0, _CHUNK):
                some = [rows[start : start + _CHUNK] for rows in chosen]
                each = np.arange(len(some[0]))
                new = [(each, built(*of)) for of in zip(views, heads, some, strict=True)]
                written = _put(work, keys_of(join_key, found[some[0]]), new, written)
        return written

    def write_rows(
        self, place: Place, keys: Sequence[bytes], view: tuple[str, Features], rows: Sequence[Row]
    ) -> Written:
        """Store rows of any types of one view, under keys that packed_keys or Feast made."""
        newest: dict[bytes, bytes] = {}
        with self._transaction(place) as work:
            head, layout = work.catalog.declare(*view), layout_of(view[1])
            for key, row in zip(keys, rows, strict=True):
                data = encode(*head, layout, row)
                if key not in newest or _supersedes(data, newest[key]):
                    newest[key] = data
            order = sorted(newest, key=_as_integer) if place.integer else sorted(newest)
            new = np.arange(len(order)), joined([newest[key] for key in order])
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
        that and a part's first would be left out.
        """
        for plan, events in parts:
            checked_events(plan, events)
        customers = np.unique(np.concatenate([_NOBODY, *(part.customers for part in parts)]))
        keys = keys_of(join_key, customers.view(np.int64))
        fates: dict[int, Fates] = {}
        with self._transaction(place_of(join_key, "int64")) as work:
            before = values = _values(work, keys)
            for some in in_rounds(parts):
                found = [_counted(work, customers, values, parts[place]) for place in some]
                values, _ = _merged(work, values, [new for new, _ in found])
                fates |= {place: fate for place, (_, fate) in zip(some, found, strict=True)}
            changed = differing(before, values)
            if scoring is not None and changed.any():
                values = _with_scores(work, values, changed, scoring)
            _store(work, keys, values, changed)
        return [fates[place] for place in range(len(parts))]

    def position(self, plan: WindowPlan, topic: int, partition: int) -> int:
        """The offset from which a partition of a view's topic is still to be counted."""
        try:
            with self._map.reading(META) as (txn, (meta,)):
                found = load(txn, meta).catalog.number_of(plan.view, schema_of(plan))
                return 0 if found is None else position_of(txn, meta, (*found, topic, partition))
        except NotReady:  # nothing was ever written
            return 0

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

    def clear(self) -> None:
        """Remove everything of the project; its readers find no map until it is applied again."""
        with self._map.writing({META: False}) as (txn, (meta,)):
            places = load_for(txn, meta, self._project).places
        names = {META: False} | {p.name: p.integer for p in map(Place.parsed, places)}
        with self._map.writing(names) as (txn, handles):
            for handle in handles:
                txn.drop(handle, delete=False)

    @contextmanager
    def _transaction(self, place: Place) -> Iterator[_Work]:
        names = {META: False, place.name: place.integer}
        with self._map.writing(names) as (txn, (meta, rows)):
            catalog = load_for(txn, meta, self._project)
            catalog.note(place)
            yield _Work(txn, meta, rows, catalog, place.integer)
            store(txn, meta, catalog)


def _values(work: _Work, keys: list[bytes]) -> kernels.Sections:
    return joined(list(map(work.txn.get, keys, repeat(b""), repeat(work.rows))))


def _put(work: _Work, keys: list[bytes], new: Sequence[NewSections], before: Written) -> Written:
    """Merge views of unique, ordered keys into their values, and store those that changed."""
    values, won = _merged(work, _values(work, keys), new)
    _store(work, keys, values, np.asarray(won.any(axis=0)))
    stored = int(won.sum())
    return Written(before.stored + stored, before.late + len(new) * len(keys) - stored)


def _merged(
    work: _Work, old: kernels.Sections, new: Sequence[NewSections]
) -> tuple[kernels.Sections, npt.NDArray[np.bool_]]:
    """Values with new sections in them, and which of those were put, by view and customer."""
    n = len(old.starts) - 1
    news = news_of(new, n)
    won = np.zeros((len(news.at), n), np.bool_)
    retired = np.array(retired_ids(work.catalog), dtype=np.bool_)
    out = np.empty(len(old.words) + len(news.words), np.int64), np.empty(n + 1, np.int64)
    if kernels.merge(old, news, retired, kernels.Sections(*out), won) >= 0:
        raise damaged("does not hold together")
    words, starts = out
    return kernels.Sections(frozen(words[: starts[-1]]), starts), won


def _store(
    work: _Work, keys: list[bytes], values: kernels.Sections, changed: npt.NDArray[np.bool_]
) -> None:
    if not changed.any():
        return
    at, data = (values.starts * 8).tolist(), values.words.view(np.uint8).data
    # Lazily, since a list of so many pairs would set off the garbage collector again and again.
    each = zip(keys, map(data.__getitem__, map(slice, at, at[1:])), strict=False)
    behind = _is_last(work, keys[int(changed.argmax())])
    work.txn.cursor(work.rows).putmulti(compress(each, changed.tolist()), append=behind)


def _counted(
    work: _Work, customers: npt.NDArray[np.uint64], values: kernels.Sections, part: Part
) -> tuple[NewSections, Fates]:
    """A part's new sections; how far its partition is counted is noted."""
    plan, events = part
    head = work.catalog.declare(plan.view, schema_of(plan))
    place = (*head, events.topic, events.partition)
    upto, (begin, end) = position_of(work.txn, work.meta, place), events.bounds
    if begin > upto:
        raise Refused(
            f"events from offset {upto} to {begin} would be left out",
            where=f"view {plan.view}: {plan.topic}[{events.partition}]",
            remedy="go on from where it was counted",
        )
    new = events.since(upto)
    some, incoming = grouped(new)
    places = np.searchsorted(customers, some.view(np.uint64))
    rules = rules_of(plan, head, events.topic, events.partition)
    sections, fates = advanced(values, places, incoming, rules, plan)
    note_position(work.txn, work.meta, place, end)
    again = len(events.offsets) - len(new.offsets)
    return (places, sections), fates._replace(seen=fates.seen + again)


def _with_scores(
    work: _Work, values: kernels.Sections, changed: npt.NDArray[np.bool_], scoring: Scoring
) -> kernels.Sections:
    """Values with the scores of those that changed."""
    places = np.flatnonzero(changed)
    rows = scoring.rows(taken(values, places), work.catalog)
    head = work.catalog.declare(rows.view, rows.features)
    sections = built(checked(rows, len(places)), head, np.arange(len(places)))
    return _merged(work, values, [(places, sections)])[0]


def in_rounds(parts: Sequence[Part]) -> list[list[int]]:
    """Places of parts that can be counted side by side: where a customer's events of one view come
    from two partitions (their topic was given more), one after the other."""
    rounds: list[list[int]] = []
    for place, part in enumerate(parts):
        for some in rounds:
            if not any(_meet(part, parts[other]) for other in some):
                some.append(place)
                break
        else:
            rounds.append([place])
    return rounds


def _meet(one: Part, other: Part) -> bool:
    same = one.plan.view == other.plan.view
    return same and bool(np.isin(one.customers, other.customers).any())


def _supersedes(new: bytes, old: bytes) -> bool:
    words = np.frombuffer(new, "<i8"), np.frombuffer(old, "<i8")
    return bool(kernels.supersedes(words[0], 0, words[1], 0))


def _is_last(work: _Work, key: bytes) -> bool:
    """Whether a key comes after all that are stored, so that pages can be filled to the brim."""
    with work.txn.cursor(work.rows) as cursor:
        if not cursor.last():
            return True
        last = cursor.key()
    return _as_integer(key) > _as_integer(last) if work.integer else key > last


def _as_integer(key: bytes) -> int:
    return int.from_bytes(key, "little")


def _key_type(ids: Sequence[Any] | npt.NDArray[Any]) -> str:
    if isinstance(ids, np.ndarray):
        return "string" if ids.dtype.kind in "OU" else "int64"
    return "string" if any(isinstance(value, str) for value in ids) else "int64"


def _groups(ids: npt.NDArray[Any]) -> Int64s:
    """The number of each of ordered ids, counting equal ones once."""
    new = np.ones(len(ids), dtype=np.int64)
    new[1:] = ids[1:] != ids[:-1]
    return np.cumsum(new)


def _last_of_each(group: Int64s, order: npt.NDArray[np.intp], view: ViewColumns) -> Int64s:
    """Of each group's rows, the position of the one that supersedes the others."""
    if not len(group) or group[-1] == len(group):
        return np.arange(len(group))
    created = np.zeros(len(order)) if view.created_us is None else view.created_us[order]
    best = np.lexsort((np.arange(len(order)), created, view.event_us[order], group))
    ends: Int64s = best[np.flatnonzero(np.append(np.diff(group[best]), 1))]
    return ends
