"""The accounts of some customers as of one moment: limits, balances, arrears; one row each.

In come customers and a seed, out come who they are, what was decided once, and plain arrays that
the cycle moves on. It moves nothing itself.
"""

from __future__ import annotations

from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from finmodel.lender import population
from finmodel.lender.calendar import DAY, Calendar
from finmodel.lender.chance import Purpose, keys_of, uniform
from finmodel.lender.population import Traits
from finmodel.records import Int64s

Flags: TypeAlias = npt.NDArray[np.bool_]

TERMS: Final = np.array([3, 6, 12])
"""A drawdown is paid back in so many months."""
CLOSED_AFTER: Final = 6
"""An account with so many missed bills is billed no more."""
NEVER: Final = -1


class Accounts:
    """A chunk's accounts; they begin before any application."""

    def __init__(self, seed: int, customers: Int64s, calendar: Calendar) -> None:
        self.customers, self.calendar = customers, calendar
        self.keys = keys_of(seed, customers)
        self.who: Traits = population.traits_of(self.keys)
        self.pay_group = (uniform(self.keys, Purpose.TRAIT, 101) * 4).astype(np.int64)
        self.due_day = population.PAY_DAYS[self.pay_group] + population.DUE_AFTER_PAY
        self.applied_day = calendar.arrival_day(uniform(self.keys, Purpose.ARRIVAL, 0))
        hours = 8 + 15 * uniform(self.keys, Purpose.ARRIVAL, 1)
        self.applied = calendar.begin + self.applied_day * DAY + (hours * 3600).astype(np.int64)
        wait = 60 + 3_480 * uniform(self.keys, Purpose.ARRIVAL, 2)
        self.decided = self.applied + wait.astype(np.int64)
        self.approved = uniform(self.keys, Purpose.ARRIVAL, 3) < population.approval(self.who)
        self.limit = np.where(self.approved, population.limits(self.who, self.keys), 0)
        rate = 1_800 - 200 * self.who.income_stability + 200 * self.who.debt_pressure
        self.apr_bp = np.clip(np.rint(rate / 10).astype(np.int64) * 10, 900, 2_400)
        self._open()

    def _open(self) -> None:
        n = len(self.customers)
        self.schedule = np.zeros((n, int(TERMS[-1]) + 1), np.int64)
        """Principal due in this cycle and the next twelve."""
        self.balance = np.zeros(n, np.int64)
        """Principal that was not billed yet."""
        self.arrears = np.zeros(n, np.int64)
        self.since = np.full(n, NEVER)
        """The day on which the oldest unpaid bill was due."""
        self.missed = np.zeros(n, np.int64)
        self.lates = np.zeros(n, np.int64)
        self.clean = np.ones(n, np.bool_)
        """The last bill was paid in time, or there was none."""
        self.loans = np.zeros(n, np.int64)
        self.first_cycle = np.full(n, NEVER)
        self.first_drawn_day = np.full(n, NEVER)
        self.worst = np.zeros((n, self.calendar.months + 3), np.int64)
        """The highest mark of dpd that was passed in each cycle."""

    @property
    def free(self) -> Int64s:
        """What is left of the limit."""
        return self.limit - self.balance - self.arrears

    def at(self, day: Int64s, hour: float = 0.0) -> Int64s:
        """An hour of a day, in Unix seconds."""
        return self.calendar.begin + day * DAY + round(hour * 3600)
