"""A project's catalog in Redis: one hash, with its incarnation and how far events were counted.

The book of packed_catalog is changed here by compare-and-set. Only `feast apply` makes a book, with
a random incarnation: a Redis that lost its data has none, and says so to whoever reads or writes,
until it is applied and filled again. Positions lie in the same hash and are lost with it.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from typing import NamedTuple

from feature_store.packed_catalog import (
    Catalog,
    Position,
    Stamped,
    encoded,
    keep,
    kept,
    new_stamp,
    parsed,
    position_field,
    position_named,
)
from feature_store.rebuild_mark import refuse_if
from feature_store.redis_client import RedisLink, Script
from feature_store.redis_values import root_of
from finmodel.errors import NotReady


class Book(NamedTuple):
    """The catalog of one incarnation of a store."""

    incarnation: bytes
    stamped: Stamped
    rebuild: bytes
    """The mark of a store that is not whole; empty if it is."""

    @property
    def catalog(self) -> Catalog:
        """To be read, not changed."""
        return self.stamped.catalog


_SWAP = Script(
    """local there = redis.call('HMGET', KEYS[1], 'incarnation', 'stamp')
if (there[1] or '') ~= ARGV[1] or (there[2] or '') ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], 'incarnation', ARGV[3], 'stamp', ARGV[4], 'book', ARGV[5])
if ARGV[6] ~= '' then redis.call('HSET', KEYS[1], 'rebuild', ARGV[6]) end
return 1"""
)
_MARK = Script(
    """if redis.call('HEXISTS', KEYS[1], 'incarnation') == 0 then return 0 end
if ARGV[1] == '' then redis.call('HDEL', KEYS[1], 'rebuild')
else redis.call('HSET', KEYS[1], 'rebuild', ARGV[1]) end
return 1"""
)
_NOTE = Script(
    """if redis.call('HGET', KEYS[1], 'incarnation') ~= ARGV[1] then return 0 end
local there = tonumber(redis.call('HGET', KEYS[1], ARGV[2]) or '0')
if there < tonumber(ARGV[3]) then redis.call('HSET', KEYS[1], ARGV[2], ARGV[3]) end
return 1"""
)


class RedisCatalog:
    """What one project's store says of itself."""

    def __init__(self, link: RedisLink, project: str) -> None:
        self._link, self._project = link, project
        self._key = f"{root_of(project)}catalog"

    def find(self) -> Book | None:
        """The book as it is now; None where Redis holds none."""
        names = "incarnation", "stamp", "rebuild"
        incarnation, stamp, mark = self._link.ask("HMGET", self._key, *names)
        catalog = kept(stamp) if stamp else None
        if stamp and catalog is None:
            fields = self._link.ask("HMGET", self._key, *names, "book")
            incarnation, stamp, mark, book = fields
            catalog = keep(stamp, book) if stamp else None
        return None if catalog is None else Book(incarnation, Stamped(stamp, catalog), mark or b"")

    def read_whole(self) -> Book:
        """The book as it is now; NotReady where Redis holds none, or is not whole."""
        found = self.read()
        refuse_if(found.rebuild, self._link.name)
        return found

    def read(self) -> Book:
        """The book as it is now; NotReady where Redis holds none."""
        found = self.find()
        if found is None:
            raise NotReady(
                "it holds no features: it is new, or was restarted without its data",
                where=self._link.name,
                remedy="let `finmodel stream` rebuild it, or run feast apply and materialise",
            )
        return found

    def change(
        self, change: Callable[[Catalog], None], *, make: bool = False, rebuild: bytes = b""
    ) -> Book:
        """Change the book, whoever else does; the book then. NotReady if there is none to change.

        With `make`, one is made where there is none. With it comes the mark, if there is one.
        """
        while True:
            before = self.find() if make else self.read()
            book = encoded(before.catalog) if before else b""
            catalog = parsed(book) if before else Catalog(self._project)
            change(catalog)
            after = encoded(catalog)
            if before is not None and after == book:
                return before
            old = (before.incarnation, before.stamped.stamp) if before else (b"", b"")
            new = old[0] or secrets.token_urlsafe(6).encode(), new_stamp()
            if self._link.run(_SWAP, [(self._key, *old, *new, after, rebuild)]) == [1]:
                return Book(new[0], Stamped(new[1], keep(new[1], after)), rebuild)

    def mark(self, mark: bytes) -> None:
        """Write the mark of a store that is not whole, or with none take it away."""
        if self._link.run(_MARK, [(self._key, mark)]) == [0]:
            self.read()  # and says that there is nothing to mark

    def positions(self, places: Sequence[Position]) -> list[int]:
        """The offsets up to which partitions' events are known to be in the rows."""
        if not places:
            return []
        found = self._link.ask("HMGET", self._key, *map(position_field, places))
        return [int(offset or 0) for offset in found]

    def every_position(self) -> dict[Position, int]:
        """How far each partition of each topic was counted, by each schema."""
        fields = self._link.ask("HKEYS", self._key) or []
        places = [position_named(field) for field in fields if field.startswith(b"position ")]
        return dict(zip(places, self.positions(places), strict=True))

    def note_positions(self, incarnation: bytes, upto: Sequence[tuple[Position, int]]) -> None:
        """Write how far partitions were counted; none goes back. NotReady if Redis forgot."""
        calls = [(self._key, incarnation, position_field(at), offset) for at, offset in upto]
        if 0 in self._link.run(_NOTE, calls):
            raise NotReady(
                "it lost its data while it was written to",
                where=self._link.name,
                remedy="ask again how far it counted, and count from there",
            )

    def forget(self) -> None:
        """Remove the book: no row is read any more."""
        self._link.ask("UNLINK", self._key)
