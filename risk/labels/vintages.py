"""Vintage, roll-rate and first-payment tables of a book: what a window and `bad` are chosen by.

A book and months come in, small arrays go out: counts beside every rate, and nothing where a month
is not over. A vintage's mob 0 is the month of its first drawdowns. Pure arithmetic.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from finmodel.months import Months
from finmodel.records import Float64s, Int64s
from risk.labels.book import Book
from risk.labels.delays import DAY, FAR
from risk.labels.words import BUCKET_NAMES, BUCKETS, FPD_DAYS

_LEAST = np.array([least for _, least in BUCKETS])


@dataclass(frozen=True, slots=True, eq=False)
class VintageTable:
    """c cohorts × m months on book."""

    days: int
    """Past due at least, ever by the end of the month on book."""
    cohorts: Int64s
    """(c,) months since January 1970, none left out."""
    accounts: Int64s
    """(c,) drawn for the first time in that month; 0 in a month without loans."""
    bad: Int64s
    """(c, m) accounts that were ever so late; -1 where the month is not over."""
    observed: Int64s
    """(c, m) of how many that is known: still looked at, or ever so late before looks stopped."""

    @property
    def rates(self) -> Float64s:
        """(c, m) shares of whom it is known; NaN where the month is not over, or of nobody."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(self.observed > 0, self.bad / self.observed, np.nan)

    @property
    def ripened(self) -> Float64s:
        """(m,) how much of what the last month shows was seen by each, over cohorts that have both.

        All of a column's cohorts are followed to the last month, so that it can only rise.
        """
        whole = (self.bad >= 0).all(axis=1)
        total = self.bad[whole].sum(axis=0).astype(np.float64)
        return total / total[-1] if total.size and total[-1] else np.full(len(total), np.nan)


@dataclass(frozen=True, slots=True, eq=False)
class RollRates:
    """Account-months from bucket (rows) to bucket a month later (columns)."""

    counts: Int64s
    """(8, 8) as `BUCKET_NAMES` has them."""

    @property
    def rates(self) -> Float64s:
        """(8, 8) shares of each row; NaN where the row has no account."""
        total = self.counts.sum(axis=1, keepdims=True)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(total > 0, self.counts / total, np.nan)

    @property
    def ways(self) -> Float64s:
        """(8, 3) shares that went to a better bucket, stayed, and went to a worse one."""
        rates, n = self.rates, len(BUCKET_NAMES)
        better = np.tril(np.ones((n, n)), -1)
        parts = (better, np.eye(n), better.T)
        return np.stack([(np.nan_to_num(rates) * part).sum(axis=1) for part in parts], axis=1)


@dataclass(frozen=True, slots=True, eq=False)
class FirstPayments:
    """Of c cohorts, how many did not pay their first bill within 1, 7, 15, 30 days."""

    cohorts: Int64s
    accounts: Int64s
    """(c, 4) whose first bill has been due for so long."""
    bad: Int64s
    """(c, 4)"""


def buckets_of(days: npt.NDArray[np.integer[Any]]) -> Int64s:
    """The bucket of so many days past due: 0 is C, 1 is M1.

    >>> [BUCKET_NAMES[one] for one in buckets_of(np.array([0, 1, 30, 31, 180, 181]))]
    ['C', 'M1', 'M1', 'M2', 'M6', 'M7']
    """
    found: Int64s = np.searchsorted(_LEAST, days, side="right").astype(np.int64) - 1
    return found


def vintages(
    book: Book, months: Months, days: int, mobs: int, settle_days: int = 3
) -> VintageTable:
    """Ever so many days past due, by cohort and month on book 0 … `mobs`.

    Whose looks stop is observed no longer, unless that late already: silence is no good news. A
    look within a month counts as one at its end; of events, silence says that all is well.
    """
    cohort = months.of(book.opened.at_us)
    cohorts = np.arange(cohort.min(), cohort.max() + 1)
    bad, observed = (np.full((len(cohorts), mobs + 1), -1) for _ in range(2))
    for mob in range(mobs + 1):
        end = months.ends(cohort + mob)
        worst = book.delays.worst_between(book.opened.account, book.opened.at_us, end)
        known = (worst >= days) | (book.last_look_us >= months.ends(cohort + mob - 1))
        over = months.ends(cohorts + mob) + settle_days * DAY <= book.known_to_us
        for table, counted in ((bad, worst >= days), (observed, known)):
            there = np.bincount(cohort - cohorts[0], counted, len(cohorts)).astype(np.int64)
            table[:, mob] = np.where(over, there, -1)
    return VintageTable(days, cohorts, np.bincount(cohort - cohorts[0]), bad, observed)


def roll_rates(
    book: Book, months: Months, span: tuple[int, int] | None = None, settle_days: int = 3
) -> RollRates:
    """From the end of each month of a span (all, if none) to the end of the next.

    An account counts in a month if it was billed in it or is late at its end; one that is looked at
    now and then, if it was looked at in both months: nobody knows where the others went. A month
    whose next is not over is left out.
    """
    first = int(months.of(book.opened.at_us.min(keepdims=True))[0])
    last = int(months.of(np.array([book.known_to_us - settle_days * DAY]))[0]) - 2
    if span is not None:
        first, last = max(first, span[0]), min(last, span[1])
    counts = np.zeros((len(BUCKETS), len(BUCKETS)), np.int64)
    accounts = np.arange(len(book))
    for month in range(first, last + 1):
        begin, end, next_end = (months.end(month + step) for step in (-1, 0, 1))
        before = buckets_of(book.delays.at(accounts, np.full(len(book), end - 1)))
        after = buckets_of(book.delays.at(accounts, np.full(len(book), next_end - 1)))
        open_ones = _billed(book, begin, end)
        if book.of_snapshots:
            open_ones &= _billed(book, end, next_end)
        else:
            open_ones |= before > 0
        np.add.at(counts, (before[open_ones], after[open_ones]), 1)
    return RollRates(counts)


def _billed(book: Book, begin_us: int, end_us: int) -> npt.NDArray[np.bool_]:
    """(a,) whether each account was billed, or looked at, in [begin, end)."""
    found = np.zeros(len(book), np.bool_)
    within = (book.billed.at_us >= begin_us) & (book.billed.at_us < end_us)
    found[book.billed.account[within]] = True
    return found


def first_payments(book: Book, months: Months, settle_days: int = 3) -> FirstPayments:
    """FPD1, 7, 15 and 30 by cohort; whose first bill is not due for so long is not counted."""
    cohort = months.of(book.opened.at_us)
    cohorts = np.arange(cohort.min(), cohort.max() + 1)
    place, due = cohort - cohorts[0], book.first_due_us
    delays = book.delays.of_first_bill(due)
    accounts, bad = (np.zeros((len(cohorts), len(FPD_DAYS)), np.int64) for _ in range(2))
    worst = delays.worst_between(
        np.arange(len(book)), book.opened.at_us, np.full(len(book), book.known_to_us)
    )
    for nth, days in enumerate(FPD_DAYS):
        seen = (due < FAR) & (due + (days + 1 + settle_days) * DAY <= book.known_to_us)
        accounts[:, nth] = np.bincount(place, seen, len(cohorts))
        bad[:, nth] = np.bincount(place, seen & (worst >= days), len(cohorts))
    return FirstPayments(cohorts, accounts, bad)


def share(part: Int64s, of: Int64s) -> npt.NDArray[np.float64]:
    """Shares, NaN of nothing.

    >>> share(np.array([1, 0]), np.array([4, 0])).tolist()
    [0.25, nan]
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(of > 0, part / of, np.nan)
