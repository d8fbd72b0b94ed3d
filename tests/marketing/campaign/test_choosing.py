"""An offer at once is what the plan would have made of the same customer, at the same prices."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from finmodel.clock import micros, parse_time
from marketing.campaign.choosing import choose, windows_now
from marketing.campaign.expected import Expected
from marketing.campaign.lanes import Lane
from marketing.campaign.limits import limits_of
from marketing.campaign.pacing import Pace, Pacing
from marketing.campaign.planning import Case, plan_campaign
from marketing.campaign.recipe import Explore
from tests.marketing.campaign.test_planning import tight
from tests.marketing.known_response import case, scores
from tests.marketing.small_campaign import shipped, standing

N = 4_000


@pytest.fixture(scope="module")
def both():
    """A plan under limits that bind, and the choice at its prices of the same customers."""
    recipe = tight(explore=Explore(0.05))
    told, scored = standing(N, personalised=np.arange(N) % 30 > 0), scores(N)
    scored.propensity[~told.personalised] = np.nan
    given = case(N, recipe, told, scored)
    made = plan_campaign(recipe, given)
    return recipe, given, made, choose(recipe, given, still(made.plan.price))


def still(price) -> Pace:
    """Prices that nothing moves, of limits without an end."""
    return Pace(Pacing(price, np.full(len(price), np.inf), 0.0), np.zeros(len(price)), 0.0)


def test_the_same_customers_get_what_the_plan_has_for_them(both):
    _, given, made, chosen = both
    ours = given.lanes == Lane.PLAN
    differ = np.flatnonzero(ours & (chosen.action != made.actions.action))
    # The plan is whole customers within hard limits: a few at the edge fall out of the prices.
    assert len(differ) <= 0.01 * ours.sum()
    assert (chosen.action[ours] >= 0).sum() > 300
    lot = given.lanes == Lane.EXPLORE
    np.testing.assert_array_equal(chosen.action[lot], made.actions.action[lot])
    assert len(set(chosen.action[lot].tolist())) > 5
    same = lot & (chosen.planned == made.actions.planned)
    np.testing.assert_array_equal(chosen.propensity[same], made.actions.propensity[same])
    assert (chosen.action[given.lanes == Lane.HOLDOUT] == -1).all()
    uniform = given.lanes == Lane.UNIFORM
    assert set(chosen.action[uniform].tolist()) == {given.judged.allowed[uniform].argmax()}


def test_the_choice_is_the_best_after_prices_counted_one_by_one(both):
    recipe, given, made, chosen = both
    price = made.plan.price_of
    for row in np.flatnonzero(given.lanes == Lane.PLAN)[:300].tolist():
        worth = {}
        for way, (o, c) in enumerate(recipe.pairs):
            offer, channel = recipe.offers[o].id, recipe.channels[c].name
            gain, cost = given.expected.gain[row, way], given.expected.cost[row, way]
            after = gain - price["budget"] * cost - price[offer] - price[channel]
            allowed = given.judged.allowed[row, way]
            if allowed and gain > 0 and given.expected.uplift[row, way] >= recipe.minimum_uplift:
                worth[way] = after
                assert chosen.after[row, way] == pytest.approx(after)
            else:
                assert chosen.after[row, way] == -np.inf
        best = max(worth, key=lambda way: worth[way]) if worth else -1
        expected = best if worth and worth[best] > 0 else -1
        assert chosen.action[row] == expected
        assert bool(chosen.reason[row]) == (expected < 0)


@pytest.fixture(scope="module")
def at_once():
    """A plan's prices, and what offers at once may use, of which customers could use far more."""
    recipe = tight(explore=Explore(0.05), budget_minor=300_000)
    given = case(N, recipe)
    made = plan_campaign(recipe, given)
    limits = limits_of(recipe).together / 6.0
    limits[1:] = np.floor(limits[1:])
    return recipe, given, Pacing(made.plan.price * 0.5, limits, made.plan.value / 6.0)


def kept(recipe, given, chosen, limits, used=None) -> tuple[np.ndarray, float]:
    """What is used and gained where the ledger keeps what fits, in the order of the customers."""
    used, gained = np.zeros(len(limits)) if used is None else used.copy(), 0.0
    for row, way in enumerate(chosen.action.tolist()):
        if way >= 0:
            offer, channel = recipe.pairs[way]
            then = used.copy()
            then[[1 + offer, 1 + len(recipe.offers) + channel]] += 1
            then[0] += given.expected.cost[row, way]
            if (then <= limits).all():
                used = then
                gained += given.expected.gain[row, way]
    return used, gained


