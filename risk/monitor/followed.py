"""Decisions followed by their outcomes: which have matured, vintages, roll rates, first payments.

Columns of decisions and outcomes come in, labels and small tables go out. A decision has no label
before its week was looked at past the performance window (`cohorts`), whatever was seen of it: bads
are seen early and goods only at the end, so early bads would lie. Nothing is said of a month that
nobody looked at. Pure arithmetic; months begin in the lender's zone, eight hours before UTC's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from finmodel.certainty import rate_of
from finmodel.drift import FEWEST
from finmodel.outcomes import UNKNOWN, Outcomes
from finmodel.records import Int64s
from risk.labels.delays import DAY
from risk.labels.rule import month_name
from risk.labels.vintages import buckets_of
from risk.labels.words import BUCKET_NAMES, FPD_DAYS
from risk.monitor.cohorts import LEAST_LOOKED, ZONE_US, WholeLog, weeks_of, whole_log
from risk.monitor.looks import ABSENT
from risk.monitor.panels import FirstPaymentRow, VintageRow, Vintages
from risk.monitor.scan import NOWHERE, Decisions

MOST_MOBS: Final = 24
FIRST_DUE_DAYS: Final = 31
"""A first instalment is due within so many days of the decision; outcomes do not tell its day."""
_MONTH_OF_DAY: Final = (
    np.arange(60_000).astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
)
"""To the year 2134."""


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


def follow(
    decisions: Decisions, outcomes: Outcomes, window: Window, log: WholeLog | None = None
) -> Followed:
    """Join outcomes (by application, then time) to the log's last decision on each application.

    `log` is the whole log with these outcomes, of which the decisions may be a part; without it
    they are all of it. A decision after which the log has another one is followed no more, whether
    that one is among these or not.
    """
    if not len(decisions):
        return Followed(np.empty(0, np.int8), np.empty(0, np.int64), Outcomes.none())
    if log is None:
        book = [(decisions.application, decisions.time_us, decisions.place)]
        log = whole_log(book, outcomes, window.days, window.bad_dpd)
    row = np.repeat(
        _last_decisions(decisions, log), np.diff(log.looks.begins, append=len(outcomes))
    )
    since = decisions.time_us[row]
    joined = (row != ABSENT) & (outcomes.observed_us >= since)
    if not joined.all():
        row, since, outcomes = row[joined], since[joined], outcomes.only(joined)
    label = _labels(decisions, (row, since), outcomes, window)
    label[~np.isin(weeks_of(decisions.time_us), log.weeks)] = UNKNOWN
    return Followed(label, row, outcomes)


def _last_decisions(decisions: Decisions, log: WholeLog) -> Int64s:
    """(k,) which of the decisions is the log's last on each application; ABSENT where none is."""
    places = log.looks.places(decisions.application)
    known = np.flatnonzero((places != ABSENT) & (decisions.application != NOWHERE))
    known = known[log.last[places[known]] == decisions.place[known]]
    last = np.full(len(log.looks), ABSENT)
    last[places[known]] = known
    return last


def _labels(
    decisions: Decisions, joined: tuple[Int64s, Int64s], seen: Outcomes, window: Window
) -> npt.NDArray[np.int8]:
    """(n,) labels, were all weeks looked at; `joined` is each outcome's decision and its time."""
    row, since = joined
    length = window.days * DAY
    after = seen.observed_us - since
    # Who is 170 days late at a look 20 days after the window was 150 days late at its end.
    since_end = np.maximum(after - length, 0) // DAY
    late = seen.dpd - since_end >= window.bad_dpd
    bad = np.zeros(len(decisions), bool)
    bad[row[late | (seen.bad == 1)]] = True
    reached = np.zeros(len(decisions), bool)
    reached[row[after >= length]] = True
    label = np.full(len(decisions), UNKNOWN, np.int8)
    over = decisions.time_us <= window.as_of_us - length
    label[over & reached] = 0
    label[over & bad] = 1
    return label


def vintages(decisions: Decisions, followed: Followed, window: Window) -> Vintages:
    """Vintages of months of decision, from the outcomes that tell days past due."""
    told = followed.outcomes.dpd != UNKNOWN
    row, seen = followed.row, followed.outcomes
    if not told.all():
        row, seen = row[told], seen.only(told)
    counts = _roll_counts(row, seen)
    totals = counts.sum(axis=1, keepdims=True)
    return Vintages(
        days=window.bad_dpd,
        rows=_vintage_rows(decisions, row, seen, window),
        buckets=BUCKET_NAMES,
        roll_counts=tuple(tuple(line) for line in counts.tolist()),
        roll_rates=tuple(
            tuple(rate_of(part, total[0], FEWEST) for part in line)
            for line, total in zip(counts.tolist(), totals.tolist(), strict=True)
        ),
        first_payments=_first_payments(decisions, followed),
    )


