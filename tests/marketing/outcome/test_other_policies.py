"""Other policies where chance tried what they do, and where it did not: a guess is told as one."""

from __future__ import annotations

import numpy as np
import pytest

from marketing.campaign.lanes import Flags
from marketing.outcome.other_policies import PolicyValue, Tried, policy_values

N, LOT = 600, 0.4
WAYS = ("points/app", "points/sms")


def tried(seed: int, allowed: Flags, planned: np.ndarray, lot: float = LOT) -> Tried:
    """Customers of whom a part `lot` got what is allowed, or nothing, by chance; the rest the plan.

    A contact by the first way brings three responses of ten, by the second six, none one.
    """
    random = np.random.default_rng(seed)
    n, p = allowed.shape
    may = np.concatenate([np.ones((n, 1), bool), allowed], axis=1)
    share = may / may.sum(axis=1, keepdims=True)
    drawn = (random.random((n, 1)) > share.cumsum(axis=1)).sum(axis=1) - 1
    action = np.where(random.random(n) < lot, drawn, planned)
    rows = np.arange(n)
    chance = np.tile([0.1, 0.3, 0.6], (n, 1))[:, : p + 1]
    propensity = lot * share[rows, action + 1] + (1.0 - lot) * (action == planned)
    responded = (random.random(n) < chance[rows, action + 1]).astype(float)
    return Tried(action, planned, propensity, responded, allowed, chance)


def told(seen: Tried) -> dict[str, PolicyValue]:
    return {one.policy: one for one in policy_values(seen, WAYS)}


EVERYBODY = np.ones((N, 2), bool)
TO_HALF = np.where(np.arange(N) % 2, 0, -1)


def test_what_chance_tried_on_everybody_is_an_estimate():
    found = [told(tried(seed, EVERYBODY, TO_HALF)) for seed in range(40)]
    guesses = sum(one.too_few for draw in found for one in draw.values())
    assert guesses <= 20  # of 200: the weights miss by two standard errors now and then
    truth = {"plan": 0.2, "nothing": 0.1, "by lot": 1 / 3, WAYS[0]: 0.3, WAYS[1]: 0.6}
    for name, value in truth.items():
        assert np.mean([draw[name].snips.value for draw in found]) == pytest.approx(value, abs=0.02)


def test_a_way_that_nobody_was_given_is_known_of_nobody_though_many_may_not_get_it():
    """Who may not get it got nothing, as it says; of its contacts that tells nothing."""
    allowed = EVERYBODY.copy()
    allowed[:100, 1] = False
    seen = tried(1, allowed, TO_HALF)
    given = seen.action == 1
    without = Tried(
        np.where(given, -1, seen.action),
        seen.planned,
        seen.propensity,
        seen.responded,
        allowed,
        seen.expected,
    )
    assert told(seen)[WAYS[1]].snips.effective > 30.0
    way = told(without)[WAYS[1]]
    assert (way.snips, way.doubly_robust, way.too_few) == (None, None, True)


def test_a_way_that_nobody_may_get_is_not_told_by_the_figures_of_nothing():
    """A later plan passes over an offer that nobody may get: it has no contact to make."""
    allowed = EVERYBODY.copy()
    allowed[:, 1] = False
    found = told(tried(4, allowed, TO_HALF))
    way = found[WAYS[1]]
    assert (way.snips, way.doubly_robust, way.too_few) == (None, None, True)
    assert found["nothing"].snips.value == pytest.approx(0.1, abs=0.06)
    assert not found["nothing"].too_few
    assert not found[WAYS[0]].too_few


def test_what_only_some_kinds_of_customers_got_is_a_guess_however_many_they_are():
    """Half were to be contacted, and all of them were: nothing is known of leaving them alone."""
    seen = tried(2, EVERYBODY, TO_HALF)
    left = (seen.planned < 0) | (seen.action >= 0)
    action = np.where(left, seen.action, seen.planned)
    certain = Tried(action, seen.planned, seen.propensity, seen.responded, EVERYBODY, seen.expected)
    nothing = told(certain)["nothing"]
    assert nothing.snips.effective > 100.0
    assert nothing.too_few
    assert not told(seen)["nothing"].too_few


def test_few_effective_customers_are_a_guess():
    seen = tried(3, EVERYBODY, TO_HALF, lot=0.02)
    way = told(seen)[WAYS[1]]
    assert way.snips.effective < 30.0
    assert way.too_few