def test_one_call_of_many_is_the_calls_of_each(at_once):
    """The customers in turn, each in a call of its own with what was used before it."""
    recipe, given, pacing = at_once
    whole = choose(recipe, given, Pace(pacing, np.zeros(len(pacing.limits)), 0.1))
    used = np.zeros(len(pacing.limits))
    for row in range(400):
        one = only(given, row)
        alone = choose(recipe, one, Pace(pacing, used, 0.1))
        for name in ("action", "planned", "propensity", "reason", "after", "price"):
            np.testing.assert_array_equal(getattr(alone, name)[0], getattr(whole, name)[row])
        used = kept(recipe, one, alone, pacing.limits, used)[0]
    assert used[0] > 0.1 * pacing.limits[0]
    assert whole.price[399, 0] > whole.price[0, 0]


def test_prices_that_move_within_a_call_gain_more_than_one_price_for_all(at_once):
    recipe, given, pacing = at_once
    given = replace(given, lanes=np.full(N, Lane.PLAN, np.int8))  # the lot asks no price
    start, gains, spent = np.zeros(len(pacing.limits)), {}, {}
    now = Pacing(pacing.price(start, 0.6), pacing.limits, 0.0)  # of the call's beginning, for all
    for name, one in (("moving", pacing), ("still", now)):
        chosen = choose(recipe, given, Pace(one, start, 0.6))
        used, gains[name] = kept(recipe, given, chosen, pacing.limits)
        assert used[0] > 0.9 * pacing.limits[0]
        spent[name] = chosen.reason.count("spent")
    assert gains["moving"] > 1.3 * gains["still"]
    assert spent["moving"] == 0
    assert spent["still"] > 1_000


def test_who_likes_best_what_is_used_up_gets_the_next_best(at_once):
    recipe, given, pacing = at_once
    start, m = np.zeros(len(pacing.limits)), len(pacing.limits)
    assert recipe.channels[-1].name == "sms"
    limits = np.full(m, np.inf), np.where(np.arange(m) == m - 1, 0.0, np.inf)
    told = (choose(recipe, given, Pace(Pacing(start, most, 0.0), start, 0.5)) for most in limits)
    before, after = told
    by_sms = np.array([recipe.channels[c].name == "sms" for _, c in recipe.pairs])
    wanted = (given.lanes == Lane.PLAN) & (before.action >= 0) & by_sms[before.action]
    assert wanted.sum() > 300
    second = np.where(by_sms, -np.inf, before.after)
    best = np.where(second.max(axis=1) > 0.0, second.argmax(axis=1), -1)
    np.testing.assert_array_equal(after.action[wanted], best[wanted])
    assert (after.action[wanted] >= 0).mean() > 0.5
    nothing = np.flatnonzero(wanted & (best < 0))
    assert {after.reason[row] for row in nothing} == {"spent"}
    np.testing.assert_array_equal(after.after, before.after)  # the prices are what they were
    others = (given.lanes == Lane.PLAN) & ~wanted
    np.testing.assert_array_equal(after.action[others], before.action[others])
    ways = given.judged.allowed.sum(axis=1)
    drawn_with = 0.95 + 0.05 / (ways + 1)
    np.testing.assert_allclose(after.propensity[wanted], drawn_with[wanted])


def only(given: Case, row: int) -> Case:
    """One customer's case."""
    rows, expected = np.array([row]), given.expected
    return replace(
        given,
        customer=given.customer[rows],
        judged=given.judged.of_ways(rows, np.ones(expected.gain.shape[1], bool)),
        lanes=given.lanes[rows],
        expected=Expected(
            expected.uplift[rows],
            expected.cost[rows],
            expected.gain[rows],
            expected.scored[rows],
            expected.taken,
        ),
    )


def at(text):
    """A minute of April 2026, in Beijing."""
    return micros(parse_time(f"2026-04-{text}:00+08:00"))


def test_a_channel_is_used_from_now_where_it_is_open_else_at_its_next_hour():
    recipe = shipped()
    told = {}
    for name, time in (
        ("before", "01T12:00"),
        ("open", "07T10:20"),
        ("night", "07T23:00"),
        ("over", "19T20:59"),
    ):
        now = at(time)
        told[name] = dict(
            zip([c.name for c in recipe.channels], windows_now(recipe, now), strict=True)
        )
    assert told["before"]["sms"][0] == at("06T09:00")
    assert told["open"]["push"] == (
        at("07T10:20"),
        at("07T11:00"),
    )
    assert told["night"]["app"][0] == at("08T09:00")
    assert told["over"]["sms"] is None
    assert told["over"]["app"] == (at("19T20:59"), at("19T21:00"))
