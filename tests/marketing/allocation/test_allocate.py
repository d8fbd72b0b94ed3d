"""Plans against SciPy's HiGHS: the same bound as its LP, and as good as its MILP's."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import Bounds, LinearConstraint, linprog, milp

from benchmarks._campaign import CHANNELS, MINIMUM, NAMES, OFFERS, campaign
from finmodel.errors import BadInput
from marketing.allocation.allocate import allocate, choice_under
from marketing.allocation.options import Limits, Options, options_of, options_of_pairs

FREE = Limits(np.inf, np.full(5, np.inf), np.full(3, np.inf))


def program(options: Options) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Gains, uses of limits and of customers, by pair; dense, made pair by pair."""
    pairs = [
        (i, j)
        for i in range(len(options))
        for j in range(len(OFFERS))
        if np.isfinite(options.gain[i, j])
    ]
    uses = np.zeros((1 + len(OFFERS) + len(CHANNELS), len(pairs)))
    once = np.zeros((len(options), len(pairs)))
    for place, (i, j) in enumerate(pairs):
        uses[0, place] = options.cost[i, j]
        uses[1 + j, place] = 1.0
        uses[1 + len(OFFERS) + options.channel[i, j], place] = 1.0
        once[i, place] = 1.0
    return np.array([options.gain[pair] for pair in pairs]), uses, once


@pytest.mark.parametrize("seed", range(4))
def test_the_bound_is_the_linear_programs_value(seed):
    options, limits = campaign(400, seed)
    gain, uses, once = program(options)
    solved = linprog(
        -gain,
        A_ub=np.vstack([uses, once]),
        b_ub=np.concatenate([limits.together, np.ones(len(options))]),
        bounds=(0, 1),
    )
    plan = allocate(options, limits)
    assert plan.bound == pytest.approx(-solved.fun, rel=1e-6)
    binding = int((plan.price > 1e-9).sum())
    assert plan.value >= -solved.fun - binding * options.gain.max()


@pytest.mark.parametrize("seed", range(6))
def test_a_small_plan_is_within_a_gain_per_binding_limit_of_the_integer_programs(seed):
    options, limits = campaign(60, seed)
    gain, uses, once = program(options)
    solved = milp(
        -gain,
        constraints=[
            LinearConstraint(uses, -np.inf, limits.together),
            LinearConstraint(once, -np.inf, 1),
        ],
        integrality=np.ones(len(gain)),
        bounds=Bounds(0, 1),
    )
    plan = allocate(options, limits)
    assert plan.value <= -solved.fun * (1 + 1e-9)
    assert plan.value >= -solved.fun * (1 - 1e-4)  # all sixty are in its own integer program


def test_every_limit_binds_and_none_is_broken():
    options, limits = campaign(20_000)
    plan = allocate(options, limits)
    taken = np.flatnonzero(plan.offer >= 0)
    offer = plan.offer[taken]
    spent = options.cost[taken, offer].sum()
    assert limits.budget - 0.5 < spent <= limits.budget * (1 + 1e-12)
    np.testing.assert_array_equal(np.bincount(offer, minlength=5), limits.inventory)
    ways = np.bincount(options.channel[taken, offer], minlength=3)
    np.testing.assert_array_equal(ways, limits.capacity)
    assert options.gain[taken, offer].min() >= MINIMUM
    assert plan.value == pytest.approx(options.gain[taken, offer].sum())
    assert 0.0 <= plan.gap < 1e-6
    np.testing.assert_allclose(plan.used, [spent, *np.bincount(offer), *ways])


def test_a_price_is_what_one_more_unit_brings():
    options, limits = campaign(3_000)
    plan = allocate(options, limits)
    more = allocate(options, replace(limits, budget=limits.budget + 1.0))
    assert more.bound - plan.bound == pytest.approx(plan.price_of["budget"], rel=0.02)
    with_calls = replace(limits, capacity=limits.capacity + np.array([0.0, 0.0, 1.0]))
    rise = allocate(options, with_calls).bound - plan.bound
    assert rise <= plan.price_of["call"] * (1 + 1e-9) + 1e-9


def test_without_limits_everybody_has_the_best_offer_and_nothing_has_a_price():
    options, _ = campaign(500)
    plan = allocate(options, FREE)
    best = np.where(np.isfinite(options.gain).any(axis=1), np.argmax(options.gain, axis=1), -1)
    np.testing.assert_array_equal(plan.offer, best)
    assert plan.price.max() == pytest.approx(0.0, abs=1e-12)
    assert plan.value == pytest.approx(plan.bound)


def test_customers_who_choose_under_the_prices_choose_the_plan():
    options, limits = campaign(5_000)
    plan = allocate(options, limits)
    chosen = [
        choice_under(options.gain[i], options.cost[i], options.channel[i], plan.price)[0]
        for i in range(len(options))
    ]
    assert (np.array(chosen) != plan.offer).sum() <= 2 * len(plan.price)


