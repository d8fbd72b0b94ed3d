"""How many days past due an account was, at any instant and at worst between two.

Marks of delay and full repayments come in, stretches of delay go out, and questions about many
accounts are answered at once. Pure arithmetic: microseconds since 1970, days as whole numbers;
knows no month, no rule and no file.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from finmodel.records import Int64s

DAY = 86_400_000_000
FAR = 2**62
"""Later than anything."""


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """n things told of accounts."""

    account: Int64s
    """Places of the accounts in their book."""
    at_us: Int64s
    """When it happened."""
    known_us: Int64s
    """When the lender knew."""

    def __len__(self) -> int:
        return len(self.account)

    def only(self, kept: npt.NDArray[np.bool_]) -> Told:
        """Some of them."""
        return Told(self.account[kept], self.at_us[kept], self.known_us[kept])


@dataclass(frozen=True, slots=True, eq=False)
class Delays:
    """Stretches of delay, an account's together and in order of time."""

    account: Int64s
    begin_us: Int64s
    end_us: Int64s
    """When the next mark was passed or all was paid; `FAR` where neither is known."""
    days: Int64s
    """Past due at the beginning."""
    daily: bool = True
    """Days go on growing within a stretch; of snapshots, nothing is known between two."""

    def worst_between(self, account: Int64s, begin_us: Int64s, end_us: Int64s) -> Int64s:
        """(n,) most days past due of each account in [begin, end); 0 where it was never late.

        >>> late = Delays(*map(np.array, ([0], [10 * DAY], [15 * DAY], [1])))
        >>> late.worst_between(np.array([0, 0, 1]), np.array([0, 0, 0]),
        ...     np.array([10, 20, 20]) * DAY).tolist()
        [0, 5, 0]
        """
        row, stretch = self._met(account)
        begin, end = self.begin_us[stretch], self.end_us[stretch]
        until = np.minimum(end, end_us[row]) - 1
        met = (begin < end_us[row]) & (end > begin_us[row])
        grown = (until - begin) // DAY if self.daily else 0
        worst = np.zeros(len(account), np.int64)
        np.maximum.at(worst, row[met], (self.days[stretch] + grown)[met])
        return worst

    def at(self, account: Int64s, at_us: Int64s) -> Int64s:
        """(n,) days past due of each account at an instant."""
        return self.worst_between(account, at_us, at_us + 1)

    def of_first_bill(self, first_due_us: Int64s) -> Delays:
        """Only those in which an account's first bill was not paid; (accounts,) when it was due."""
        oldest_due = self.begin_us - self.days * DAY
        kept = oldest_due <= first_due_us[self.account]
        return replace(
            self,
            account=self.account[kept],
            begin_us=self.begin_us[kept],
            end_us=self.end_us[kept],
            days=self.days[kept],
        )

    def _met(self, account: Int64s) -> tuple[Int64s, Int64s]:
        """Pairs of (row, stretch) of the same account."""
        first = np.searchsorted(self.account, account, side="left")
        counts = np.searchsorted(self.account, account, side="right") - first
        row = np.repeat(np.arange(len(account)), counts)
        within = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
        return row, np.repeat(first, counts) + within


def delays_of(marks: Told, days: Int64s, cleared: Told) -> Delays:
    """Delays as they were, by when things happened.

    A mark says how many days past due an account is; a repayment in full ends its delay.
    """
    everything = _joined(marks, cleared)
    return _stretches(everything, _with_none(days, len(cleared)), everything.at_us)


def delays_as_known(marks: Told, days: Int64s, cleared: Told) -> Delays:
    """Delays as the lender knew them: each thing counts from when it was known.

    News that is older than what was known already changes nothing.
    """
    told, days = _joined(marks, cleared), _with_none(days, len(cleared))
    happened = np.empty(len(told), np.int64)
    happened[np.lexsort((told.at_us, told.account))] = np.arange(len(told))
    learnt = np.lexsort((told.at_us, told.known_us, told.account))
    newest = happened[learnt] == np.maximum.accumulate(happened[learnt])
    kept = np.zeros(len(told), np.bool_)
    kept[learnt[newest]] = True
    # A mark that is known late says how late the account was when it was passed.
    stale_days = (told.known_us - told.at_us) // DAY
    days = np.where(days > 0, days + stale_days, 0)
    return _stretches(told.only(kept), days[kept], told.known_us[kept])


def snapshots_of(seen: Told, days: Int64s) -> Delays:
    """Delays of an account that was looked at now and then, such as at each month's end."""
    return replace(_stretches(seen, days, seen.at_us), daily=False)


def _joined(marks: Told, cleared: Told) -> Told:
    pairs = zip(_columns(marks), _columns(cleared), strict=True)
    return Told(*(np.concatenate(pair) for pair in pairs))


def _columns(told: Told) -> tuple[Int64s, Int64s, Int64s]:
    return told.account, told.at_us, told.known_us


def _with_none(days: Int64s, cleared: int) -> Int64s:
    return np.concatenate([days, np.zeros(cleared, np.int64)])


def _stretches(told: Told, days: Int64s, at_us: Int64s) -> Delays:
    """Each lasts until the account's next news; of those at one instant, a repayment is last."""
    order = np.lexsort((-days, at_us, told.account))
    account, at_us, days = told.account[order], at_us[order], days[order]
    end = np.full(len(order), FAR)
    same = account[1:] == account[:-1]
    end[:-1][same] = at_us[1:][same]
    late = days > 0
    return Delays(account[late], at_us[late], end[late], days[late])
