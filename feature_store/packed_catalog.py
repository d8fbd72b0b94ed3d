"""What a map says of itself: whose it is, its views, and every schema that a row was written by.

It is read from and written to the map's `meta` database in the caller's transaction, so that it
always fits the rows beside it; redis_catalog keeps the same book in a key. A schema is appended and
never changed; a view's id is never given twice, so a dropped view's rows are dead from that moment.
Imports neither LMDB nor Feast.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import msgspec

from feature_store.packed_keys import Place
from feature_store.packed_rows import damaged
from feature_store.plan import TILES, FeaturePlan
from finmodel.errors import BadInput, Damaged, NoRoom, NotReady

META = b"meta"
STAMP, BOOK = b"stamp", b"book"
_FORMAT, _RUNS = 1, 2
"""Of a book whose values are under their keys, and of one whose values lie in runs."""
_MOST = 0xFFFF

Features = tuple[FeaturePlan, ...]


class View(msgspec.Struct):
    """A view that rows were written for."""

    name: str
    schemas: list[Features]
    """By schema number."""
    retired: bool = False

    def schema(self, number: int) -> Features:
        """The features that a row with this schema number was written by."""
        if number >= len(self.schemas):
            raise damaged("has a schema that was never entered")
        return self.schemas[number]

    def number(self, features: Features) -> int | None:
        """The number that rows of these features are written under now; None if there is none yet.

        Tiles go under the latest alone: a definition that comes back is counted from the start.
        """
        places = range(len(self.schemas))
        found = [place for place in places if self.schemas[place] == features]
        if not found or (features and features[0].dtype == TILES and found[-1] != places[-1]):
            return None
        return found[-1]


class Catalog(msgspec.Struct):
    """A map's own account of itself."""

    project: str
    views: list[View] = msgspec.field(default_factory=list)
    """By view id."""
    places: list[str] = msgspec.field(default_factory=list)
    """Databases that hold rows."""
    format: int = _FORMAT

    def find(self, name: str) -> tuple[int, View] | None:
        """The id and the entry of a view that is in use."""
        for i, view in enumerate(self.views):
            if view.name == name and not view.retired:
                return i, view
        return None

    def number_of(self, name: str, features: Features) -> tuple[int, int] | None:
        """View id and schema number of rows of these features; None if they were never entered."""
        found = self.find(name)
        number = None if found is None else found[1].number(features)
        return None if found is None or number is None else (found[0], number)

    def declare(self, name: str, features: Features) -> tuple[int, int]:
        """View id and schema number for rows of these features, entered if they are new.

        >>> book = Catalog("lender")
        >>> x, y = FeaturePlan("x", "Float32"), FeaturePlan("y", "Float32")
        >>> book.declare("bill", (x,)), book.declare("bill", (x, y)), book.declare("bill", (x,))
        ((0, 0), (0, 1), (0, 0))
        """
        found = self.find(name)
        if found is None:
            self.views.append(View(name, []))
            found = len(self.views) - 1, self.views[-1]
        i, view = found
        if view.number(features) is None:
            view.schemas.append(features)
        if len(self.views) > _MOST or len(view.schemas) > _MOST:
            raise NoRoom(
                "the map has no number left for it",
                where=f"view {name}",
                remedy="materialise into a new map",
            )
        return i, view.number(features) or 0

    def note(self, place: Place) -> None:
        """Remember a database of rows, so that a teardown finds it."""
        if str(place) not in self.places:
            self.places.append(str(place))

    def retire(self, names: Iterable[str]) -> None:
        """Views of these names are dropped; one of the same name later starts empty.

        >>> book = Catalog("lender")
        >>> _ = book.declare("bill", ()), book.retire(["bill"])
        >>> book.declare("bill", ())
        (1, 0)
        """
        for name in names:
            found = self.find(name)
            if found is not None:
                found[1].retired = True


class Stamped(NamedTuple):
    """A catalog, and the stamp that changes whenever it does."""

    stamp: bytes
    catalog: Catalog
    """To be read, not changed: it is kept."""


_kept: dict[bytes, Catalog] = {}
_MOST_KEPT = 16


def stamp_of(txn: Any, meta: Any) -> bytes:
    """The stamp of the catalog in this snapshot; NotReady if nothing was ever applied."""
    stamp = None if meta is None else txn.get(STAMP, None, meta)
    if stamp is None:
        raise NotReady(
            "the map of online features is empty",
            where="feature store",
            remedy="run feast apply, then materialise",
        )
    return bytes(stamp)


