"""What the whole log says of its decisions: which weeks may count, and which decision was the last.

When and where every decision of the log was made and all outcomes come in; a `WholeLog` goes out.
Bads are seen early and goods only at the end, so a week counts as a whole or not at all, and one
look at one account does not end the wait for its neighbours. What somebody asks about (a window, a
segment, a version) is no part of it: a decision matures, or is superseded, whoever asks. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from threading import Lock
from typing import Final

import numpy as np

from finmodel.lanes import compiled
from finmodel.outcomes import Outcomes
from finmodel.records import Int64s
from risk.labels.delays import DAY
from risk.monitor.looks import ABSENT, Looks

ZONE_US: Final = 8 * 3_600_000_000
"""The lender's midnight is so long before UTC's."""
LEAST_LOOKED: Final = 0.8
"""A week counts once this share of its accounts was looked at past the window.

Some of a book settle and are looked at no more, a tenth or two in half a year: more would never be
reached. Of a week at the limit the bad rate is at most a quarter too high."""
_MONDAY_DAYS: Final = 3
"""1 January 1970 was a Thursday."""

Book = Iterable[tuple[Int64s, Int64s, Int64s]]
"""Stand-ins of applications, when each was decided and where in the log, in pieces of any size."""
_WHEN, _WHERE = 0, 1


@dataclass(frozen=True, slots=True, eq=False)
class WholeLog:
    """What holds of k applications that were looked at, and of weeks, whatever is asked about."""

    weeks: Int64s
    """Increasing; most of their followed decisions were looked at past the window."""
    looks: Looks
    last: Int64s
    """(k,) where in the log the last decision on each application lies, or ABSENT."""


def weeks_of(time_us: Int64s) -> Int64s:
    """Weeks since that of 29 December 1969; they begin on Monday, where the lender is.

    >>> weeks_of(np.array([0, 4 * DAY - ZONE_US - 1, 4 * DAY - ZONE_US])).tolist()
    [0, 0, 1]
    """
    return ((time_us + ZONE_US) // DAY + _MONDAY_DAYS) // 7


class Cohorts:
    """Takes decisions of the whole log in, piece by piece; several threads may add.

    A decision is followed from its first look on. One that is known to be bad need not be looked
    at again (it may have been written off), and is then left out of the share.
    """

    def __init__(
        self, outcomes: Outcomes, days: int, bad_dpd: int, span: tuple[int, int] | None = None
    ) -> None:
        """`outcomes` by application, then time; of a `span` only its first to last week."""
        self._length, self._looks = days * DAY, Looks.of(outcomes)
        self._decided = np.full((len(self._looks), 2), ABSENT)
        self._first, weeks = 0, 0
        if len(outcomes):
            begins = self._looks.begins
            late = (outcomes.bad == 1) | (outcomes.dpd >= bad_dpd)
            self._last = np.maximum.reduceat(outcomes.observed_us, begins)
            self._last_late = np.maximum.reduceat(np.where(late, outcomes.observed_us, 0), begins)
            # Of a later week nobody can have been looked at past the window: half of a year's log.
            newest = int(weeks_of(self._last.max(keepdims=True) - self._length)[0])
            self._first, end = (0, newest) if span is None else (span[0], min(span[1], newest))
            weeks = max(end - self._first + 1, 0)
        self._reached, self._waiting = np.zeros(weeks, np.int64), np.zeros(weeks, np.int64)
        self._lock = Lock()

    def add(self, application: Int64s, time_us: Int64s, where: Int64s) -> None:
        """Take in (n,) decisions: stand-ins of applications, when and where each was decided."""
        place = self._looks.places(application)
        seen = np.flatnonzero(place != ABSENT)
        if not len(seen):
            return
        place, time_us = place[seen], time_us[seen]
        reached, waiting = self._counted(place, time_us)
        with self._lock:
            _keep_last(place, time_us, where[seen], self._decided)
            self._reached += reached
            self._waiting += waiting

    def _counted(self, place: Int64s, time_us: Int64s) -> tuple[Int64s, Int64s]:
        """By week, decisions that were looked at past their windows, and those that wait for it."""
        weeks = len(self._reached)
        week = weeks_of(time_us) - self._first
        asked = (week >= 0) & (week < weeks)
        place, time_us, week = place[asked], time_us[asked], week[asked]
        last = self._last[place]
        to_end = last >= time_us + self._length
        open_ones = (last >= time_us) & ~to_end & (self._last_late[place] < time_us)
        return (
            np.bincount(week[to_end], minlength=weeks),
            np.bincount(week[open_ones], minlength=weeks),
        )

    def whole(self) -> WholeLog:
        """What the decisions that were added say, once all of the log were."""
        followed = self._reached + self._waiting
        enough = (self._reached > 0) & (self._reached >= LEAST_LOOKED * followed)
        weeks = self._first + np.flatnonzero(enough)
        return WholeLog(weeks, self._looks, self._decided[:, _WHERE])


def whole_log(
    book: Book, outcomes: Outcomes, days: int, bad_dpd: int, span: tuple[int, int] | None = None
) -> WholeLog:
    """What `Cohorts` tells of a log's decisions."""
    cohorts = Cohorts(outcomes, days, bad_dpd, span)
    for application, time_us, where in book:
        cohorts.add(application, time_us, where)
    return cohorts.whole()


@compiled
def _keep_last(place: Int64s, time_us: Int64s, where: Int64s, decided: Int64s) -> None:
    """Keep each application's latest decision; of one moment's the one that was logged last.

    `decided` is (k, 2): when and where; pieces come in no order.
    """
    for row in range(len(place)):
        one, when = place[row], time_us[row]
        known = decided[one, _WHEN]
        if when > known or (when == known and where[row] > decided[one, _WHERE]):
            decided[one, _WHEN], decided[one, _WHERE] = when, where[row]
