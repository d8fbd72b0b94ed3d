"""What a campaign would have earned under other policies: everything to everybody, nothing, by lot.

A plan's logged actions with their responses come in, and for each policy its estimates go out.
Customers of the planned lane and of the lane by lot tell; where too little was tried, so it says.
The weights tell too: where chance could have shown all that a policy does, they add up to about as
many as there are customers, and much less where for some it could not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import msgspec
import numpy as np

from finmodel.records import Float64s, Int64s
from marketing.campaign.lanes import Flags
from marketing.outcome.estimate import Estimate, Logged, Modelled, estimate

FEWEST = 30.0
"""Of fewer effective customers an estimate is a guess."""
AMISS = 0.05
"""By this part of them, and two standard errors, the weights may miss the customers."""
NOTHING = "nothing"
"""The one policy that is told by who got no contact: any other without contacts is none."""


@dataclass(frozen=True, slots=True, eq=False)
class Tried:
    """n customers who were not held out, and had a choice."""

    action: Int64s
    """(n,) place of the way; -1 for none."""
    planned: Int64s
    propensity: Float64s
    responded: Float64s
    """(n,) 1 or 0."""
    allowed: Flags
    """(n, p) ways that no rule forbade."""
    expected: Float64s
    """(n, p + 1) response as the models have it: of no offer, then of each way."""


class PolicyValue(msgspec.Struct, frozen=True):
    """A policy's responses a customer, by two estimates."""

    policy: str
    snips: Estimate | None
    """None where the policy has no contact to make, or none that it makes was ever made.

    So too where nothing else that it does was ever done.
    """
    doubly_robust: Estimate | None
    too_few: bool
    """A guess, no estimate: fewer than thirty effective customers, or weights far from all of them.

    So too where there is no estimate at all.
    """


def policy_values(tried: Tried, ways: tuple[str, ...], seed: int = 0) -> tuple[PolicyValue, ...]:
    """The plan, nothing, by lot, and each way for all who may get it.

    `ways` are named as in the plan; who may not get one gets nothing.
    """
    n, p = tried.allowed.shape
    choices = np.zeros((n, p + 1))
    found = []
    for name in ("plan", NOTHING, "by lot", *ways):
        choices[:] = 0.0
        if name == "by lot":
            may = np.concatenate([np.ones((n, 1), bool), tried.allowed], axis=1)
            choices[:] = may / may.sum(axis=1, keepdims=True)
        else:
            choices[np.arange(n), _chosen(tried, ways, name) + 1] = 1.0
        found.append(_value(tried, name, choices, seed))
    return tuple(found)


def _chosen(tried: Tried, ways: tuple[str, ...], name: str) -> Int64s:
    """(n,) place of what a policy chooses of each customer, -1 for none."""
    if name == "plan":
        return tried.planned
    if name == NOTHING:
        return np.full(len(tried.planned), -1)
    place = ways.index(name)
    return np.where(tried.allowed[:, place], place, -1)


def _value(tried: Tried, name: str, choices: Float64s, seed: int) -> PolicyValue:
    rows = np.arange(len(tried.action))
    target = choices[rows, tried.action + 1]
    seen = target if name == NOTHING else target[tried.action >= 0]
    if not seen.any():
        return PolicyValue(name, None, None, True)
    logged = Logged(tried.responded, tried.propensity, target)
    of_taken = tried.expected[rows, tried.action + 1]
    model = Modelled(of_taken, (choices * tried.expected).sum(axis=1))
    snips = estimate(logged, "snips", seed=seed)
    doubly = estimate(logged, "dr", model, seed)
    few = snips.effective < FEWEST or not _covers(float(np.sum(target / tried.propensity)), snips)
    return PolicyValue(name, snips, doubly, few)


def _covers(weight: float, told: Estimate) -> bool:
    """Whether the weights add up to about as many as there are customers.

    Their sum's standard error is about a part 1/√effective of it.
    """
    return abs(weight / told.rows - 1.0) <= max(AMISS, 2.0 / math.sqrt(told.effective))
