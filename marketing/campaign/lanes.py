"""Who is held out, who gets something by lot, and with what probability each action was taken.

Customers' ids and words to key them by come in, lanes, lots and propensities go out. Nothing has a
state: the same customer under the same words always draws the same number, in every process, so a
holdout stays one over all campaigns with its salt. SplitMix64 under a SHA-256 of the words.
"""

from __future__ import annotations

from enum import IntEnum
from hashlib import sha256
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from finmodel.lender.chance import fraction, mix
from finmodel.records import Float64s, Int64s
from marketing.campaign.recipe import CampaignRecipe

Flags: TypeAlias = npt.NDArray[np.bool_]
Lanes: TypeAlias = npt.NDArray[np.int8]
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


class Lane(IntEnum):
    """How a customer's action was chosen."""

    HOLDOUT = 0
    """Nothing, whatever the plan would have chosen."""
    EXPLORE = 1
    """By lot among what is allowed, and nothing."""
    PLAN = 2
    """By the plan."""
    UNIFORM = 3
    """Not personalised: what everybody of this lane gets."""


def turn_of(customers: Int64s, *words: str) -> Float64s:
    """(n,) each customer's number in (0, 1) under some words.

    >>> ids = np.array([1, 2, 3])
    >>> bool((turn_of(ids, "holdout", "a")[1:] == turn_of(ids[1:], "holdout", "a")).all())
    True
    >>> bool((turn_of(ids, "holdout", "a") == turn_of(ids, "holdout", "b")).any())
    False
    """
    told = sha256("\0".join(words).encode()).digest()
    first, second = (np.uint64(int.from_bytes(told[at : at + 8], "big")) for at in (0, 8))
    mixed = mix(customers.astype(np.uint64) * _GOLDEN ^ first)
    return fraction(mix(mixed ^ second))


def lanes_of(recipe: CampaignRecipe, customers: Int64s, personalised: Flags) -> Lanes:
    """(n,) the `Lane` of each customer.

    The holdout depends on its salt alone; the lane by lot also on the campaign's name, so that
    it is not the same people each time.
    """
    assert recipe.holdout is not None  # a recipe without one was refused
    salt = recipe.holdout.salt
    lanes = np.full(len(customers), Lane.PLAN, np.int8)
    lanes[turn_of(customers, "explore", salt, recipe.name) < recipe.explore.share] = Lane.EXPLORE
    lanes[~personalised] = Lane.UNIFORM
    lanes[turn_of(customers, "holdout", salt) < recipe.holdout.share] = Lane.HOLDOUT
    return lanes


def drawn(customers: Int64s, allowed: Flags, *words: str) -> Int64s:
    """(n,) place of an allowed action of each, or -1 for none: all of them equally likely.

    >>> drawn(np.arange(4), np.zeros((4, 2), bool), "spring", "1").tolist()
    [-1, -1, -1, -1]
    """
    ways = allowed.sum(axis=1)
    wanted = (turn_of(customers, "lot", *words) * (ways + 1)).astype(np.int64)  # 0 stands for none
    hit = allowed & (np.cumsum(allowed, axis=1) == wanted[:, None])
    return np.where(wanted > 0, np.argmax(hit, axis=1), -1)


def propensities(action: Int64s, planned: Int64s, ways: Int64s, share: float) -> Float64s:
    """(n,) probability of the action taken, over the lots of who is not held out.

    A share of them gets one of `ways` allowed actions or none, each with 1 / (ways + 1); the others
    get what the plan has for them. Every allowed action has a probability above 0.

    >>> propensities(np.array([2, 0]), np.array([2, 2]), np.array([3, 3]), 0.25).tolist()
    [0.8125, 0.0625]
    """
    by_lot = share / (ways + 1.0)
    found: Float64s = np.where(action == planned, 1.0 - share, 0.0) + by_lot
    return found
