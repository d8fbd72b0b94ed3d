"""Compiled passes over customers under given prices: soft choices with their spread, and hard ones.

Options and prices as arrays come in; uses of each limit are added to what is given. A price is paid
for each unit that an option uses: its cost of the budget, one of its offer, one of its channel.
Nothing here checks an index: `Options` has.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from finmodel.lanes import compiled, lent
from finmodel.records import Float64s


@lent
def reduced(
    row: Any, gain: Float64s, cost: Float64s, channel: Any, price: Float64s, places: Any
) -> None:
    """Into `row` what each option of one customer gains after its prices.

    `places` are (k,) those of the options' offers among the prices, and where the channels' begin.
    """
    offer, first = places
    for j in range(gain.shape[0]):
        row[j] = gain[j] - price[0] * cost[j] - price[offer[j]] - price[first + channel[j]]


@compiled
def soft_uses(
    gain: Float64s, cost: Float64s, channel: Any, price: Float64s, tau: float, given: Any
) -> float:
    """Sum of tau·log(1 + Σ exp(reduced / tau)); its gradient and Hessian × tau are added to sums.

    `given` are the places, and the sums: (m,) uses and (m, m), of which the upper half is filled.
    """
    scratch = np.empty(gain.shape[1]), np.empty(price.shape[0])
    return soft_each((gain, cost, channel), price, tau, given, scratch)


@lent
def soft_each(options: Any, price: Float64s, tau: float, given: Any, scratch: Any) -> float:
    """The loop of `soft_uses`."""
    (gain, cost, channel), (places, uses, spread), (row, mean) = options, given, scratch
    (offer, first), offers = places, gain.shape[1]
    total = 0.0
    for i in range(gain.shape[0]):
        reduced(row, gain[i], cost[i], channel[i], price, places)
        top = 0.0
        for j in range(offers):
            top = max(top, row[j])
        norm = np.exp(-top / tau)
        for j in range(offers):
            row[j] = np.exp((row[j] - top) / tau)
            norm += row[j]
        total += top + tau * np.log(norm)
        mean[:] = 0.0
        for j in range(offers):
            both = offer[j], first + channel[i, j]
            add_option(row[j] / norm, cost[i, j], both, mean, spread)
        take_mean(mean, uses, spread)
    return total


@lent
def add_option(p: Any, spent: Any, places: Any, mean: Float64s, spread: Float64s) -> None:
    """Add an option's expected uses, and the expected products of its uses."""
    if p < 1e-12:
        return
    offer, way = places
    mean[0] += p * spent
    mean[offer] += p
    mean[way] += p
    spread[0, 0] += p * spent * spent
    spread[0, offer] += p * spent
    spread[0, way] += p * spent
    spread[offer, offer] += p
    spread[offer, way] += p
    spread[way, way] += p


@lent
def take_mean(mean: Float64s, uses: Float64s, spread: Float64s) -> None:
    """Add one customer's mean uses, and take their products from the spread."""
    for x in range(mean.shape[0]):
        if mean[x] == 0.0:
            continue
        uses[x] += mean[x]
        for y in range(x, mean.shape[0]):
            spread[x, y] -= mean[x] * mean[y]


@compiled
def choose(
    gain: Float64s, cost: Float64s, channel: Any, price: Float64s, places: Any, found: Any
) -> float:
    """Each customer's best option, -1 for none, and by how much it is better; the sum of gains.

    Into `found`, (n,) each.
    """
    best, margin = found
    n, offers = gain.shape
    row = np.empty(offers)
    total = 0.0
    for i in range(n):
        reduced(row, gain[i], cost[i], channel[i], price, places)
        top, second, place = 0.0, -np.inf, -1
        for j in range(offers):
            if row[j] > top:
                second, top, place = top, row[j], j
            elif row[j] > second:
                second = row[j]
        best[i], margin[i] = place, top - second
        total += top
    return total
