"""What a simulated customer does in the app: logins and page views, day by day.

In come who they are and a span of days, out go rows. The rates stand in `population.py`; a weekend
is quieter, the wage's day is louder, and a few customers do most of it. It knows no loan.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from finmodel.lender import population
from finmodel.lender.calendar import DAY, Calendar
from finmodel.lender.chance import Keys, Purpose, uniform
from finmodel.lender.delivery import Rows
from finmodel.lender.population import Traits
from finmodel.records import Float64s, Int64s

MOST_LOGINS: Final = 20
MOST_PAGES: Final = 7
LOGIN, PAGE = "app.login.v1", "app.page_view.v1"
_CHANNELS = np.array([b"app", b"mini_program", b"web"])
_PAGES = np.array([b"home", b"loan", b"repay", b"offers", b"help", b"limit"])
_PAGES_CUT = np.array([0.4, 0.6, 0.8, 0.92])
_WAKING = (7, 23)


@dataclass(frozen=True, slots=True)
class Visitors:
    """Customers as the app sees them; one row a customer."""

    customers: Int64s
    keys: Keys
    who: Traits
    pay_group: Int64s
    """Which of the pay days is theirs."""
    installed_day: Int64s
    declined_day: Int64s
    """From when they hardly come any more; the simulation's end where never."""


def visit(some: Visitors, calendar: Calendar, days: tuple[int, int], rows: Rows) -> None:
    """All logins and page views of customers in days [first, end)."""
    if not rows.wants(LOGIN, PAGE) or days[0] >= days[1]:
        return
    span = np.arange(*days)
    rate = population.login_rate(some.who)[:, None] * _rhythm(calendar, span)[some.pay_group]
    rate = np.where(span >= some.declined_day[:, None], rate * population.AFTER_DECLINE, rate)
    chance = uniform(some.keys[:, None], Purpose.LOGIN, span)
    count = np.minimum((rate + chance).astype(np.int64), MOST_LOGINS)
    count *= span >= some.installed_day[:, None]
    row, column = np.nonzero(count)
    times = count[row, column]
    row, day = np.repeat(row, times), np.repeat(span[column], times)
    number = day * 32 + _within(times)
    moment = calendar.begin + day * DAY + _second_of_day(some, row, number)
    succeeded = uniform(some.keys[row], Purpose.SESSION, number * 4 + 3) > 0.03
    device = uniform(some.keys, Purpose.TRAIT, 102)[row]
    channel = _CHANNELS[np.searchsorted(np.array([0.75, 0.95]), device)]
    status = np.where(succeeded, b"success", b"failure")
    rows.add(LOGIN, some.customers[row], moment, number, {"channel": channel, "status": status})
    if rows.wants(PAGE):
        _browse(some, row[succeeded], moment[succeeded], number[succeeded], rows)


def _browse(some: Visitors, row: Int64s, moment: Int64s, number: Int64s, rows: Rows) -> None:
    """The pages of sessions: one and on, each next with 0.55."""
    more = np.log(uniform(some.keys[row], Purpose.SESSION, number * 4 + 2)) / np.log(0.55)
    pages = np.minimum(1 + more.astype(np.int64), MOST_PAGES)
    row, moment, number = (np.repeat(a, pages) for a in (row, moment, number))
    nth = _within(pages)
    number = number * 8 + nth
    keys = some.keys[row]
    which = uniform(keys, Purpose.PAGE, number * 2)
    at_limit = population.limit_page(some.who)[row]
    rest = (which - at_limit) / (1 - at_limit)
    page = np.where(rest < 0, 5, np.searchsorted(_PAGES_CUT, rest))
    dwell = uniform(keys, Purpose.PAGE, number * 2 + 1)
    fields = {
        "page": _PAGES[page],
        "dwell_ms": (-12_000 * np.log(dwell)).astype(np.int64),
    }
    shown = moment + 4 + 30 * nth + (dwell * 25).astype(np.int64)
    rows.add(PAGE, some.customers[row], shown, number, fields)


def _rhythm(calendar: Calendar, span: Int64s) -> Float64s:
    """How busy a day is for those of each pay day: (pay days, days)."""
    of_month = calendar.day_of_month(span)
    since_pay = of_month[None, :] - population.PAY_DAYS[:, None]
    loud = np.where((since_pay == 0) | (since_pay == 1), population.PAY_DAY, 1.0)
    rhythm: Float64s = loud * population.WEEK[calendar.weekday(span)]
    return rhythm


def _second_of_day(some: Visitors, row: Int64s, number: Int64s) -> Int64s:
    keys = some.keys[row]
    first = uniform(keys, Purpose.SESSION, number * 4)
    second = uniform(keys, Purpose.SESSION, number * 4 + 1)
    at_night = population.night(some.who)[row]
    low, high = _WAKING
    waking = (low + (high - low) * (first + second) / 2) * 3600
    return np.where(second < at_night, first * 5 * 3600, waking).astype(np.int64)


def _within(counts: npt.NDArray[np.int64]) -> Int64s:
    """0, 1, … within each group of so many.

    >>> _within(np.array([2, 1, 3])).tolist()
    [0, 1, 0, 0, 1, 2]
    """
    ends = np.cumsum(counts)
    return np.arange(int(counts.sum())) - np.repeat(ends - counts, counts)
