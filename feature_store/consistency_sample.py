"""Whose features are checked: some customers, the same at every check, chosen by a hash of the id.

Ids come in, many at a time and in any order; whether each is chosen goes out. A share of everybody
is, but at least some and at most so many; a choice only ever narrows while more are met, so that a
log can be read once. Knows no store and no log.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from finmodel.errors import BadInput
from finmodel.records import Int64s

LEAST, MOST = 200, 5_000
_KEY = np.uint64(0x9E3779B97F4A7C15)
_FARTHEST = 2**64 - 1


class Sample:
    """A share of the customers that were met.

    >>> sample = Sample(0.1, least=2, most=50)
    >>> sample.meet(np.arange(1_000))
    >>> int(sample.holds(np.arange(1_000)).sum())
    50
    """

    def __init__(self, share: float, least: int = LEAST, most: int = MOST) -> None:
        if not 0 < share <= 1 or not 0 < least <= most:
            raise BadInput(
                f"{share:g} of the customers, {least} to {most} of them, is no sample",
                where="sample",
                remedy="give a share above 0, up to 1",
            )
        self._asked = min(int(share * 2**64), _FARTHEST)
        self._least, self._most = least, most
        self._ranks = np.empty(0, np.uint64)

    @property
    def cut(self) -> int:
        """The highest rank that is chosen."""
        met = len(self._ranks)
        some = int(self._ranks[self._least - 1]) if met >= self._least else _FARTHEST
        many = int(self._ranks[self._most - 1]) if met >= self._most else _FARTHEST
        return min(max(self._asked, some), many)

    def meet(self, customers: Int64s) -> None:
        """There are these customers, too."""
        ranks = ranks_of(customers)
        # What is beyond the cut now is beyond it for good.
        new = ranks[ranks <= np.uint64(self.cut)]
        self._ranks = np.unique(np.concatenate([self._ranks, new]))[: self._most]

    def holds(self, customers: Int64s) -> npt.NDArray[np.bool_]:
        """(n,) whether each is chosen, as far as customers were met."""
        return ranks_of(customers) <= np.uint64(self.cut)


def ranks_of(customers: Int64s) -> npt.NDArray[np.uint64]:
    """(n,) each id's bits spread over a word (the end of MurmurHash3): no id has another's."""
    word = customers.astype(np.int64).view(np.uint64) ^ _KEY
    word ^= word >> np.uint64(33)
    word *= np.uint64(0xFF51AFD7ED558CCD)
    word ^= word >> np.uint64(33)
    word *= np.uint64(0xC4CEB9FE1A85EC53)
    return word ^ (word >> np.uint64(33))
