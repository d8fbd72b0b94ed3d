"""Rows and events into Redis, each customer's value in one step, whoever else writes.

Comes in what packed_writer takes, goes out what it says; the merging is the same. A customer's
change is made again where another writer was there first, so the newest row wins and an offset
never falls. A call is not one transaction: killed in the middle it has written some customers, and
is to be sent again. How far events were counted is written after the rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import compress
from typing import Any

import numpy as np
import numpy.typing as npt

from feature_store import packed_kernels as kernels
from feature_store.packed_catalog import Catalog, Features, farthest
from feature_store.packed_columns import ViewColumns, joined
from feature_store.packed_counting import Part, count, customers_of, uncounted, with_seen
from feature_store.packed_keys import Place, keys_of, place_of
from feature_store.packed_merge import Written, chosen, each_value, in_chunks, merged, newest
from feature_store.packed_rows import Row, layout_of
from feature_store.packed_sections import NewSections, taken
from feature_store.rebuild_mark import Rebuild, parsed
from feature_store.redis_catalog import Book, RedisCatalog
from feature_store.redis_client import RedisLink, RedisPlace
from feature_store.redis_values import Changed, RedisValues
from feature_store.tile_columns import EventColumns, Fates
from feature_store.tile_columns import checked as checked_events
from feature_store.vectors import Scoring
from feature_store.window_plan import WindowPlan, schema_of
from finmodel.records import Int64s

_CHUNK = 10_000
"""Customers whose values are held at once."""


class PackedRedisWriter:
    """The one way into a project's values in Redis."""

    def __init__(self, place: RedisPlace) -> None:
        link = RedisLink(place)
        self._values = RedisValues(link, place.project)
        self._catalog = RedisCatalog(link, place.project)

    def write_columns(
        self, join_key: str, ids: Sequence[Any] | npt.NDArray[Any], columns: Sequence[ViewColumns]
    ) -> Written:
        """Store rows of one or more Float32 views about the same n ids (all int64, or all str).

        An id that stands twice is written once, by the row that would have won. BadInput if the
        arrays do not fit together; NotReady if Redis holds no catalog, or does not answer.
        """
        rows = chosen(join_key, ids, columns)
        book, heads = self._declared([(view.view, view.features) for view in rows.views])
        written = Written(0, 0)
        for keys, new in in_chunks(rows, heads, _CHUNK):
            written = self._put(book, rows.place, keys, new, written)
        return written

    def write_rows(
        self, place: Place, keys: Sequence[bytes], view: tuple[str, Features], rows: Sequence[Row]
    ) -> Written:
        """Store rows of any types of one view, under keys that packed_keys or Feast made."""
        book, (head,) = self._declared([view])
        found = newest(head, layout_of(view[1]), keys, rows)
        new = np.arange(len(found)), joined(list(found.values()))
        return self._put(book, place, list(found), [new], Written(0, len(keys) - len(found)))

    def write_events(self, join_key: str, plan: WindowPlan, events: EventColumns) -> Fates:
        """Count events of one partition for one view: see `write_parts`."""
        return self.write_parts(join_key, [Part(plan, events)])[0]

    def write_parts(
        self, join_key: str, parts: Sequence[Part], scoring: Scoring | None = None
    ) -> list[Fates]:
        """Count events of views and partitions in their customers' tiles; what became of each
        part's events. With `scoring`, whoever had new ones is scored anew.

        Customers are int64. Each event counts once, however often it is delivered: a section knows
        its offset. How far each partition was counted is written behind the rows. Refused where
        events between that and a part's first would be left out, as after Redis lost its data.
        """
        for plan, events in parts:
            checked_events(plan, events)
        views = [(plan.view, schema_of(plan)) for plan, _ in parts]
        book, heads = self._declared(views + ([scoring.schema] if scoring else []))
        places = [(*h, e.topic, e.partition) for h, (_, e) in zip(heads, parts, strict=False)]
        upto = self._catalog.positions(places)
        new = [uncounted(part, u) for part, u in zip(parts, upto, strict=True)]
        customers = customers_of(new)
        keys = keys_of(join_key, customers.view(np.int64))
        names = self._values.keys(book.incarnation, place_of(join_key, "int64"), keys)

        def change(old: list[bytes], some: Int64s) -> Changed:
            who = customers[some]
            mine = new
            if len(some) < len(customers):
                mine = [part._replace(events=part.events.about(who)) for part in new]
            headed = list(zip(mine, heads, strict=False))
            found = count(joined(old), who, headed, scoring, book.catalog)
            figures = np.array(found.fates, np.int64).reshape(-1, len(Fates._fields))
            return _changed(found.values, found.changed), figures

        fates = self._values.change(names, change)
        ends = [events.bounds[1] for _, events in parts]
        self._catalog.note_positions(book.incarnation, list(zip(places, ends, strict=True)))
        return with_seen([Fates(*row) for row in fates.tolist()], parts, new)

    def position(self, plan: WindowPlan, topic: int, partition: int) -> int:
        """The offset from which a partition of a view's topic is still to be counted.

        0 where Redis holds nothing, as after a restart without its data.
        """
        book = self._catalog.find()
        head = book.catalog.number_of(plan.view, schema_of(plan)) if book else None
        return self._catalog.positions([(*head, topic, partition)])[0] if head else 0

    def counted(self) -> dict[tuple[int, int], int]:
        """By topic number and partition, how far the view that is farthest was counted."""
        return farthest(self._catalog.every_position())

    def rebuilding(self) -> Rebuild | None:
        """The mark of a store that is not whole, which no reader reads."""
        book = self._catalog.find()
        return parsed(book.rebuild) if book else None

    def mark(self, mark: Rebuild | None, views: Mapping[str, Features] | None = None) -> None:
        """Give a store its mark, and enter views in the same step; or take it away.

        With views it makes the catalog where Redis holds none, which so is never seen without it.
        """
        encoded = mark.encoded() if mark else b""
        if views is not None:
            self._catalog.change(_entering(views.items()), make=True, rebuild=encoded)
        self._catalog.mark(encoded)

    def apply(self, keep: Mapping[str, Features], drop: Sequence[str]) -> None:
        """Enter views and their schemas, and retire dropped ones: their rows are dead at once.

        A dropped view's bytes leave a customer's value when it is next written. Where Redis holds
        no catalog, this makes it: the store has begun anew, with nothing counted.
        """

        def enter(catalog: Catalog) -> None:
            catalog.retire(drop)
            for name, features in keep.items():
                catalog.declare(name, features)

        self._catalog.change(enter, make=True)

    def held(self, join_key: str, ids: Int64s) -> int:
        """Of how many of some customers Redis has a row."""
        return sum(bool(value) for value in self._values.get(self._names(join_key, ids)))

    def forget(self, join_key: str, ids: Int64s) -> int:
        """Remove customers' rows, of all views; how many had one."""
        return self._values.remove(self._names(join_key, ids))

    def _names(self, join_key: str, ids: Int64s) -> list[bytes]:
        book = self._catalog.find()
        if book is None:
            return []
        place = place_of(join_key, "int64")
        return self._values.keys(book.incarnation, place, keys_of(join_key, ids))

    def clear(self) -> None:
        """Remove everything of the project; its readers find nothing until it is applied again."""
        self._catalog.forget()
        self._values.forget()

    def _declared(
        self, views: Sequence[tuple[str, Features]]
    ) -> tuple[Book, list[tuple[int, int]]]:
        """The book in which all these views stand, before any row of theirs is written."""

        book = self._catalog.read()
        if any(book.catalog.number_of(*view) is None for view in views):
            book = self._catalog.change(_entering(views))
        return book, [book.catalog.declare(*view) for view in views]

    def _put(
        self,
        book: Book,
        place: Place,
        keys: list[bytes],
        new: Sequence[NewSections],
        before: Written,
    ) -> Written:
        """Merge views of unique keys into their values."""

        def merge(old: list[bytes], some: Int64s) -> Changed:
            mine = [(np.arange(len(some)), taken(sections, some)) for _, sections in new]
            values, won = merged(joined(old), mine, book.catalog)
            return _changed(values, np.asarray(won.any(axis=0))), np.array([won.sum()])

        names = self._values.keys(book.incarnation, place, keys)
        stored = int(self._values.change(names, merge)[0])
        return Written(before.stored + stored, before.late + len(new) * len(keys) - stored)


def _entering(views: Iterable[tuple[str, Features]]) -> Callable[[Catalog], None]:
    """The change that enters views into a catalog."""

    def enter(catalog: Catalog) -> None:
        for name, features in views:
            catalog.declare(name, features)

    return enter


def _changed(
    values: kernels.Sections, changed: npt.NDArray[np.bool_]
) -> list[tuple[int, memoryview]]:
    """The values that changed, by the customer's number."""
    return list(compress(enumerate(each_value(values)), changed.tolist()))
