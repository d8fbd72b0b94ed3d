"""An offer at once is what the plan would have made of the same customer, at the same prices."""

from __future__ import annotations

import numpy as np
import pytest

from finmodel.clock import micros, parse_time
from marketing.campaign.choosing import choose, windows_now
from marketing.campaign.lanes import Lane
from marketing.campaign.planning import plan_campaign
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
    return recipe, given, made, choose(recipe, given, made.plan.price)


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
