"""Which weeks of decisions have been looked at to the end of their performance windows.

When every decision of the log was made and all outcomes come in; the weeks whose decisions may
count go out. Bads are seen early and goods only at the end, so a week counts as a whole or not at
all, and one look at one account does not end the wait for its neighbours. What somebody asks about
(a window, a segment, a version) is no part of it: a decision matures whoever asks. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np

from finmodel.outcomes import Outcomes
from finmodel.records import Int64s
from risk.labels.delays import DAY

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


def looked_past(
    book: Book, outcomes: Outcomes, days: int, bad_dpd: int, span: tuple[int, int] | None = None
) -> Int64s:
    """Weeks, increasing, most of whose followed decisions were looked at `days` days on or later.

    A decision is followed from its first look on. One that is known to be bad need not be looked
    at again (it may have been written off), and is then left out of the share. `outcomes` are by
    application, then time; of a `span`, its first and last week, only those are told.
    """
    if not len(outcomes):
        return np.empty(0, np.int64)
    begins = np.flatnonzero(np.append(True, outcomes.application[1:] != outcomes.application[:-1]))
    keys = outcomes.application[begins]
    last = np.maximum.reduceat(outcomes.observed_us, begins)
    late = (outcomes.bad == 1) | (outcomes.dpd >= bad_dpd)
    last_late = np.maximum.reduceat(np.where(late, outcomes.observed_us, 0), begins)
    # Of a later week nobody can have been looked at past the window: half of a year's log.
    newest = int(weeks_of(last.max(keepdims=True) - days * DAY)[0])
    first, end = (0, newest) if span is None else (span[0], min(span[1], newest))
    weeks = max(end - first + 1, 0)
    reached, waiting = np.zeros(weeks, np.int64), np.zeros(weeks, np.int64)
    for application, time_us in book:
        week = weeks_of(time_us) - first
        asked = (week >= 0) & (week < weeks)
        application, time_us, week = application[asked], time_us[asked], week[asked]
        # In order, the keys that are looked up lie side by side in memory.
        order = np.argsort(application)
        application, time_us, week = application[order], time_us[order], week[order]
        place = np.searchsorted(keys, application).clip(max=len(keys) - 1)
        followed = (keys[place] == application) & (last[place] >= time_us)
        to_end = followed & (last[place] >= time_us + days * DAY)
        open_ones = followed & ~to_end & (last_late[place] < time_us)
        reached += np.bincount(week[to_end], minlength=weeks)
        waiting += np.bincount(week[open_ones], minlength=weeks)
    enough = (reached > 0) & (reached >= LEAST_LOOKED * (reached + waiting))
    return first + np.flatnonzero(enough)
