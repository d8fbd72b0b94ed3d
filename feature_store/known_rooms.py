"""What was met of a place before, in memory: the numbers of integer keys, and where runs lie.

A number is given to a key once, and stands until keys are removed; a run is never changed, and its
pages lie where they are for as long as anything in it counts. So whoever meets the same customers
again and again need not look theirs up. What is true of the map now comes in. Knows no map.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from itertools import chain
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from feature_store.compiling import lent
from feature_store.packed_keys import Place
from finmodel.records import Int64s

_MOST = 1 << 22
"""Keys that are remembered: 128 MB. Others are looked up each time."""
_LEAST, _NONE = 1 << 10, -1
_SPREAD = np.uint64(0x9E3779B97F4A7C15)

_MOST_RUNS = 1 << 16
_SURE_WORDS = 32_768 >> 3
"""Of a run that has pages of its own, however large LMDB's are; a shorter one may lie among others,
and is moved with them."""

Lie = tuple[int, int]
"""The address of a run, and how many words it has."""
Keys = npt.NDArray[np.uint64]


class _Met(NamedTuple):
    """What was met while nothing was removed."""

    standing: int
    entered: int
    keys: Keys
    numbers: Int64s


class _Lying(NamedTuple):
    """Where runs lie."""

    standing: int
    found: dict[int, Lie]


class KnownRoom:
    """Of one place of a map, while it is open; threads share it."""

    def __init__(self) -> None:
        self._lock, self._met = threading.Lock(), _Met(0, 0, *_table(_LEAST))
        self._lying = _Lying(0, {})

    @property
    def standing(self) -> int:
        """Of what it knows; 0 before it knows anything."""
        return self._met.standing

    def runs(
        self, runs: Int64s, standing: int, look_up: Callable[[list[int]], list[Lie]]
    ) -> npt.NDArray[np.int64]:
        """(n, 2) where runs lie, in a snapshot that nobody may write to. `look_up` tells it of
        some, by their numbers."""
        met = self._lying
        if met.standing != standing or len(met.found) > _MOST_RUNS:
            met = self._lying = _Lying(standing, {})
        names = runs.tolist()
        lies = list(map(met.found.get, names))
        if None in lies:
            unmet = [i for i, lie in enumerate(lies) if lie is None]
            for i, lie in zip(unmet, look_up([names[i] for i in unmet]), strict=True):
                lies[i] = lie
                if lie[1] >= _SURE_WORDS:
                    met.found[names[i]] = lie
        return np.array(list(chain.from_iterable(lies)), np.int64).reshape(-1, 2)  # type: ignore[arg-type]

    def of(
        self, keys: Keys, standing: int, given: int, look_up: Callable[[list[int]], Int64s]
    ) -> Int64s:
        """(n,) the number of each key in a snapshot, -1 where it has none there.

        `standing` is another whenever a number may be another's; `given` numbers were given until
        that snapshot, which nobody may write to. `look_up` tells those of keys at some positions.

        >>> known = KnownRoom()
        >>> known.of(np.array([7, 9], np.uint64), 5, 1, lambda at: np.array([0, -1]))
        array([ 0, -1])
        >>> known.of(np.array([7], np.uint64), 5, 1, lambda at: np.empty(0, np.int64))
        array([0])
        """
        numbers = np.full(len(keys), _NONE, np.int64)
        with self._lock:
            if standing != self._met.standing:
                self._met = _Met(standing, 0, *_table(_LEAST))
            _read(self._met.keys, self._met.numbers, keys, given, numbers)
        new = np.flatnonzero(numbers < 0)
        if len(new):
            numbers[new] = look_up(new.tolist())
            self._learn(keys[new], numbers[new], standing)
        return numbers

    def _learn(self, keys: Keys, numbers: Int64s, standing: int) -> None:
        keys, numbers = keys[numbers >= 0], numbers[numbers >= 0]
        with self._lock:
            met = self._met
            if standing == met.standing and met.entered + len(keys) <= _MOST:
                met = _with_room(met, met.entered + len(keys))
                new = _write(met.keys, met.numbers, keys, numbers)
                self._met = met._replace(entered=met.entered + new)


class KnownRooms:
    """Of every place of a map."""

    def __init__(self) -> None:
        self._rooms: dict[Place, tuple[int, KnownRoom]] = {}

    def of(self, place: Place, opened: int) -> KnownRoom:
        """What was met of a place since the map was opened for the so-manyth time."""
        found = self._rooms.get(place)
        if found is None or found[0] != opened:
            found = self._rooms[place] = opened, KnownRoom()
        return found[1]


def _with_room(met: _Met, count: int) -> _Met:
    """The same, in a table that is at most half full with so many."""
    size = len(met.keys)
    while size < 2 * count:
        size *= 2
    if size == len(met.keys):
        return met
    there, (keys, numbers) = met.numbers >= 0, _table(size)
    _write(keys, numbers, met.keys[there], met.numbers[there])
    return met._replace(keys=keys, numbers=numbers)


def _table(size: int) -> tuple[Keys, Int64s]:
    return np.zeros(size, np.uint64), np.full(size, _NONE, np.int64)


@lent
def _slot(table: Keys, taken: Int64s, key: np.uint64) -> int:
    """Where a key stands in a table, or is to stand; the table has a power of two places."""
    last = len(table) - 1
    at = np.int64((key * _SPREAD) >> np.uint64(32)) & last
    while taken[at] >= 0 and table[at] != key:
        at = (at + 1) & last
    return int(at)


@lent
def _read(table: Keys, taken: Int64s, keys: Keys, given: int, numbers: Int64s) -> None:
    for i in range(len(keys)):
        number = taken[_slot(table, taken, keys[i])]
        if number < given:  # else it was given after the snapshot
            numbers[i] = number


@lent
def _write(table: Keys, taken: Int64s, keys: Keys, numbers: Int64s) -> int:
    """Enter keys; how many are new."""
    new = 0
    for i in range(len(keys)):
        at = _slot(table, taken, keys[i])
        new += taken[at] < 0
        table[at], taken[at] = keys[i], numbers[i]
    return new
