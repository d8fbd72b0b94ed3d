"""Which weeks of decisions have been looked at to the end of their performance windows.

When every decision of the log was made and all outcomes come in; the weeks whose decisions may
count go out. Bads are seen early and goods only at the end, so a week counts as a whole or not at
all, and one look at one account does not end the wait for its neighbours. What somebody asks about
(a window, a segment, a version) is no part of it: a decision matures whoever asks. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from threading import Lock
from typing import Final

import numpy as np

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

Book = Iterable[tuple[Int64s, Int64s]]
"""Stand-ins of applications, and when each was decided, in pieces of any size."""


def weeks_of(time_us: Int64s) -> Int64s:
    """Weeks since that of 29 December 1969; they begin on Monday, where the lender is.

    >>> weeks_of(np.array([0, 4 * DAY - ZONE_US - 1, 4 * DAY - ZONE_US])).tolist()
    [0, 0, 1]
    """
    return ((time_us + ZONE_US) // DAY + _MONDAY_DAYS) // 7


class Cohorts:
    """Counts decisions of the whole log by week, piece by piece; several threads may add.

    A decision is followed from its first look on. One that is known to be bad need not be looked
    at again (it may have been written off), and is then left out of the share.
    """

    def __init__(
        self, outcomes: Outcomes, days: int, bad_dpd: int, span: tuple[int, int] | None = None
    ) -> None:
        """`outcomes` by application, then time; of a `span` only its first to last week."""
        self._length, self._looks = days * DAY, Looks.of(outcomes)
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

    def add(self, application: Int64s, time_us: Int64s) -> None:
        """Count decisions: (n,) stand-ins of applications, and when each was decided."""
        weeks = len(self._reached)
        week = weeks_of(time_us) - self._first
        asked = (week >= 0) & (week < weeks)
        if not asked.any():
            return
        application, time_us, week = application[asked], time_us[asked], week[asked]
        place = self._looks.places(application)
        last = self._last[place]
        followed = (place != ABSENT) & (last >= time_us)
        to_end = followed & (last >= time_us + self._length)
        open_ones = followed & ~to_end & (self._last_late[place] < time_us)
        reached = np.bincount(week[to_end], minlength=weeks)
        waiting = np.bincount(week[open_ones], minlength=weeks)
        with self._lock:
            self._reached += reached
            self._waiting += waiting

    def looked_past(self) -> Int64s:
        """Weeks, increasing, most of whose followed decisions were looked at past the window."""
        followed = self._reached + self._waiting
        enough = (self._reached > 0) & (self._reached >= LEAST_LOOKED * followed)
        return self._first + np.flatnonzero(enough)


def looked_past(
    book: Book, outcomes: Outcomes, days: int, bad_dpd: int, span: tuple[int, int] | None = None
) -> Int64s:
    """The weeks that `Cohorts` tells of a log's decisions."""
    cohorts = Cohorts(outcomes, days, bad_dpd, span)
    for application, time_us in book:
        cohorts.add(application, time_us)
    return cohorts.looked_past()
