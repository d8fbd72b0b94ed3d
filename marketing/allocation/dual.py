"""Prices of budget, inventories and channels, under which everybody may choose for themselves.

Options and limits come in; prices go out, and the bound that no plan can beat. The bound holds for
any prices of 0 or more (weak duality), so a plan's distance from it proves the plan.

The dual of the multiple-choice knapsack is minimised smoothly: a soft maximum at temperature tau is
twice differentiable, a projected Newton step costs one pass over the customers, and tau falls from
a third of a mean gain to a thousandth. Most steps are made on a sample.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from finmodel.records import Float64s, Int64s
from marketing.allocation.dual_kernels import choose, soft_uses
from marketing.allocation.options import Limits, Options

SAMPLE = 50_000
WARM, SHARP = (0.3, 0.1, 0.03, 0.01), (0.01, 0.001)
"""Temperatures, as parts of a mean gain: on the sample, then on everybody."""
STEPS = 30
STOP = 1e-9
"""A Newton step that promises less than this part of the value is the last."""
DAMPING = 1e-4
"""Contacts by offer and by channel add up to the same, so the Hessian alone is singular."""
THREADS = 2
T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class Choices:
    """What everybody chooses under prices."""

    best: Int64s
    """(n,) place of the offer; -1 for none."""
    margin: Float64s
    """(n,) by how much it is better than the next."""
    bound: float
    """What no plan within the limits can gain more than."""


@dataclass(frozen=True, slots=True, eq=False)
class _Point:
    """The smoothed dual at some prices."""

    price: Float64s
    value: float
    slope: Float64s
    curve: Float64s


def reachable(options: Options, limits: Limits) -> Float64s:
    """(m,) limits, none above what could be used at all, so that none is infinite."""
    allowed = np.isfinite(options.gain)
    dearest = float(np.where(allowed, options.cost, 0.0).max(axis=1, initial=0.0).sum())
    most = np.full(len(limits.together), float(len(options)))
    most[0] = dearest
    within: Float64s = np.minimum(limits.together, most)
    return within


def prices_of(options: Options, limit: Float64s) -> Float64s:
    """(m,) prices near the dual's optimum, for limits as `reachable` gives them."""
    scale = float(options.gain[np.isfinite(options.gain)].mean())
    price = np.zeros(len(limit))
    stride = len(options) // SAMPLE
    if stride > 1:
        part = options.only(slice(None, None, stride))
        share = limit * (len(part) / len(options))
        for tau in WARM:
            price = _settled(part, share, price, tau * scale)
        return _sharpened(options, limit, price, scale, SHARP)
    return _sharpened(options, limit, price, scale, WARM + SHARP[1:])


def choices(options: Options, limit: Float64s, price: Float64s) -> Choices:
    """Everybody's best option under prices, and the bound that the prices prove."""
    best, margin = np.empty(len(options), np.int64), np.empty(len(options))

    def of(rows: slice) -> float:
        found = best[rows], margin[rows]
        columns = options.gain[rows], options.cost[rows], options.channel[rows]
        return choose(*columns, price, options.places, found)

    gained = sum(_by_parts(len(options), of))
    return Choices(best, margin, float(gained + price @ limit))


def _sharpened(
    options: Options, limit: Float64s, price: Float64s, scale: float, taus: tuple[float, ...]
) -> Float64s:
    for tau in taus:
        price = _settled(options, limit, price, tau * scale)
    return price


def _settled(options: Options, limit: Float64s, price: Float64s, tau: float) -> Float64s:
    """Projected Newton steps until they promise nothing more."""
    at = _smooth(options, limit, price, tau)
    for _ in range(STEPS):
        free = (at.price > 0.0) | (at.slope < 0.0)
        if not free.any():
            return at.price
        curve = at.curve[np.ix_(free, free)]
        damped = curve + np.eye(len(curve)) * (DAMPING * np.trace(curve) / len(curve) + 1e-300)
        step = np.zeros_like(price)
        step[free] = -np.linalg.lstsq(damped, at.slope[free], rcond=None)[0]
        if -(at.slope @ step) < STOP * at.value:
            return at.price
        following = _along(options, limit, at, step, tau)
        if following is None:
            return at.price
        at = following
    return at.price


def _along(
    options: Options, limit: Float64s, at: _Point, step: Float64s, tau: float
) -> _Point | None:
    """The first point on the way that is lower enough (Armijo); None where there is none."""
    for halved in range(14):
        price = np.maximum(at.price + step / 2.0**halved, 0.0)
        found = _smooth(options, limit, price, tau)
        if found.value <= at.value + 1e-4 * (at.slope @ (price - at.price)):
            return found
    return None


def _smooth(options: Options, limit: Float64s, price: Float64s, tau: float) -> _Point:
    m = len(price)

    def of(rows: slice) -> tuple[float, Float64s, Float64s]:
        uses, spread = np.zeros(m), np.zeros((m, m))
        columns = options.gain[rows], options.cost[rows], options.channel[rows]
        value = soft_uses(*columns, price, tau, (options.places, uses, spread))
        return value, uses, spread

    values, uses, spreads = zip(*_by_parts(len(options), of), strict=True)
    upper = np.sum(spreads, axis=0)
    curve = (upper + np.triu(upper, 1).T) / tau
    return _Point(price, sum(values) + float(price @ limit), limit - np.sum(uses, axis=0), curve)


def _by_parts(rows: int, work: Callable[[slice], T]) -> list[T]:
    edges = np.linspace(0, rows, THREADS + 1).astype(np.int64).tolist()
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(work, map(slice, edges[:-1], edges[1:])))
