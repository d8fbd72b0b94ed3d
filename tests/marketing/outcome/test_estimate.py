"""Estimates of another policy against its known value, and against sums done by hand."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pytest

from finmodel.errors import BadInput
from marketing.outcome.estimate import Estimate, Logged, Modelled, estimate


@dataclass(frozen=True)
class World:
    """Three actions whose chances of a response are known; logged by lot, judged for another."""

    logged: Logged
    model: Modelled
    truth: float


@cache
def truth() -> float:
    """The other policy's value over x uniform, summed on a fine grid."""
    x = (np.arange(100_000) + 0.5) / 100_000
    chance = np.stack([0.1 + 0.2 * x, 0.05 + 0.5 * x, 0.4 - 0.3 * x], axis=1)
    target = np.where(x[:, None] > 0.5, [0.1, 0.8, 0.1], [0.2, 0.1, 0.7])
    return float((chance * target).sum(axis=1).mean())


def world(n: int, seed: int, wrong_by: float = 0.0) -> World:
    random = np.random.default_rng(seed)
    x = random.random(n)
    chance = np.stack([0.1 + 0.2 * x, 0.05 + 0.5 * x, 0.4 - 0.3 * x], axis=1)
    by_lot = np.stack([0.6 - 0.3 * x, 0.2 + 0.2 * x, 0.2 + 0.1 * x], axis=1)
    target = np.where(x[:, None] > 0.5, [0.1, 0.8, 0.1], [0.2, 0.1, 0.7])
    action = (random.random((n, 1)) > np.cumsum(by_lot, axis=1)).sum(axis=1).clip(max=2)
    rows = np.arange(n)
    reward = (random.random(n) < chance[rows, action]).astype(np.float64)
    modelled = np.clip(chance + wrong_by * (0.5 - x)[:, None], 0.0, 1.0)
    return World(
        Logged(reward, by_lot[rows, action], target[rows, action]),
        Modelled(modelled[rows, action], (target * modelled).sum(axis=1)),
        truth(),
    )


@pytest.mark.parametrize("method", ["ips", "snips", "dr"])
def test_nineteen_of_twenty_intervals_hold_the_truth(method):
    """300 worlds: a share of 0.95 has a standard error of 0.0126."""
    holds, errors = [], []
    for seed in range(300):
        seen = world(400, seed, wrong_by=0.2)
        found = estimate(seen.logged, method, seen.model, seed, draws=200)
        holds.append(found.low <= seen.truth <= found.high)
        errors.append(found.value - seen.truth)
    assert 0.91 <= np.mean(holds) <= 0.98
    assert abs(np.mean(errors)) < 4 * np.std(errors) / np.sqrt(len(errors)) + 1e-3


def test_what_a_model_explains_no_longer_widens_the_interval():
    def width(found: Estimate) -> float:
        return found.high - found.low

    seen = world(20_000, 1)
    noise = np.random.default_rng(2).normal(0.0, 0.05, 20_000)
    amounts = replace(seen.logged, reward=seen.model.taken + noise)
    ips, snips, dr = (estimate(amounts, m, seen.model) for m in ("ips", "snips", "dr"))
    assert width(dr) < 0.7 * width(snips) < 0.7 * width(ips)
    assert dr.low <= seen.truth <= dr.high


def test_values_are_the_sums_done_by_hand():
    reward, propensity = [1.0, 0.0, 1.0, 1.0, 0.0], [0.5, 0.2, 0.8, 0.1, 0.4]
    target, q, q_target = [1.0, 0.0, 0.4, 0.2, 0.6], [0.5, 0.1, 0.7, 0.6, 0.2], [0.6] * 5
    weights = [t / p for t, p in zip(target, propensity, strict=True)]  # 2, 0, 0.5, 2, 1.5
    over = sum(w * r for w, r in zip(weights, reward, strict=True))  # 4.5
    given = Logged(np.array(reward), np.array(propensity), np.array(target))
    model = Modelled(np.array(q), np.array(q_target))
    assert estimate(given, "ips").value == pytest.approx(over / 5)
    assert estimate(given, "snips").value == pytest.approx(over / sum(weights))
    doubly = sum(0.6 + w * (r - p) for w, r, p in zip(weights, reward, q, strict=True)) / 5
    assert estimate(given, "dr", model).value == pytest.approx(doubly)
    effective = sum(weights) ** 2 / sum(w * w for w in weights)
    assert estimate(given, "snips").effective == pytest.approx(effective)


def test_the_logging_policy_is_worth_what_it_earned():
    seen = world(5_000, 3)
    same = Logged(seen.logged.reward, seen.logged.propensity, seen.logged.propensity)
    found = estimate(same)
    assert found.value == pytest.approx(seen.logged.reward.mean())
    assert found.effective == pytest.approx(5_000)


def test_groups_of_a_large_log_tell_the_interval_of_its_customers():
    seen = world(120_000, 5)
    found = estimate(seen.logged)
    weight = seen.logged.target / seen.logged.propensity
    # The delta method's standard error of a ratio of means.
    error = np.std(weight * (seen.logged.reward - found.value)) / weight.mean() / np.sqrt(120_000)
    assert found.high - found.low == pytest.approx(2 * 1.96 * error, rel=0.08)


ONES = np.ones(3)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ((ONES, np.array([0.5, 0.0, 0.5]), ONES), "the propensity of 1 of 3 actions is 0 or miss"),
        (
            (ONES, np.array([0.5, np.nan, 0.0]), ONES),
            "propensity of 2 of 3 actions is 0 or missing",
        ),
        ((ONES, np.array([0.5, 1.5, 0.5]), ONES), "the propensity of 1 of 3"),
        ((ONES, ONES, ONES * 2), "a target is no probability"),
        ((ONES * np.nan, ONES, ONES), "a reward is missing"),
        ((ONES, ONES, np.ones(2)), "are not as many"),
        ((np.empty(0),) * 3, "are not as many"),
    ],
)
def test_a_log_that_says_nothing_is_refused(given, says):
    with pytest.raises(BadInput, match=says):
        Logged(*given)


def test_a_policy_that_was_never_tried_is_refused():
    with pytest.raises(BadInput, match="never does what was done, so nothing is known of it; expl"):
        estimate(Logged(ONES, ONES * 0.5, ONES * 0))


def test_a_doubly_robust_estimate_needs_its_model():
    with pytest.raises(BadInput, match="needs a model; give what it expects, or take snips"):
        estimate(Logged(ONES, ONES, ONES), "dr")
