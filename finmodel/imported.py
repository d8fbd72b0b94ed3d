"""Decisions that a lender made before this platform: which of them are taken in.

Stand-ins of applications and a number for what each row says come in; which rows are new, known or
refused, and why, goes out. They are no entries of our log, and never come to stand there. Pure:
`imported_files` keeps them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from finmodel.outcomes import Judged, first_of_run, found_among, left_of, refuse, starts_of
from finmodel.records import Int64s

Columns = dict[str, npt.NDArray[Any]]
"""(n, ...) by name: those of `KEPT`, and one for each feature that was brought."""
TIME: Final = "time_us"
CONTENT: Final = "content"
CUSTOMER: Final = "customer"
"""The customer's stand-in, see `Vault.stand_ins`; 0 where none was brought."""
AMOUNT: Final = "amount_minor"
REASON: Final = "reason"
"""The number that stands for the lender's reasons, see `code_of`."""
ROW: Final = "row"
"""The row in the lender's file, counted from 1: the file is the lender's, and says the rest."""
NOT_TOLD: Final = -1
"""Stands for an amount that was not brought."""

_OTHER_CONTENT: Final = "it was loaded before and says something else now: the first stays"
_TWICE: Final = "another row of the same application says something else: neither is used"
_OURS: Final = "this platform decided on this application itself: that decision stands in its log"


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """n decisions: on which application, and a number for what is said of it."""

    application: Int64s
    """(n,) stand-ins."""
    content: Int64s
    """(n,) equal where all that is kept of two rows is equal."""

    def by_application(self) -> Told:
        """The same, by application."""
        order = np.argsort(self.application, kind="stable")
        return Told(self.application[order], self.content[order])

    @classmethod
    def none(cls) -> Self:
        """No decision at all."""
        return cls(np.empty(0, np.int64), np.empty(0, np.int64))


def judge(told: Told, kept: Told, ours: Int64s) -> Judged:
    """Which rows of a load are new beside what was loaded before and what our log holds.

    `kept` is by application, each once; `ours` are the log's applications, increasing. One
    decision is kept of an application: a row that says it again is known, one that says something
    else is refused.

    >>> told = Told(np.array([7, 8, 8, 9, 9, 5]), np.array([1, 1, 1, 1, 2, 1]))
    >>> found = judge(told, Told(np.array([7]), np.array([1])), np.array([5]))
    >>> found.new.tolist(), found.known, sorted(found.refused)
    ([1], 2, [3, 4, 5])
    """
    refused: dict[int, str] = {}
    there, place = found_among(told.application, kept.application)
    same = there.copy()
    same[there] = kept.content[place[there]] == told.content[there]
    refuse(refused, there & ~same, _OTHER_CONTENT)
    refuse(refused, ~there & found_among(told.application, ours)[0], _OURS)
    order = np.argsort(told.application, kind="stable")
    starts = starts_of(told.application[order])
    run = np.cumsum(starts)
    first = order[first_of_run(starts)]
    differs = told.content[order] != told.content[first]
    disagree = np.zeros(len(order), bool)
    disagree[order] = np.isin(run, run[differs])
    refuse(refused, disagree & ~there, _TWICE)
    left = left_of(refused, len(order))
    once = np.zeros(len(order), bool)
    once[order[starts]] = True
    new = np.flatnonzero(left & ~there & once)
    return Judged(new, int(left.sum()) - len(new), dict(sorted(refused.items())))


def content_of(columns: Mapping[str, npt.NDArray[Any]]) -> Int64s:
    """(n,) a number for each row of the columns; the same for the same names and values.

    It tells a changed row from an unchanged one (splitmix64 over the values); it proves nothing.

    >>> one = {"points": np.array([600.0, 600.0, np.nan]), "age": np.array([30, 31, 30], "f4")}
    >>> first, other, _ = content_of(one).tolist()
    >>> again, _, _ = content_of({"age": one["age"], "points": one["points"]}).tolist()
    >>> first == other, first == again
    (False, True)
    """
    count = len(next(iter(columns.values())))
    mixed = np.zeros(count, np.uint64)
    for name in sorted(columns):
        mixed = _mix(mixed ^ np.uint64(code_of(name) % 2**64))
        mixed = _mix(mixed ^ _words(columns[name]))
    return mixed.view(np.int64)


def code_of(text: str) -> int:
    """The number that stands for a text, such as a reason; 0 for none.

    >>> code_of(""), code_of("R01") == code_of("R01"), code_of("R01") == code_of("R02")
    (0, True, False)
    """
    if not text:
        return 0
    digest = blake2b(text.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little", signed=True)


def _words(values: npt.NDArray[Any]) -> npt.NDArray[np.uint64]:
    """A value's bits; every NaN alike, and both zeros."""
    if values.dtype.kind != "f":
        return values.astype(np.int64).view(np.uint64)
    wide = values.astype(np.float64) + 0.0
    wide[np.isnan(wide)] = np.nan
    return wide.view(np.uint64)


def _mix(word: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    word = word + np.uint64(0x9E3779B97F4A7C15)
    word = (word ^ (word >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return word ^ (word >> np.uint64(31))