def test_nobody_gets_what_is_vetoed_or_gains_too_little():
    gain = np.array([[5.0, 1.0], [0.2, 4.0], [0.6, 0.1]])
    ones, zeros = np.ones((3, 2)), np.zeros((3, 2), np.int8)
    allowed = np.array([[False, True], [True, True], [True, True]])
    options = options_of(gain, ones, zeros, (("a", "b"), ("sms",)), allowed, minimum=0.5)
    plan = allocate(options, Limits(9.0, np.full(2, 9.0), np.full(1, 9.0)))
    assert plan.offer.tolist() == [1, 1, 0]
    assert plan.value == pytest.approx(5.6)


@pytest.mark.parametrize(
    ("limits", "says"),
    [
        (replace(FREE, budget=0.0), "budget: 0 buys nothing: the cheapest offer costs 0"),
        (replace(FREE, budget=0.001), "0.001 buys nothing"),
        (replace(FREE, budget=-5.0), "budget: -5 is no limit; give 0 or more"),
        (replace(FREE, inventory=np.full(4, 9.0)), "not one limit for each offer and channel"),
        (replace(FREE, capacity=np.array([1.0, np.nan, 1.0])), "app: nan is no limit"),
    ],
)
def test_limits_that_cannot_be_meant(limits, says):
    with pytest.raises(BadInput, match=says):
        allocate(campaign(50)[0], limits)


def test_an_offer_that_nobody_may_get_is_named():
    options, limits = campaign(50)
    gain = options.gain.copy()
    gain[:, 2] = -np.inf
    with pytest.raises(BadInput, match="offer interest-free days: nobody may get it"):
        allocate(replace(options, gain=gain), limits)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"gain": np.ones((2, 4))}, r"options: gain: it has the shape \(2, 4\), not \(2, 5\)"),
        ({"cost": -np.ones((2, 5))}, "a cost is below 0"),
        ({"gain": np.full((2, 5), np.nan)}, "a gain or a cost is no number"),
        ({"channel": np.full((2, 5), 3, np.int8)}, "channel is none of sms, app, call"),
    ],
)
def test_options_that_cannot_be_meant(change, says):
    given = {
        "gain": np.ones((2, 5)),
        "cost": np.ones((2, 5)),
        "channel": np.zeros((2, 5), np.int8),
        "names": NAMES,
        "allowed": np.ones((2, 5), bool),
    }
    with pytest.raises(BadInput, match=says):
        options_of(**given | change)


def by_channel(options: Options) -> tuple[Options, list[tuple[int, int]]]:
    """The same offers by every channel; another than the given one gains less and costs more."""
    pairs = [(o, c) for o in range(len(OFFERS)) for c in range(len(CHANNELS))]
    apart = np.stack([options.channel[:, o] != c for o, c in pairs], axis=1)
    gain = np.stack([options.gain[:, o] for o, _ in pairs], axis=1) - 0.03 * apart
    cost = np.stack([options.cost[:, o] for o, _ in pairs], axis=1) + 0.05 * apart
    shown = np.where(np.isfinite(gain), gain, 0.0)
    return options_of_pairs(shown, cost, pairs, NAMES, np.isfinite(gain), MINIMUM), pairs


@pytest.mark.parametrize("seed", range(3))
def test_offer_and_channel_are_chosen_together_as_the_linear_program_does(seed):
    given, limits = campaign(300, seed)
    options, pairs = by_channel(given)
    rows, ways = np.nonzero(np.isfinite(options.gain))
    uses = np.zeros((1 + len(OFFERS) + len(CHANNELS), len(rows)))
    once = np.zeros((len(options), len(rows)))
    for place, (i, way) in enumerate(zip(rows, ways, strict=True)):
        offer, channel = pairs[way]
        uses[0, place] = options.cost[i, way]
        uses[1 + offer, place] = uses[1 + len(OFFERS) + channel, place] = 1.0
        once[i, place] = 1.0
    solved = linprog(
        -options.gain[rows, ways],
        A_ub=np.vstack([uses, once]),
        b_ub=np.concatenate([limits.together, np.ones(len(options))]),
        bounds=(0, 1),
    )
    plan = allocate(options, limits)
    assert plan.bound == pytest.approx(-solved.fun, rel=1e-6)
    taken = np.flatnonzero(plan.offer >= 0)
    offers, channels = np.array(pairs)[plan.offer[taken]].T
    assert (np.bincount(offers, minlength=5) <= limits.inventory).all()
    assert (np.bincount(channels, minlength=3) <= limits.capacity).all()
    assert plan.value > allocate(given, limits).value  # another channel is worth it for some
    one = int(taken[0])
    told = options.gain[one], options.cost[one], options.channel[one]
    assert choice_under(*told, plan.price, options.places)[1].max() >= -1e-9
