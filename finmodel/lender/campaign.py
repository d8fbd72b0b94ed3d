"""A campaign a cycle: some get an offer, a holdout gets none, and who draws because of it is known.

In come accounts that may draw and each one's chance, out go offers shown and clicked, and the truth
of it: with one number u a customer draws without an offer if u < p₀ and with one if u < p₁, so both
potential outcomes exist. Which arm a customer was in is no event.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from finmodel.lender import population
from finmodel.lender.accounts import Accounts, Flags
from finmodel.lender.calendar import DAY
from finmodel.lender.chance import Purpose, uniform
from finmodel.lender.delivery import Rows
from finmodel.lender.population import Traits
from finmodel.records import Float64s, Int64s

_CHANNELS = np.array([b"app", b"push", b"sms"])
_CHANNELS_CUT = np.array([0.5, 0.85])


@dataclass(frozen=True, slots=True)
class Responses:
    """Of one cycle's campaign; a row for each customer who was eligible."""

    customers: Int64s
    treated: Flags
    without: Float64s
    """p₀: that the customer draws in this cycle with no offer."""
    given: Float64s
    """p₁: with one."""
    drew: Flags
    drawn_at: Int64s
    """When, in Unix seconds; a row for each who drew."""


def offer(book: Accounts, cycle: int, may: Int64s, chance: Float64s, rows: Rows) -> Responses:
    """Show the cycle's offer to seven in ten of those who may draw, and see who draws."""
    keys, who = book.keys[may], _of(book.who, may)
    without, given = population.drawdown(who, book.calendar.month_of_year(cycle))
    treated = uniform(keys, Purpose.TREATMENT, cycle) < population.TREATED
    drew = chance < np.where(treated, given, without)
    first = book.calendar.due(cycle - 1, book.due_day[may]) + 1
    pause = uniform(keys, Purpose.OFFER, 8 * cycle)
    shown = book.at(first, 9) + (pause * 5).astype(np.int64) * DAY
    shown += (pause * 5 % 1 * 12 * 3600).astype(np.int64)
    _tell(book, cycle, (may[treated], shown[treated]), rows)
    # Without the offer a customer would have drawn on any day; because of it, within three.
    when = uniform(keys, Purpose.OFFER, 8 * cycle + 1)
    any_day = book.at(first, 8) + (when * 27).astype(np.int64) * DAY
    any_day += (when * 27 % 1 * 15 * 3600).astype(np.int64)
    because = shown + 600 + (when * 3 * DAY).astype(np.int64)
    drawn_at = np.where(chance < without, any_day, because)[drew]
    return Responses(book.customers[may], treated, without, given, drew, drawn_at)


def _tell(book: Accounts, cycle: int, shown: tuple[Int64s, Int64s], rows: Rows) -> None:
    at, moment = shown
    keys = book.keys[at]
    channel = _CHANNELS[np.searchsorted(_CHANNELS_CUT, uniform(keys, Purpose.OFFER, 8 * cycle + 2))]
    name = f"{book.calendar.month_name(cycle)}-rate-cut".encode()
    fields = {"offer_id": np.full(len(at), name), "channel": channel}
    product = {"product": np.full(len(at), b"cash_loan")}
    number = np.full_like(at, cycle)
    rows.add("marketing.offer_shown.v1", book.customers[at], moment, number, fields | product)
    opened = uniform(keys, Purpose.OFFER, 8 * cycle + 3) < population.click(_of(book.who, at))
    pause = 5 + 20_000 * uniform(keys, Purpose.OFFER, 8 * cycle + 4) ** 3
    rows.add(
        "marketing.offer_clicked.v1",
        book.customers[at][opened],
        (moment + pause.astype(np.int64))[opened],
        number[opened],
        {field: column[opened] for field, column in fields.items()},
    )


def _of(who: Traits, at: Int64s) -> Traits:
    return Traits(
        who.income_stability[at],
        who.debt_pressure[at],
        who.price_sensitivity[at],
        who.engagement[at],
    )
