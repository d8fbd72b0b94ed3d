"""What became of decisions, and which of it may be believed.

Columns of outcomes come in; which rows hold goes out, the others by row with the reason. An
application is known by its stand-in (see `Vault.stand_ins`) only, so that nobody is named. Pure:
`outcome_files` keeps them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from finmodel.records import Int64s

UNKNOWN: Final = -1
"""Stands for a value that was not given."""
SURELY_BAD_DPD: Final = 90
"""Lenders' definitions of bad differ, up to M3+: beyond so many days past due all say bad."""
_VALUES: Final = ("bad", "dpd", "fpd")
_GOOD_SO_LATE: Final = (
    f"it says good, and more than {SURELY_BAD_DPD} days past due, which is bad for everybody"
)
_SAME_TIME: Final = "another outcome of the same application and time disagrees"
_GOOD_AFTER: Final = (
    "it says good, and an earlier outcome of this application says bad, "
    f"or more than {SURELY_BAD_DPD} days past due"
)
_BAD_BEFORE: Final = (
    f"it says bad, or more than {SURELY_BAD_DPD} days past due, "
    "and a later outcome of this application says good"
)


@dataclass(frozen=True, slots=True, eq=False)
class Outcomes:
    """n things seen of applications: what, and when."""

    application: Int64s
    """(n,) stand-ins."""
    observed_us: Int64s
    """(n,) microseconds since 1970."""
    bad: npt.NDArray[np.int8]
    """(n,) 1 bad, 0 good, UNKNOWN."""
    dpd: npt.NDArray[np.int32]
    """(n,) days past due at that time, or UNKNOWN."""
    fpd: npt.NDArray[np.int32]
    """(n,) days by which the first instalment was late, or UNKNOWN."""

    def __len__(self) -> int:
        return len(self.application)

    def only(self, rows: npt.NDArray[Any]) -> Outcomes:
        """Some of them, by place or by a mask."""
        return Outcomes(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})

    def then(self, others: Outcomes) -> Outcomes:
        """These and the others after them."""
        return joined([self, others])

    def sorted(self) -> Outcomes:
        """By application, then by time.

        Loads are sorted runs, which a stable sort merges; only applications whose looks came in
        another order are sorted again.
        """
        order = np.argsort(self.application, kind="stable")
        application, time = self.application[order], self.observed_us[order]
        same = application[1:] == application[:-1]
        late = same & (time[1:] < time[:-1])
        if late.any():
            group = np.concatenate([[0], np.cumsum(~same)])
            rows = np.flatnonzero(np.isin(group, group[1:][late]))
            order[rows] = order[rows][np.lexsort((time[rows], application[rows]))]
        return self.only(order)

    @classmethod
    def none(cls) -> Self:
        """No outcome at all."""
        empty = np.empty(0, np.int64)
        return cls(empty, empty, empty.astype(np.int8), *(2 * [empty.astype(np.int32)]))


@dataclass(frozen=True, slots=True, eq=False)
class DecidedOn:
    """Applications, each once, and when each was first decided: here, or before by the lender."""

    application: Int64s
    """(k,) stand-ins, increasing."""
    time_us: Int64s

    @classmethod
    def of(cls, application: Int64s, time_us: Int64s) -> Self:
        """Out of every decision's columns, in any order.

        >>> found = DecidedOn.of(np.array([7, 5, 7]), np.array([30, 10, 20]))
        >>> found.application.tolist(), found.time_us.tolist()
        ([5, 7], [10, 20])
        """
        if not len(application):
            return cls(application, time_us)
        order = np.argsort(application, kind="stable")
        known, first = np.unique(application[order], return_index=True)
        return cls(known, np.minimum.reduceat(time_us[order], first))

    def since(self, application: Int64s) -> tuple[npt.NDArray[np.bool_], Int64s]:
        """(n,) whether each was decided, and (n,) when first; 0 where it was not."""
        there, place = found_among(application, self.application)
        when = np.zeros(len(application), np.int64)
        when[there] = self.time_us[place[there]]
        return there, when


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """What is to be done with each row of a load."""

    new: Int64s
    """Rows to keep."""
    known: int
    """Rows that were kept before, the very same."""
    refused: dict[int, str] = field(default_factory=dict)
    """Rows that are not used, and why."""


def judge(told: Outcomes, kept: Outcomes, decided: DecidedOn, now_us: int) -> Judged:
    """Which rows of a load hold beside all decisions and what was kept before.

    Refused are rows of applications that were never decided, seen before the decision or after
    now, and rows that disagree: with themselves (good, and surely bad by their dpd), with another
    of the load (then neither is used) or with one kept before (then that one stays). Two disagree
    that tell one time otherwise, or a good after a bad; what is surely bad by its dpd is a bad.
    """
    refused: dict[int, str] = {}
    there, since = decided.since(told.application)
    refuse(
        refused,
        ~there,
        "no decision on this application is in the audit log, and none was imported",
    )
    refuse(refused, there & (told.observed_us < since), "it was seen before the decision")
    refuse(refused, told.observed_us > now_us, "it was seen later than now")
    usable = left_of(refused, len(told))
    rows = np.flatnonzero(usable)
    # A row that is not used for this still says how late it was: no later good is believed.
    refuse(refused, usable & (told.bad == 0) & (told.dpd > SURELY_BAD_DPD), _GOOD_SO_LATE)
    merged = kept.then(told.only(rows))
    origin = np.concatenate([np.full(len(kept), UNKNOWN), rows])
    repeated = _disagreements(merged, origin, refused)
    left = np.setdiff1d(rows, np.fromiter(refused, np.int64, len(refused)))
    new = np.setdiff1d(left, repeated)
    return Judged(new, len(left) - len(new), dict(sorted(refused.items())))


