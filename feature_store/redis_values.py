"""Customers' values in Redis: one string a customer, put by compare-and-set.

Keys as packed_keys makes them come in and values go out, and back if nobody wrote in between. A
key's name holds the store's incarnation, so that what an earlier one left behind is never read.
What lies in a value is not this module's business.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from typing import TypeAlias

import numpy as np

from feature_store.packed_keys import Place
from feature_store.redis_client import RedisLink, Script
from finmodel.records import Int64s

Changed: TypeAlias = tuple[list[tuple[int, memoryview]], Int64s]
"""Positions among some customers with the value that each is to have, and figures, which are summed
over the customers whose change was stored."""
Change: TypeAlias = Callable[[list[bytes], Int64s], Changed]
"""From some customers' values and their numbers to what they become."""

_AT_ONCE = 10_000
"""Names held while all are removed."""

_SWAP = Script(
    """local there = redis.call('GET', KEYS[1]) or ''
if there ~= ARGV[1] then return {there} end
redis.call('SET', KEYS[1], ARGV[2])
return 1"""
)


def root_of(project: str) -> str:
    """What all keys of a project begin with."""
    return f"finmodel:{project}:"


class RedisValues:
    """The values of one project."""

    def __init__(self, link: RedisLink, project: str) -> None:
        self._link, self._root = link, root_of(project)

    def keys(self, incarnation: bytes, place: Place, keys: Sequence[bytes]) -> list[bytes]:
        """The names in Redis of keys in a place."""
        head = b"%s%s:%s:" % (self._root.encode(), incarnation, str(place).encode())
        return [head + key for key in keys]

    def get(self, names: Sequence[bytes]) -> list[bytes]:
        """The value of each name; empty where there is none."""
        return [value or b"" for value in self._link.ask_all([("GET", name) for name in names])]

    def change(self, names: Sequence[bytes], change: Change) -> Int64s:
        """Change customers' values, each in one step; the figures of what was stored, summed.

        Where another writer was there in between, that customer's change is made anew.
        """
        old, some = self.get(names), np.arange(len(names))
        changes, figures = change(old, some)
        while True:
            swaps = [(names[some[i]], old[i], bytes(value)) for i, value in changes]
            lost = self._lost(changes, self._link.run(_SWAP, swaps))
            if not lost:
                return figures
            at = np.array(sorted(lost), np.int64)
            _, not_stored = change([old[i] for i in at], some[at])
            old, some = [lost[i] for i in at.tolist()], some[at]
            changes, again = change(old, some)
            figures = figures - not_stored + again

    def remove(self, names: Sequence[bytes]) -> int:
        """Remove some values; how many there were."""
        return sum(self._link.ask_all([("UNLINK", name) for name in names]))

    def forget(self) -> None:
        """Remove every value of the project, of any incarnation."""
        found = self._link.keys(self._root + "*")
        while names := list(islice(found, _AT_ONCE)):
            self._link.ask_all([("UNLINK", name) for name in names])

    def _lost(
        self, changes: list[tuple[int, memoryview]], answers: Sequence[list[bytes] | int]
    ) -> dict[int, bytes]:
        """By position, what is there instead of what was read."""
        return {
            i: answer[0]
            for (i, _), answer in zip(changes, answers, strict=True)
            if isinstance(answer, list)
        }
