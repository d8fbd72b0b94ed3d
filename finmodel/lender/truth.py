"""What a simulated lender knows and no event tells: traits, defaults by cohort, effects of offers.

In come accounts that were lived to the end and their campaigns, out come arrays for evaluation
only. A default is a mark of `bad_dpd` within the performance window, counted in cycles (mob) from
the first drawdown; whose window is not over is not matured.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from finmodel.lender.accounts import NEVER, Accounts, Flags
from finmodel.lender.calendar import Calendar
from finmodel.lender.campaign import Responses
from finmodel.lender.population import Traits
from finmodel.records import Float64s, Int64s


@dataclass(frozen=True, slots=True)
class Campaigns:
    """A row for each customer and campaign that is over; `treated` was drawn at random."""

    customer_id: Int64s
    cycle: Int64s
    treated: Flags
    drew: Flags
    without: Float64s
    """The true probability of a drawdown in the cycle with no offer."""
    given: Float64s
    """The same with one; the difference is the customer's true uplift."""


@dataclass(frozen=True, slots=True)
class Truth:
    """One row a customer; `campaigns` has its own rows."""

    customer_id: Int64s
    traits: Traits
    approved: Flags
    cohort: npt.NDArray[np.datetime64]
    """The month of the first drawdown; NaT where there was none."""
    dpd_by_mob: Int64s
    """(customers, performance months): the highest mark passed in the 1st, 2nd … month on book."""
    matured: Flags
    """The performance window ended within the simulated days."""
    default: Flags
    campaigns: Campaigns

    def by_cohort(self) -> tuple[npt.NDArray[np.datetime64], Int64s, Float64s]:
        """Months, how many of each have matured, and their share of defaults."""
        months, which = np.unique(self.cohort[self.matured], return_inverse=True)
        matured = np.bincount(which, minlength=len(months))
        bad = np.bincount(which, self.default[self.matured], len(months))
        return months, matured, bad / np.maximum(matured, 1)


def truth_of(
    calendar: Calendar,
    books: list[Accounts],
    told: list[tuple[int, Responses]],
    performance_months: int,
    bad_dpd: int,
) -> Truth:
    """The truth of accounts that were lived to the end."""
    first = _joined(books, lambda book: book.first_cycle)
    drawn_day = _joined(books, lambda book: book.first_drawn_day)
    due_day = _joined(books, lambda book: book.due_day)
    worst = np.concatenate([book.worst for book in books])
    cycles = first[:, None] + np.arange(1, performance_months + 1)
    within = (first[:, None] != NEVER) & (cycles < worst.shape[1])
    by_mob = np.take_along_axis(worst, np.where(within, cycles, 0), axis=1) * within
    ends = [calendar.due(cycle, due_day) for cycle in range(calendar.months + 1)]
    over = np.stack(ends, axis=1) < calendar.days
    last = first + performance_months
    seen = np.take_along_axis(over, np.minimum(last, calendar.months)[:, None], axis=1)[:, 0]
    drew = (first != NEVER) & (drawn_day < calendar.days)
    matured = drew & (last <= calendar.months) & seen
    months = (np.datetime64(calendar.start, "D") + drawn_day).astype("M8[M]")
    return Truth(
        customer_id=_joined(books, lambda book: book.customers),
        traits=Traits(
            *(
                np.concatenate([getattr(book.who, name) for book in books])
                for name in Traits.__slots__
            )
        ),
        approved=np.concatenate([book.approved for book in books]),
        cohort=np.where(drew, months, np.datetime64("NaT", "M")),
        dpd_by_mob=by_mob,
        matured=matured,
        default=matured & (by_mob >= bad_dpd).any(axis=1),
        campaigns=_campaigns(told, over),
    )


def _campaigns(told: list[tuple[int, Responses]], over: Flags) -> Campaigns:
    counts = [len(part.customers) for _, part in told]
    cycle = np.repeat(np.array([cycle for cycle, _ in told]), counts)
    customer = np.concatenate([part.customers for _, part in told])
    seen = over[customer - 1, cycle]
    return Campaigns(
        customer_id=customer[seen],
        cycle=cycle[seen],
        treated=np.concatenate([part.treated for _, part in told])[seen],
        drew=np.concatenate([part.drew for _, part in told])[seen],
        without=np.concatenate([part.without for _, part in told])[seen],
        given=np.concatenate([part.given for _, part in told])[seen],
    )


def _joined(books: list[Accounts], column: Callable[[Accounts], Int64s]) -> Int64s:
    return np.concatenate([column(book) for book in books])
