"""Prices while a campaign runs: higher where more is spent than planned by now, lower where less.

The prices that a plan ended with, what is used by now and how much of the campaign is over come in;
prices of now go out, and what customers choose one after another of what is left. Nothing has a
state but the sums of what was used: whoever knows these knows the prices. Pure.

    price = max(0, start + eagerness · value / limit · (used / limit - elapsed))

It is dual averaging (lazy mirror descent on the dual, Balseiro, Lu, Mirrokni 2023): the steps of
every customer so far, each the difference of what was used and what was due, add up to the
difference of what is used and what is due by now. `value / limit` is what a unit earns on average.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np

from finmodel.errors import BadInput
from finmodel.records import Float64s, Int64s
from marketing.allocation.allocate import choice_under
from marketing.allocation.options import Options
from marketing.campaign.lanes import Flags
from marketing.campaign.recipe import CampaignRecipe

EAGERNESS = 3.0
"""A limit that is used one hundredth too fast costs three hundredths of its average worth more."""


@dataclass(frozen=True, slots=True, eq=False)
class Pacing:
    """What a campaign was to use up, and under which prices."""

    start: Float64s
    """(m,) prices that the plan ended with: budget, offers, channels."""
    limits: Float64s
    """(m,) infinity where there is none."""
    value: float
    """What was expected to be gained within them."""
    eagerness: float = EAGERNESS

    def __post_init__(self) -> None:
        if self.start.shape != self.limits.shape or np.isnan(self.limits).any():
            raise BadInput(
                "there is not one price for each limit", where="pacing", remedy="take the plan's"
            )

    def price(self, used: Float64s, elapsed: float) -> Float64s:
        """(m,) prices of now; `elapsed` is the part of the campaign that is over, up to 1.

        >>> pacing = Pacing(np.array([2.0, 0.0]), np.array([100.0, np.inf]), 400.0)
        >>> pacing.price(np.array([51.0, 9.0]), 0.5).tolist()
        [2.12, 0.0]
        >>> pacing.price(np.array([0.0, 9.0]), 0.5).tolist()
        [0.0, 0.0]
        """
        bound = np.isfinite(self.limits) & (self.limits > 0.0)
        limit = np.where(bound, self.limits, 1.0)
        ahead = np.where(bound, used / limit - min(max(elapsed, 0.0), 1.0), 0.0)
        return np.maximum(self.start + self.eagerness * self.value / limit * ahead, 0.0)

    def fits(self, used: Float64s, cost: Float64s, ways: tuple[Int64s, Int64s]) -> Flags:
        """(k,) whether one contact more by each way keeps every limit.

        `cost` is (k,) what each would take of the budget, `ways` the places of its offer and its
        channel among the limits.
        """
        left = self.limits - used
        offer, channel = ways
        found: Flags = (cost <= left[0]) & (left[offer] >= 1.0) & (left[channel] >= 1.0)
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Turn:
    """One customer's choice, at the prices of that moment."""

    best: int
    """Place of the way; -1 for none."""
    spent: bool
    """Whether a way would have been chosen, and of all such ways too little is left."""
    price: Float64s
    """(m,) at which it was chosen."""
    after: Float64s
    """(p,) gain of each way after those prices, whatever is left of it."""


class Pace:
    """Customers one after another: each chooses by what those before have used."""

    def __init__(self, pacing: Pacing, used: Float64s, elapsed: float) -> None:
        """`used` of each limit until now."""
        self._pacing, self._used, self.elapsed = pacing, used.copy(), elapsed

    @property
    def price(self) -> Float64s:
        """(m,) of now."""
        return self._pacing.price(self._used, self.elapsed)

    def turn(self, options: Options, row: int) -> Turn:
        """The best after prices of the ways that fit, of one customer; it uses nothing yet."""
        gain, cost, price = options.gain[row], options.cost[row], self.price
        ways = options.channel[row].astype(np.int64)
        best, after = choice_under(gain, cost, ways, price, options.places)
        fits = self._fits(options, row)
        if best < 0 or fits[best]:
            return Turn(best, False, price, after)
        left = np.where(fits, after, -np.inf)
        next_best = int(np.argmax(left))
        if left[next_best] > 0.0:
            return Turn(next_best, False, price, after)
        return Turn(-1, True, price, after)

    def take(self, options: Options, row: int, way: int) -> None:
        """Use what one customer's way uses; nothing where it does not fit."""
        if not self._fits(options, row)[way]:
            return
        offer, first = options.places
        self._used[0] += options.cost[row, way]
        self._used[offer[way]] += 1.0
        self._used[first + options.channel[row, way]] += 1.0

    def _fits(self, options: Options, row: int) -> Flags:
        offer, first = options.places
        ways = offer, first + options.channel[row].astype(np.int64)
        return self._pacing.fits(self._used, options.cost[row], ways)


def elapsed_of(recipe: CampaignRecipe, now_us: int) -> float:
    """The part of a campaign's days that is over, by its own clocks: 0 before it, 1 after it."""
    zone = ZoneInfo(recipe.zone)
    begins = dt.datetime.combine(recipe.starts, dt.time(), zone).timestamp()
    ends = dt.datetime.combine(recipe.ends + dt.timedelta(1), dt.time(), zone).timestamp()
    return min(max((now_us / 1e6 - begins) / (ends - begins), 0.0), 1.0)
