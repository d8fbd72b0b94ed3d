"""A campaign of any size, with every limit of it binding: drawn, not measured."""

from __future__ import annotations

import numpy as np

from marketing.allocation.options import Limits, Options, options_of

OFFERS = ("rate cut", "coupon", "interest-free days", "instalments", "limit")
CHANNELS = ("sms", "app", "call")
NAMES = (OFFERS, CHANNELS)
VETOED, MINIMUM = 0.2, 0.05
SHARES = np.array([0.3, 0.25, 0.35, 0.3, 0.2])
"""Of each offer's takers, were all free: so many may have it."""
WAYS = np.array([0.25, 0.35, 0.4])


def campaign(customers: int, seed: int = 0) -> tuple[Options, Limits]:
    """Gains and costs of so many customers, and limits that all bind.

    Each contact is one of an offer and one of a channel, so that both bind only where inventories
    and capacities add up to the same; the budget is nine tenths of what they would cost.
    """
    random = np.random.default_rng(seed)
    shape = (customers, len(OFFERS))
    gain = random.gamma(2.0, 0.15, shape) * random.uniform(0.5, 1.5, shape[1])
    cost = random.uniform(0.2, 1.0, shape) * random.uniform(0.5, 1.5, shape[1])
    channel = random.integers(0, len(CHANNELS), shape).astype(np.int8)
    allowed = random.random(shape) >= VETOED
    options = options_of(gain, cost, channel, NAMES, allowed, MINIMUM)
    best = np.argmax(options.gain, axis=1)
    takers = np.bincount(best[np.isfinite(options.gain).any(axis=1)], minlength=shape[1])
    inventory = np.floor(takers * SHARES)
    capacity = np.floor(inventory.sum() * WAYS)
    capacity[0] += inventory.sum() - capacity.sum()
    dear = np.where(np.isfinite(options.gain), options.cost, np.nan)
    mean = np.nanmean(dear, axis=0)
    return options, Limits(0.8 * float(inventory @ mean), inventory, capacity)
