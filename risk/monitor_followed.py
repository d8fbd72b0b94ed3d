"""Decisions followed by their outcomes: which have matured, vintages, roll rates, first payments.

Columns of decisions and outcomes come in, labels and small tables go out. A decision whose
performance window is not over has no label, whatever was seen of it: early bads without early goods
would lie. Pure arithmetic; months begin in the lender's zone, eight hours before UTC's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from finmodel.outcomes import UNKNOWN, Outcomes
from finmodel.records import Int64s
from risk.monitor_panels import FirstPaymentRow, VintageRow, Vintages
from risk.monitor_scan import NOWHERE, Decisions

BUCKETS: Final = ("C", "M1", "M2", "M3", "M4", "M5", "M6", "M7")
"""M1 is 1–30 days past due, M6 151–180, M7 all above."""
_LEAST: Final = np.array([0, 1, 31, 61, 91, 121, 151, 181])
FPD_DAYS: Final = (1, 7, 15, 30)
ZONE_US: Final = 8 * 3_600_000_000
DAY_US: Final = 86_400_000_000
MOST_MOBS: Final = 24


@dataclass(frozen=True, slots=True)
class Window:
    """What counts as bad, and when a decision has matured."""

    as_of_us: int
    days: int = 180
    """Performance window, from the decision on."""
    bad_dpd: int = 30
    """Days past due from which a decision is bad, at any time of its window."""


@dataclass(frozen=True, slots=True, eq=False)
class Followed:
    """n decisions' labels, and k outcomes with the decision that each belongs to."""

    label: npt.NDArray[np.int8]
    """(n,) 1 bad, 0 good, UNKNOWN where it has not matured."""
    row: Int64s
    """(k,) place of its decision, an application's outcomes together and in order of time."""
    outcomes: Outcomes


def follow(decisions: Decisions, outcomes: Outcomes, window: Window) -> Followed:
    """Join outcomes (by application, then time) to the last decision on each application."""
    order = np.argsort(decisions.application, kind="stable")
    ranked = decisions.application[order]
    last = np.append(ranked[1:] != ranked[:-1], True) if len(ranked) else np.empty(0, bool)
    keys, rows = ranked[last], order[last]
    place = np.searchsorted(keys, outcomes.application).clip(max=max(len(keys) - 1, 0))
    if not len(keys):
        return Followed(np.empty(0, np.int8), rows, Outcomes.none())
    row = rows[place]
    joined = keys[place] == outcomes.application
    joined &= (outcomes.application != NOWHERE) & (outcomes.observed_us >= decisions.time_us[row])
    row, seen = row[joined], outcomes.only(joined)
    return Followed(_labels(decisions, row, seen, window), row, seen)


def _labels(
    decisions: Decisions, row: Int64s, seen: Outcomes, window: Window
) -> npt.NDArray[np.int8]:
    ends = decisions.time_us + window.days * DAY_US
    late = (seen.dpd >= window.bad_dpd) & (seen.observed_us <= ends[row])
    bad = np.zeros(len(decisions), bool)
    bad[row[late | (seen.bad == 1)]] = True
    reached = np.zeros(len(decisions), bool)
    reached[row[seen.observed_us >= ends[row]]] = True
    label = np.full(len(decisions), UNKNOWN, np.int8)
    over = ends <= window.as_of_us
    label[over & reached] = 0
    label[over & bad] = 1
    return label


def vintages(decisions: Decisions, followed: Followed, window: Window) -> Vintages:
    """Vintages of months of decision, from the outcomes that tell days past due."""
    told = followed.outcomes.dpd != UNKNOWN
    row, seen = followed.row[told], followed.outcomes.only(told)
    counts = _roll_counts(row, seen)
    totals = counts.sum(axis=1, keepdims=True)
    return Vintages(
        days=window.bad_dpd,
        rows=_vintage_rows(decisions, row, seen, window),
        buckets=BUCKETS,
        roll_counts=tuple(tuple(line) for line in counts.tolist()),
        roll_rates=tuple(
            tuple(_share(part, total[0]) for part in line)
            for line, total in zip(counts.tolist(), totals.tolist(), strict=True)
        ),
        first_payments=_first_payments(decisions, followed),
    )