def load(txn: Any, meta: Any) -> Stamped:
    """The catalog of this snapshot; NotReady if there is none, Damaged if it cannot be read."""
    stamp = stamp_of(txn, meta)
    return Stamped(stamp, kept(stamp) or keep(stamp, txn.get(BOOK, b"", meta)))


def kept(stamp: bytes) -> Catalog | None:
    """The catalog of a stamp that was met before, to be read and not changed."""
    return _kept.get(stamp)


def keep(stamp: bytes, book: bytes) -> Catalog:
    """The catalog in the bytes that stood beside a stamp; Damaged if it cannot be read."""
    if len(_kept) >= _MOST_KEPT:
        _kept.clear()
    found = _kept[stamp] = parsed(book)
    return found


def load_for(txn: Any, meta: Any, project: str) -> Catalog:
    """The catalog of a project's map, or a new one; BadInput if it is another project's."""
    book = txn.get(BOOK, None, meta)
    catalog = Catalog(project) if book is None else parsed(book)
    if catalog.project != project:
        raise BadInput(
            f"the map belongs to project {catalog.project}",
            where=f"project {project}",
            remedy="give each project a map of its own",
        )
    return catalog


def parsed(book: bytes) -> Catalog:
    """A catalog of its own out of bytes; Damaged or NotReady if they are none of this program's."""
    try:
        catalog = msgspec.json.decode(book, type=Catalog)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise Damaged(
            "the catalog of the map cannot be read",
            where="map of online features",
            remedy="move the map away and materialise again",
        ) from error
    if catalog.format not in (_FORMAT, _RUNS):
        raise NotReady(
            f"the map has format {catalog.format}, and this program reads up to {_RUNS}",
            where="map of online features",
            remedy="materialise into a new map",
        )
    return catalog


def store(txn: Any, meta: Any, catalog: Catalog) -> None:
    """Write the catalog if it differs from what is stored, under a new stamp.

    An earlier version, which would read numbers as values, does not read it.
    """
    catalog.format = _RUNS
    book = encoded(catalog)
    if txn.get(BOOK, None, meta) != book:
        txn.put(BOOK, book, db=meta)
        txn.put(STAMP, new_stamp(), db=meta)


def encoded(catalog: Catalog) -> bytes:
    """The catalog as it is stored."""
    return msgspec.json.encode(catalog)


def new_stamp() -> bytes:
    """A stamp for another catalog; random, so that a map made again meets no old reader's."""
    return os.urandom(16)


Position = tuple[int, int, int, int]
"""View id, schema number, topic id, partition: another of any of these is counted from 0."""
_POSITION = b"position "


def position_of(txn: Any, meta: Any, place: Position) -> int:
    """The offset up to which a partition's events are in the rows of this snapshot."""
    return int.from_bytes(txn.get(position_field(place), b"", meta), "little")


def positions_in(txn: Any, meta: Any) -> dict[Position, int]:
    """How far each partition of each topic was counted in this snapshot, by each schema."""
    found = {}
    with txn.cursor(meta) as cursor:
        there = cursor.set_range(_POSITION)
        while there and (field := bytes(cursor.key())).startswith(_POSITION):
            found[position_named(field)] = int.from_bytes(cursor.value(), "little")
            there = cursor.next()
    return found


def farthest(positions: Mapping[Position, int]) -> dict[tuple[int, int], int]:
    """By topic id and partition, how far the view that is farthest was counted.

    >>> farthest({(0, 0, 7, 1): 50, (1, 0, 7, 1): 60, (1, 0, 7, 2): 5})
    {(7, 1): 60, (7, 2): 5}
    """
    found: dict[tuple[int, int], int] = {}
    for (_, _, topic, partition), offset in positions.items():
        found[topic, partition] = max(found.get((topic, partition), 0), offset)
    return found


def note_position(txn: Any, meta: Any, place: Position, offset: int) -> None:
    """Write how far a partition was counted; it never goes back, whatever is delivered again."""
    if offset > position_of(txn, meta, place):
        txn.put(position_field(place), offset.to_bytes(8, "little"), db=meta)


def position_field(place: Position) -> bytes:
    """Under what a position is stored."""
    return _POSITION + " ".join(map(str, place)).encode()


def position_named(field: bytes) -> Position:
    """What a position that is stored there is of.

    >>> position_named(position_field((0, 1, 2, 3)))
    (0, 1, 2, 3)
    """
    view, schema, topic, partition = map(int, field.removeprefix(_POSITION).split())
    return view, schema, topic, partition


def retired_ids(catalog: Catalog) -> list[bool]:
    """By view id, whether the view was dropped."""
    return [view.retired for view in catalog.views]
