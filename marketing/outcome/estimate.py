"""What another policy would have earned, from what was done and with which probability.

Rewards of logged actions, their propensities and the other policy's probability of the same actions
come in; an estimate with its 95 % interval and its effective sample size goes out. Pure.

    w = target / propensity                 of the action that was taken
    ips     mean(w · r)                     Horvitz, Thompson (1952)
    snips   sum(w · r) / sum(w)             Swaminathan, Joachims (NeurIPS 2015)
    dr      mean(q̄ + w · (r - q))           Dudík, Langford, Li (ICML 2011)

q is a model's reward of the action taken, q̄ of the other policy's actions, weighted by their
probabilities. The doubly robust estimate is right where either q or the propensities are.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, TypeAlias, get_args

import msgspec
import numpy as np

from finmodel.errors import BadInput
from finmodel.records import Float64s

Method = Literal["ips", "snips", "dr"]
METHODS: tuple[str, ...] = get_args(Method)
GROUPS, DRAWS = 2_000, 1_000
"""Customers are drawn again in groups of like size where they are more: a group is as good a draw
as a customer, and a million customers take no longer than two thousand."""
Sums: TypeAlias = tuple[Float64s, Float64s]


@dataclass(frozen=True, slots=True, eq=False)
class Logged:
    """n actions that were taken, and what the other policy would do."""

    reward: Float64s
    propensity: Float64s
    """(n,) of the action that was taken, above 0."""
    target: Float64s
    """(n,) the other policy's probability of the same action."""

    def __post_init__(self) -> None:
        sizes = {len(self.reward), len(self.propensity), len(self.target)}
        if len(sizes) != 1 or not len(self.reward):
            raise _bad("rewards, propensities and targets are not as many", "give one of each row")
        unknown = int((~(self.propensity > 0.0) | (self.propensity > 1.0)).sum())
        if unknown:
            what = f"the propensity of {unknown:,} of {len(self.reward):,} actions is 0 or missing"
            raise _bad(what, "log it when an action is taken: without it nothing can be said")
        if np.isnan(self.reward).any() or not ((self.target >= 0) & (self.target <= 1)).all():
            raise _bad("a reward is missing, or a target is no probability", "leave such rows out")


@dataclass(frozen=True, slots=True, eq=False)
class Modelled:
    """What a model expects, for the doubly robust estimate."""

    taken: Float64s
    """(n,) reward of the action that was taken."""
    target: Float64s
    """(n,) reward under the other policy."""


class Estimate(msgspec.Struct, frozen=True):
    """What the other policy would have earned, a customer."""

    method: str
    value: float
    low: float
    high: float
    """Ends of the 95 % percentile interval (bootstrap)."""
    effective: float
    """(Σw)² / Σw²: as many customers of the other policy's own would tell as much (Kish 1965)."""
    rows: int


def estimate(
    logged: Logged,
    method: Method = "snips",
    model: Modelled | None = None,
    seed: int = 0,
    draws: int = DRAWS,
) -> Estimate:
    """The estimate; BadInput where nothing that was done is what the other policy does.

    >>> seen = Logged(np.array([1.0, 0.0, 1.0, 0.0]), np.array([0.5, 0.5, 0.25, 0.25]),
    ...     np.array([1.0, 1.0, 0.0, 1.0]))
    >>> round(estimate(seen, "ips").value, 4), round(estimate(seen, "snips").value, 4)
    (0.5, 0.25)
    """
    weight = logged.target / logged.propensity
    if not weight.any():
        what = "the other policy never does what was done, so nothing is known of it"
        raise _bad(what, "explore what it would do")
    over, under = _sums(logged, weight, method, model)
    low, high = _interval(over, under, seed, draws)
    return Estimate(
        method=method,
        value=float(over.sum() / under.sum()),
        low=low,
        high=high,
        effective=float(weight.sum() ** 2 / (weight**2).sum()),
        rows=len(weight),
    )


def _sums(logged: Logged, weight: Float64s, method: Method, model: Modelled | None) -> Sums:
    """(n,) parts above and below the line: the value is the one's sum over the other's."""
    ones = np.ones(len(weight))
    if method == "ips":
        return weight * logged.reward, ones
    if method == "snips":
        return weight * logged.reward, weight
    if method != "dr":
        raise _bad(f"{method!r} is no estimate", f"choose of {', '.join(METHODS)}")
    if model is None:
        what = "the doubly robust estimate needs a model"
        raise _bad(what, "give what it expects, or take snips")
    return model.target + weight * (logged.reward - model.taken), ones


def _interval(over: Float64s, under: Float64s, seed: int, draws: int) -> tuple[float, float]:
    """Percentiles over customers drawn anew, by groups of them where they are many."""
    random = np.random.default_rng(seed)
    groups = min(len(over), GROUPS)
    group = random.permutation(len(over)) % groups
    parts = np.stack([np.bincount(group, one, groups) for one in (over, under)], axis=1)
    drawn = _times(groups, draws, seed) @ parts
    with np.errstate(divide="ignore", invalid="ignore"):
        values = drawn[:, 0] / drawn[:, 1]
    ends = np.nanpercentile(values, [2.5, 97.5])
    return float(ends[0]), float(ends[1])


@lru_cache(maxsize=2)
def _times(groups: int, draws: int, seed: int) -> Float64s:
    """(draws, groups) how often each draw has each group; kept, for a report asks many times."""
    random = np.random.default_rng([seed, 1])
    told: Float64s = random.multinomial(groups, np.full(groups, 1.0 / groups), draws).astype(float)
    return told


def _bad(what: str, remedy: str) -> BadInput:
    return BadInput(what, where="another policy's value", remedy=remedy)