def months_of(time_us: Int64s) -> Int64s:
    """Months since January 1970, where the lender is.

    >>> months_of(np.array([0, 30 * DAY_US, 31 * DAY_US - ZONE_US])).tolist()
    [0, 0, 1]
    """
    local = (time_us + ZONE_US).astype("datetime64[us]")
    found: Int64s = local.astype("datetime64[M]").astype(np.int64)
    return found


def month_name(month: int) -> str:
    """A month as it is written: month_name(674) is '2026-03'."""
    return f"{1970 + month // 12}-{month % 12 + 1:02d}"


def _vintage_rows(
    decisions: Decisions, row: Int64s, seen: Outcomes, window: Window
) -> tuple[VintageRow, ...]:
    if not len(row):
        return ()
    accounts_of = np.unique(row)
    cohort = months_of(decisions.time_us[accounts_of])
    first, last = int(cohort.min()), int(cohort.max())
    accounts = np.bincount(cohort - first, minlength=last - first + 1)
    late = np.flatnonzero(seen.dpd >= window.bad_dpd)
    # An application's outcomes are in order of time: the first that is late says the month.
    bads, begins = np.unique(row[late], return_index=True)
    since = months_of(decisions.time_us[bads])
    mob = months_of(seen.observed_us[late[begins]]) - since
    table = np.zeros((last - first + 1, MOST_MOBS + 1), np.int64)
    within = mob <= MOST_MOBS
    np.add.at(table, (since[within] - first, mob[within]), 1)
    ever = table.cumsum(axis=1).tolist()
    # A month on book is over when the next one has begun.
    now = int(months_of(np.array([window.as_of_us]))[0])
    return tuple(
        VintageRow(
            month_name(first + c),
            count,
            tuple(
                _share(ever[c][m], count) if first + c + m < now else None
                for m in range(min(now - first, MOST_MOBS) + 1)
            ),
        )
        for c, count in enumerate(accounts.tolist())
    )


def _roll_counts(row: Int64s, seen: Outcomes) -> Int64s:
    """(8, 8) applications from bucket at a month's last look to bucket at the next month's."""
    month = months_of(seen.observed_us)
    last = np.ones(len(row), bool)
    last[:-1] = (row[1:] != row[:-1]) | (month[1:] != month[:-1])
    row, month, dpd = row[last], month[last], seen.dpd[last]
    follows = (row[1:] == row[:-1]) & (month[1:] == month[:-1] + 1)
    bucket = np.searchsorted(_LEAST, dpd, side="right") - 1
    pairs = bucket[:-1][follows] * len(BUCKETS) + bucket[1:][follows]
    return np.bincount(pairs, minlength=len(BUCKETS) ** 2).reshape(len(BUCKETS), -1)


def _first_payments(decisions: Decisions, followed: Followed) -> tuple[FirstPaymentRow, ...]:
    told = followed.outcomes.fpd != UNKNOWN
    if not told.any():
        return ()
    row, fpd = followed.row[told], followed.outcomes.fpd[told]
    # An application's outcomes are together, but decisions are in no order here.
    begins = np.flatnonzero(np.append(True, row[1:] != row[:-1]))
    accounts, worst = row[begins], np.maximum.reduceat(fpd, begins)
    cohort = months_of(decisions.time_us[accounts])
    first = int(cohort.min())
    total = np.bincount(cohort - first)
    bad = [np.bincount(cohort - first, worst >= days, len(total)) for days in FPD_DAYS]
    return tuple(
        FirstPaymentRow(month_name(first + c), count, tuple(_share(part[c], count) for part in bad))
        for c, count in enumerate(total.tolist())
    )


def _share(part: float, of: float) -> float | None:
    return float(part / of) if of else None