def refuse(refused: dict[int, str], which: npt.NDArray[np.bool_], why: str) -> None:
    """Note why rows are refused, by row; the first reason stays."""
    for row in np.flatnonzero(which).tolist():
        refused.setdefault(row, why)


def left_of(refused: Mapping[int, str], rows: int) -> npt.NDArray[np.bool_]:
    """(rows,) which of them are not refused."""
    left = np.ones(rows, bool)
    left[np.fromiter(refused, np.int64, len(refused))] = False
    return left


def found_among(sought: Int64s, among: Int64s) -> tuple[npt.NDArray[np.bool_], Int64s]:
    """Whether each is among increasing numbers, and the place where it would be."""
    if not len(among):
        return np.zeros(len(sought), bool), np.zeros(len(sought), np.int64)
    place = np.searchsorted(among, sought).clip(max=len(among) - 1)
    return among[place] == sought, place


def _disagreements(both: Outcomes, origin: Int64s, refused: dict[int, str]) -> Int64s:
    """Rows of the load that say again what is known; those that disagree are refused."""
    # Kept rows before the load's among equals, so that the first of a run is the one known.
    order = np.lexsort((origin, both.observed_us, both.application))
    ranked, origin = both.only(order), origin[order]
    application = starts_of(ranked.application)
    time = application | starts_of(ranked.observed_us)
    first = first_of_run(time)
    differs = np.zeros(len(ranked), bool)
    for name in _VALUES:
        values = getattr(ranked, name)
        differs |= values != values[first]
    # What says a kept row again is in force, whatever else the load says.
    kept = ~differs & (origin[first] == UNKNOWN)
    mine = ~kept & (origin != UNKNOWN)
    run = np.cumsum(time)
    _tell(refused, origin, mine & np.isin(run, run[differs]), _SAME_TIME)
    good, bad = ranked.bad == 0, _surely_bad(ranked)
    _tell(refused, origin, mine & good & _earlier(bad, application, time), _GOOD_AFTER)
    _tell(refused, origin, mine & bad & _later(good, application, time), _BAD_BEFORE)
    again: Int64s = origin[(first != np.arange(len(ranked))) & ~differs & (origin != UNKNOWN)]
    return again


def _tell(refused: dict[int, str], origin: Int64s, which: npt.NDArray[np.bool_], why: str) -> None:
    """Note why rows of the load are refused; the first reason stays."""
    for row in origin[which].tolist():
        refused.setdefault(row, why)


def _surely_bad(seen: Outcomes) -> npt.NDArray[np.bool_]:
    found: npt.NDArray[np.bool_] = (seen.bad == 1) | (seen.dpd > SURELY_BAD_DPD)
    return found


def starts_of(values: Int64s) -> npt.NDArray[np.bool_]:
    """Where another value than before begins."""
    starts = np.ones(len(values), bool)
    starts[1:] = values[1:] != values[:-1]
    return starts


def first_of_run(starts: npt.NDArray[np.bool_]) -> Int64s:
    """(n,) the place where each row's run begins."""
    first: Int64s = np.maximum.accumulate(np.where(starts, np.arange(len(starts)), 0))
    return first


def _earlier(
    those: npt.NDArray[np.bool_],
    application: npt.NDArray[np.bool_],
    time: npt.NDArray[np.bool_],
) -> npt.NDArray[np.bool_]:
    """Rows whose application has one of `those` at an earlier time; starts of runs beside them."""
    before = np.concatenate([[0], np.cumsum(those)])
    found: npt.NDArray[np.bool_] = before[first_of_run(time)] > before[first_of_run(application)]
    return found


def _later(
    those: npt.NDArray[np.bool_],
    application: npt.NDArray[np.bool_],
    time: npt.NDArray[np.bool_],
) -> npt.NDArray[np.bool_]:
    """Rows whose application has one of `those` at a later time."""
    # Backwards in time, where runs begin at what were their ends.
    turned = (np.append(starts[1:], True)[: len(starts)][::-1] for starts in (application, time))
    return _earlier(those[::-1], *turned)[::-1]


def joined(loads: Sequence[Outcomes]) -> Outcomes:
    """The rows of several, one after the other."""
    return Outcomes(
        **{
            f.name: np.concatenate([getattr(one, f.name) for one in loads])
            for f in fields(Outcomes)
        }
    )
