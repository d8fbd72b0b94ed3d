"""Who gets which offer: the plan of the most gain within budget, inventories and capacities.

    plan = allocate(options, limits)
    plan.offer[i], plan.gap, plan.price_of["budget"]

Options and limits come in, a plan goes out that keeps every limit and says how close to the
optimum it is. Pure: it knows no customer, no consent and no log.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from finmodel.records import Float64s, Int64s
from marketing.allocation.dual import prices_of, reachable
from marketing.allocation.dual_kernels import reduced
from marketing.allocation.options import Limits, Options, require_of_use
from marketing.allocation.rounding import settled, uses_of, value_of

CLOSE = 1e-6
"""The part of the bound by which a large plan may miss it; a small one by what is indivisible."""


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """An offer or none for each customer, and what proves it good."""

    offer: Int64s
    """(n,) place of the way: of the offer, where each has one; -1 for none."""
    value: float
    bound: float
    """No plan within the limits gains more (weak duality)."""
    price: Float64s
    """(1 + offers + channels,) gain that one more unit of each limit would bring."""
    used: Float64s
    """Likewise, what the plan uses."""
    names: tuple[str, ...]
    """Likewise: budget, offers, channels."""

    @property
    def gap(self) -> float:
        """How far below the bound the plan is, as a part of the bound; 0 of a bound of 0.

        Where both are sums of the same gains, rounding can put the plan above it by the last bit.

        >>> nothing = np.zeros(1)
        >>> Plan(nothing, 0.1 + 0.2, 0.3, nothing, nothing, ("budget",)).gap
        0.0
        """
        return max((self.bound - self.value) / self.bound, 0.0) if self.bound > 0.0 else 0.0

    @property
    def price_of(self) -> dict[str, float]:
        """Prices by name."""
        return dict(zip(self.names, self.price.tolist(), strict=True))


def allocate(
    options: Options, limits: Limits, close: float = CLOSE, barred: Collection[str] = ()
) -> Plan:
    """The plan; BadInput where the limits allow none.

    BadInput too for an offer that nobody may get, but one of `barred`, as long as there is another.
    """
    require_of_use(options, limits, barred)
    limit = reachable(options, limits)
    found = settled(options, limit, prices_of(options, limit), close)
    used = uses_of(options, found.best)
    assert (used <= limits.together * (1.0 + 1e-12)).all(), "a plan broke a limit"
    names = ("budget", *options.offers, *options.channels)
    return Plan(found.best, value_of(options, found.best), found.bound, found.price, used, names)


def choice_under(
    gain: Float64s,
    cost: Float64s,
    channel: Int64s,
    price: Float64s,
    places: tuple[Int64s, int] | None = None,
) -> tuple[int, Float64s]:
    """One customer's offer (-1 for none) under a plan's prices, and each option's gain after them.

    `places` as `Options.places`, where an offer has several ways.

    >>> choice_under(np.array([3.0, 4.0]), np.ones(2), np.zeros(2, np.int64),
    ...     np.array([1.0, 0.5, 2.0, 0.0]))[0]
    0
    """
    after = np.empty(len(gain))
    if places is None:
        places = np.arange(1, len(gain) + 1), len(gain) + 1
    reduced(after, gain, cost, channel, price, places)
    best = int(np.argmax(after))
    return (best if after[best] > 0.0 else -1), after