def months_of(time_us: Int64s) -> Int64s:
    """Months since January 1970, where the lender is.

    >>> months_of(np.array([0, 30 * DAY, 31 * DAY - ZONE_US])).tolist()
    [0, 0, 1]
    """
    # By a table of days: numpy's own way from microseconds to months takes ten times as long.
    found: Int64s = _MONTH_OF_DAY[((time_us + ZONE_US) // DAY).clip(0, len(_MONTH_OF_DAY) - 1)]
    return found


def _vintage_rows(
    decisions: Decisions, row: Int64s, seen: Outcomes, window: Window
) -> tuple[VintageRow, ...]:
    if not len(row):
        return ()
    account, to = _followed_to(decisions, row, seen)
    cohort = months_of(decisions.time_us[account])
    first = int(cohort.min())
    cohorts = int(cohort.max()) - first + 1
    late_at = np.full(len(decisions), MOST_MOBS + 1)
    accounts_late, mob = first_late(decisions, row, seen, window)
    late_at[accounts_late] = mob.clip(max=MOST_MOBS + 1)
    # (cohorts, first late, followed to): who was late and who was looked at, by month on book.
    shape = cohorts, MOST_MOBS + 2, MOST_MOBS + 1
    cell = np.ravel_multi_index((cohort - first, late_at[account], to.clip(max=MOST_MOBS)), shape)
    table = np.bincount(cell, minlength=int(np.prod(shape))).reshape(shape)
    ever, followed, observed = _ever_late(table)
    waiting = table.sum(axis=(1, 2))[:, None] - observed
    enough = (followed > 0) & (followed >= LEAST_LOOKED * (followed + waiting))
    now = int(months_of(np.array([window.as_of_us]))[0])  # a month is over when the next has begun
    mobs = range(min(now - first, MOST_MOBS) + 1)
    return tuple(
        VintageRow(
            month_name(first + c),
            int(table[c].sum()),
            tuple(
                rate_of(int(ever[c, m]), int(observed[c, m]), FEWEST)
                if enough[c, m] and first + c + m < now
                else None
                for m in mobs
            ),
            tuple(followed[c, : len(mobs)].tolist()),
            tuple(observed[c, : len(mobs)].tolist()),
        )
        for c in range(cohorts)
    )


def _ever_late(table: Int64s) -> tuple[Int64s, Int64s, Int64s]:
    """(c, m) how many were late by each month on book, were looked at in it or later, or either.

    Who was late stays so though looks stop: it may have been written off.
    """
    through = table[:, :, ::-1].cumsum(axis=2)[:, :, ::-1]
    followed = through.sum(axis=1)
    ever = table.sum(axis=2).cumsum(axis=1)[:, : followed.shape[1]]
    both = np.diagonal(through.cumsum(axis=1), axis1=1, axis2=2)
    return ever, followed, followed + ever - both


def _followed_to(decisions: Decisions, row: Int64s, seen: Outcomes) -> tuple[Int64s, Int64s]:
    """Places of decisions that were looked at, and the month on book of the last look."""
    last = np.append(_begins(row)[1:], len(row)) - 1 if len(row) else row
    since = months_of(decisions.time_us[row[last]])
    return row[last], months_of(seen.observed_us[last]) - since


def first_late(
    decisions: Decisions, row: Int64s, seen: Outcomes, window: Window
) -> tuple[Int64s, Int64s]:
    """Places of decisions that were ever so late, and the month on book of the first time."""
    late = np.flatnonzero(seen.dpd >= window.bad_dpd)
    # An application's outcomes are in order of time: the first that is late says the month.
    first = late[_begins(row[late])]
    since = months_of(decisions.time_us[row[first]])
    return row[first], months_of(seen.observed_us[first]) - since


def _roll_counts(row: Int64s, seen: Outcomes) -> Int64s:
    """(8, 8) applications from bucket at a month's last look to bucket at the next month's."""
    _, pairs = rolls(row, seen)
    return np.bincount(pairs, minlength=len(BUCKET_NAMES) ** 2).reshape(len(BUCKET_NAMES), -1)


def rolls(row: Int64s, seen: Outcomes) -> tuple[Int64s, Int64s]:
    """Places of decisions and, of each month that another follows, 8 × its bucket + the next's."""
    month = months_of(seen.observed_us)
    last = np.ones(len(row), bool)
    last[:-1] = (row[1:] != row[:-1]) | (month[1:] != month[:-1])
    row, month, dpd = row[last], month[last], seen.dpd[last]
    follows = (row[1:] == row[:-1]) & (month[1:] == month[:-1] + 1)
    bucket = buckets_of(dpd)
    return row[:-1][follows], bucket[:-1][follows] * len(BUCKET_NAMES) + bucket[1:][follows]


def _first_payments(decisions: Decisions, followed: Followed) -> tuple[FirstPaymentRow, ...]:
    told = followed.outcomes.fpd != UNKNOWN
    if not told.any():
        return ()
    months, row = months_of(decisions.time_us), followed.row[told]
    cohort = months[row[_begins(row)]]
    first = int(cohort.min())
    total = np.bincount(cohort - first)
    cells = len(total)
    rates: list[tuple[float | None, ...]] = []
    for days in FPD_DAYS:
        ripe, late = first_payments(decisions, followed, days)
        of = np.bincount(months[ripe] - first, minlength=cells).tolist()
        bad = np.bincount(months[ripe[late]] - first, minlength=cells).tolist()
        rates.append(tuple(map(rate_of, bad, of, [FEWEST] * cells)))
    return tuple(
        FirstPaymentRow(month_name(first + c), count, tuple(one[c] for one in rates))
        for c, count in enumerate(total.tolist())
    )


def first_payments(
    decisions: Decisions, followed: Followed, days: int
) -> tuple[Int64s, npt.NDArray[np.bool_]]:
    """Places of decisions whose first instalment was due `days` ago at a look, and who was late.

    Before that nobody can have been so late, and all would count as good.
    """
    seen = followed.outcomes
    after = seen.observed_us - decisions.time_us[followed.row]
    told = (seen.fpd != UNKNOWN) & (after >= (FIRST_DUE_DAYS + days) * DAY)
    row, fpd = followed.row[told], seen.fpd[told]
    if not len(row):
        return row, np.zeros(0, bool)
    begins = _begins(row)
    return row[begins], np.maximum.reduceat(fpd, begins) >= days


def _begins(groups: Int64s) -> Int64s:
    """Where each run of equal numbers begins; applications are together, though in no order."""
    found: Int64s = np.flatnonzero(np.append(True, groups[1:] != groups[:-1])[: len(groups)])
    return found
