"""Outcomes by application: which decisions each belongs to, however many there are of both.

Outcomes, by application and then by time, come in; the place of a decision's application among
them goes out. Stand-ins are a keyed hash's, even over 64 bits: their first bits say where to look,
and what is left is a short search. Other numbers only take longer. Judges nothing. Pure.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, Self

import numpy as np

from finmodel.lanes import compiled
from finmodel.outcomes import Outcomes
from finmodel.records import Int64s

ABSENT: Final = -1
"""The place of an application of which nothing was seen."""
_EACH: Final = 1 << 20
_MOST_BITS: Final = 22
_BITS: Final = 64


@dataclass(frozen=True, slots=True, eq=False)
class Looks:
    """k applications that were looked at."""

    application: Int64s
    """(k,) stand-ins, increasing."""
    begins: Int64s
    """(k,) the place of each one's first outcome; the others follow it."""
    bits: int
    """So many first bits of a stand-in name its part of `application`."""
    parts: Int64s
    """(2**bits + 1,) where each part begins, and where the last one ends."""

    @classmethod
    def of(cls, outcomes: Outcomes) -> Self:
        """Outcomes by application, then time.

        >>> Looks.of(Outcomes.none()).places(np.array([7, -7])).tolist() == [ABSENT, ABSENT]
        True
        """
        seen = outcomes.application
        begins = np.flatnonzero(np.append(True, seen[1:] != seen[:-1])[: len(seen)])
        application = seen[begins]
        bits = min(max(len(application).bit_length(), 1), _MOST_BITS)
        # Shifted as signed numbers: parts from the lowest stand-in, which is below zero, on.
        part = (application >> (_BITS - bits)) + (1 << (bits - 1))
        sizes = np.bincount(part, minlength=1 << bits)
        return cls(application, begins, bits, np.concatenate([[0], np.cumsum(sizes)]))

    def __len__(self) -> int:
        return len(self.application)

    def places(self, application: Int64s) -> Int64s:
        """(n,) the place of each among these, or ABSENT; millions on two threads."""
        found = np.empty(len(application), np.int64)

        def fill(begin: int) -> None:
            end = begin + _EACH
            _find(self.application, self.parts, self.bits, application[begin:end], found[begin:end])

        if len(application) <= _EACH:
            fill(0)
            return found
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(fill, range(0, len(application), _EACH)))
        return found


@compiled
def _find(keys: Int64s, parts: Int64s, bits: int, sought: Int64s, found: Int64s) -> None:
    """Put each sought key's place among the keys, or ABSENT, into `found`."""
    shift, lowest = 64 - bits, 1 << (bits - 1)
    for row in range(len(sought)):
        key = sought[row]
        part = (key >> shift) + lowest
        low, high = parts[part], parts[part + 1]
        end = high
        while low < high:
            middle = (low + high) >> 1
            if keys[middle] < key:
                low = middle + 1
            else:
                high = middle
        found[row] = low if low < end and keys[low] == key else ABSENT
