"""How much a day may be approved by lot, and what is left of it: a share has no memory.

A lane and approvals in order of time come in; whether the lane is open to the next goes out. It
depends on what came before alone, never on the draw at hand, so that a logged propensity is true:
the share while the lane is open to an application, and 0 while it is not. Pure; knows no log.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from finmodel.records import Float64s, Int64s
from risk.policy.file import RandomApprove

DAY_US = 86_400_000_000
EAST_US = 8 * 3_600_000_000
"""Days are Beijing's."""


def day_of(time_us: int) -> int:
    """The day of a time, counted from 1970.

    >>> day_of(0), day_of(16 * 3_600_000_000)
    (0, 1)
    """
    return (time_us + EAST_US) // DAY_US


@dataclass(slots=True)
class LotBudget:
    """What was approved by lot on one day so far."""

    day: int = 0
    count: int = 0
    minor: int = 0

    def open_to(self, lane: RandomApprove, time_us: int, amount: float) -> bool:
        """Whether the day's cap leaves room for one application, should it be drawn.

        >>> lane = RandomApprove(100, "s", 480.0, 500, 2400, most_a_day=2, most_minor_a_day=900)
        >>> budget = LotBudget()
        >>> for amount in (500, 900, 300):
        ...     print(budget.open_to(lane, 0, amount))
        ...     budget.take(lane, 0, min(amount, 400))
        True
        True
        False
        >>> budget.open_to(lane, DAY_US, 900)
        True
        """
        self._begin(time_us)
        if lane.most_a_day is not None and self.count >= lane.most_a_day:
            return False
        most = lane.most_minor_a_day
        return most is None or self.minor + lent(lane, amount) <= most

    def take(self, lane: RandomApprove, time_us: int, amount: float) -> None:
        """Count one that was approved by lot."""
        self._begin(time_us)
        self.count += 1
        self.minor += lent(lane, amount)

    def _begin(self, time_us: int) -> None:
        if (day := day_of(time_us)) != self.day:
            self.day, self.count, self.minor = day, 0, 0


def lent(lane: RandomApprove, amount: float) -> int:
    """What is lent of an amount that is approved by lot."""
    return min(int(amount), lane.limit_minor)


def open_lanes(
    lane: RandomApprove,
    time_us: Int64s,
    amounts: Float64s,
    may: npt.NDArray[np.bool_],
    drawn: npt.NDArray[np.bool_],
) -> npt.NDArray[np.bool_]:
    """(n,) whether the lane was open to each, of rows in the order of time.

    `may` are those whom the lane could take, were there no cap; `drawn` of these, those it would.
    """
    found, budget = np.ones(len(time_us), bool), LotBudget()
    for row in np.flatnonzero(may).tolist():
        when, amount = int(time_us[row]), float(amounts[row])
        found[row] = budget.open_to(lane, when, amount)
        if found[row] and drawn[row]:
            budget.take(lane, when, amount)
    return found
