"""Plans of whole campaigns: every limit and every rule kept, near the optimum, lanes apart."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from msgspec.structs import replace
from scipy.optimize import linprog

from finmodel.clock import micros, parse_time
from finmodel.errors import BadInput
from marketing.campaign.eligibility import Judged, with_risk, without_shut
from marketing.campaign.lanes import Lane
from marketing.campaign.limits import limits_of
from marketing.campaign.plan_summary import summary_of
from marketing.campaign.planning import plan_campaign, windows_by_channel
from marketing.campaign.recipe import AtOnce, Channel, Explore, Holdout, Offer
from serving.offers.campaign_now import limits_at_once
from tests.marketing.known_response import case, scores
from tests.marketing.small_campaign import DAY, NOW, shipped, standing

N = 6_000


def tight(**changes):
    """The shipped campaign where budget, inventories and capacities all bind."""
    given = shipped()
    offers = tuple(
        Offer(**{f: getattr(o, f) for f in o.__struct_fields__} | {"inventory": most})
        for o, most in zip(given.offers, (300, 400, 900), strict=True)
    )
    channels = tuple(
        Channel(c.name, c.cost_minor, c.hours, most)
        for c, most in zip(given.channels, (800, 400, 300), strict=True)
    )
    told = {"offers": offers, "channels": channels, "budget_minor": 600_000}
    told["at_once"] = AtOnce(0.0)
    return shipped(**told | changes)


def used_of(recipe, given, made) -> np.ndarray:
    """What the actions use, counted one by one."""
    uses = np.zeros(1 + len(recipe.offers) + len(recipe.channels))
    for row, way in enumerate(made.actions.action.tolist()):
        if way >= 0:
            offer, channel = recipe.pairs[way]
            uses[0] += given.expected.cost[row, way]
            uses[1 + offer] += 1
            uses[1 + len(recipe.offers) + channel] += 1
    return uses


def test_every_limit_is_kept_by_all_lanes_together():
    recipe = tight(explore=Explore(0.05))
    random = np.random.default_rng(5)
    told = standing(N, personalised=random.random(N) < 0.95)
    scored = scores(N)
    scored.propensity[~told.personalised] = np.nan
    given = case(N, recipe, told, scored)
    made = plan_campaign(recipe, given)
    used, most = used_of(recipe, given, made), limits_of(recipe).together
    assert (used <= most * (1 + 1e-12)).all()
    assert used[0] > 0.995 * most[0]
    assert made.plan.gap < 1e-3
    lanes = {lane: made.actions.action[given.lanes == lane] for lane in Lane}
    assert (lanes[Lane.HOLDOUT] == -1).all()
    assert (lanes[Lane.PLAN] >= 0).sum() > 300
    assert 0 < (lanes[Lane.UNIFORM] >= 0).sum() <= len(lanes[Lane.UNIFORM])
    assert len(set(lanes[Lane.EXPLORE].tolist())) == len(recipe.pairs) + 1
    summary = summary_of(recipe, given, made)
    np.testing.assert_allclose([one.used for one in summary.limits], used)
    assert summary.contacts + sum(summary.not_contacted.values()) == N
    assert sum(summary.contacts_by_offer.values()) == summary.contacts
    assert sum(summary.contacts_by_lane.values()) == summary.contacts


def test_the_planned_lane_is_as_good_as_the_linear_program_says():
    recipe = tight(explore=Explore(0.0))
    given = case(500, recipe)
    made = plan_campaign(recipe, given)
    rows = np.flatnonzero(given.lanes == Lane.PLAN)
    gain = given.expected.gain[rows]
    may = given.judged.allowed[rows] & (gain > 0)
    may &= given.expected.uplift[rows] >= recipe.minimum_uplift
    at, way = np.nonzero(may)
    uses = np.zeros((1 + len(recipe.offers) + len(recipe.channels), len(at)))
    once = np.zeros((len(rows), len(at)))
    for place, (i, w) in enumerate(zip(at, way, strict=True)):
        offer, channel = recipe.pairs[w]
        uses[0, place] = given.expected.cost[rows[i], w]
        uses[1 + offer, place] = uses[1 + len(recipe.offers) + channel, place] = 1
        once[i, place] = 1
    solved = linprog(
        -gain[at, way],
        A_ub=np.vstack([uses, once]),
        b_ub=np.concatenate([limits_of(recipe).together, np.ones(len(rows))]),
        bounds=(0, 1),
    )
    assert made.plan.bound == pytest.approx(-solved.fun, rel=1e-6)
    taken = made.actions.action[rows]
    value = gain[np.flatnonzero(taken >= 0), taken[taken >= 0]].sum()
    assert value == pytest.approx(-solved.fun, rel=0.01)


def test_nobody_gets_what_a_rule_forbids():
    recipe = tight(explore=Explore(0.15))
    random = np.random.default_rng(8)
    flags = {n: random.random(N) < 0.1 for n in ("opted_out", "open_complaint", "overdue")}
    told = standing(N, channels=random.random((N, 4)) < 0.7, **flags)
    scored = scores(N)
    given = case(N, recipe, told, scored)
    made = plan_campaign(recipe, given)
    order = ("app", "push", "sms", "call")
    credit_to_declined = contacts = 0
    for row in np.flatnonzero(made.actions.action >= 0):
        offer, channel = recipe.pairs[made.actions.action[row]]
        assert not (told.opted_out | told.open_complaint | told.overdue)[row]
        assert told.channels[row, order.index(recipe.channels[channel].name)]
        credit_to_declined += recipe.offers[offer].credit and scored.points[row] < 520.0
        contacts += 1
    assert credit_to_declined == 0
    assert contacts > 500
    planned = np.flatnonzero((made.actions.action >= 0) & (given.lanes == Lane.PLAN))
    moved = given.expected.uplift[planned, made.actions.action[planned]]
    assert moved.min() >= recipe.minimum_uplift
    reasons = {r for r, lane in zip(made.actions.reason, given.lanes, strict=True) if r}
    assert {"opted_out", "open_complaint", "overdue", "holdout", "price", "lot"} <= reasons


def test_propensities_are_of_the_action_over_the_lots():
    recipe = tight(explore=Explore(0.15))
    given = case(N, recipe)
    made = plan_campaign(recipe, given)
    ways = given.judged.allowed.sum(axis=1)
    explored = given.lanes == Lane.EXPLORE
    same = made.actions.action == made.actions.planned
    expected = 0.15 / (ways + 1) + np.where(same, 0.85, 0.0)
    np.testing.assert_allclose(made.actions.propensity[explored], expected[explored])
    planned = given.lanes == Lane.PLAN
    assert same[planned].all()
    by_plan = 0.85 + 0.15 / (ways[planned] + 1)
    np.testing.assert_allclose(made.actions.propensity[planned], by_plan)


def test_the_plan_says_what_the_holdout_would_have_got():
    recipe = tight(holdout=Holdout(0.4, "2026"))
    given = case(N, recipe)
    made = plan_campaign(recipe, given)
    held, planned = given.lanes == Lane.HOLDOUT, given.lanes == Lane.PLAN
    would = (made.actions.planned[held] >= 0).mean()
    did = (made.actions.planned[planned] >= 0).mean()
    assert would == pytest.approx(did, abs=0.04)
    assert (made.actions.action[held] == -1).all()
    assert (made.actions.opens_us[held & (made.actions.planned >= 0)] > NOW).all()


def test_windows_are_open_and_spread_over_the_campaign():
    recipe = tight()
    made = plan_campaign(recipe, case(N, recipe))
    days = set()
    for row in np.flatnonzero(made.actions.action >= 0):
        _, channel = recipe.pairs[made.actions.action[row]]
        ends = made.actions.opens_us[row], made.actions.closes_us[row]
        opens, closes = (
            dt.datetime.fromtimestamp(int(us) / 1e6, ZoneInfo(recipe.zone)) for us in ends
        )
        since, until = recipe.channels[channel].hours
        assert max(since, "09:00") <= opens.strftime("%H:%M") < closes.strftime("%H:%M")
        assert closes.strftime("%H:%M") <= min(until, "21:00")
        days.add(opens.date())
    assert (min(days), max(days), len(days)) == (recipe.starts, recipe.ends, 14)


def test_more_budget_is_expected_to_gain_more_and_never_falls():
    recipe = tight()
    given = case(N, recipe)
    made = plan_campaign(recipe, given)
    curve = summary_of(recipe, given, made).budget_curve
    gains = [one.gain_minor for one in curve]
    assert np.diff(gains).min() > -1e-6 * gains[-1]
    assert gains[-1] > 2 * gains[0]
    now = next(one for one in curve if one.budget_minor == recipe.budget_minor)
    assert now.gain_minor == pytest.approx(made.plan.bound, rel=1e-2)  # of prices not exact


def test_the_same_campaign_plans_the_same():
    recipe = tight()
    one, two = (plan_campaign(recipe, case(N, recipe)).actions for _ in range(2))
    np.testing.assert_array_equal(one.action, two.action)
    np.testing.assert_array_equal(one.opens_us, two.opens_us)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"explore": Explore(0.9)}, "the lane by lot and the uniform offers would alone use more"),
        ({"minimum_uplift": 0.9}, "offer rate_cut: nobody may get it"),
    ],
)
def test_a_plan_that_cannot_be_made(change, says):
    recipe = tight(**change)
    with pytest.raises(BadInput, match=says):
        plan_campaign(recipe, case(N, recipe))


def test_a_budget_of_which_nothing_is_left_for_the_plan_is_refused():
    recipe = tight(budget_minor=1, explore=Explore(0.0))
    with pytest.raises(BadInput, match="budget: 1 buys nothing: the cheapest offer costs"):
        plan_campaign(recipe, case(N, recipe))


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5])
@pytest.mark.parametrize("of", ["inventory", "capacity"])
def test_the_only_one_of_something_is_planned_and_not_lost_by_rounding(of, share):
    recipe = few(1, of, share)
    made = plan_campaign(recipe, case(200, recipe))
    assert (made.actions.action >= 0).sum() == 1
    assert 0.0 <= made.plan.gap < 1e-6


@pytest.mark.parametrize("share", [0.1, 0.25, 0.3, 0.7])
def test_what_is_planned_and_what_is_at_once_add_up(share):
    for most in (1, 2, 3, 7, 10, 30):
        recipe = few(most, "inventory", share)
        at_once = limits_at_once(recipe)["rate_cut"]
        assert limits_of(recipe).inventory[0] + at_once == most


@pytest.mark.parametrize("of", ["inventory", "capacity"])
def test_a_plan_in_which_limits_of_nothing_leave_nobody_anything_is_refused(of):
    recipe = few(0, of, 0.0)
    name = "rate_cut" if of == "inventory" else "app"
    with pytest.raises(BadInput, match=f"nobody gets anything: less than 1 is left of {name};"):
        plan_campaign(recipe, case(200, recipe))


def few(most: int, of: str, share: float):
    """One offer by one channel, of which there are few; the rest to offers at once."""
    given = shipped()
    offer = replace(given.offers[0], inventory=most if of == "inventory" else None)
    channel = replace(given.channels[0], capacity=most if of == "capacity" else None)
    told = {"offers": (offer,), "channels": (channel,), "unpersonalised": None}
    return shipped(**told, at_once=AtOnce(share), explore=Explore(0.0))


def test_an_offer_that_risk_denies_to_everybody_is_named():
    recipe = tight()
    given = case(N, recipe)
    everybody = np.ones(N, bool)
    judged = with_risk(given.judged, recipe, ~everybody, everybody)
    with pytest.raises(BadInput, match="offer rate_cut: nobody may get it"):
        plan_campaign(recipe, case(N, recipe, judged=judged))


def capped(recipe, offers: set[str]):
    """The rules of customers, none of whom may get these offers."""
    given = case(N, recipe)
    shut = np.array([recipe.offers[o].id in offers for o, _ in recipe.pairs])
    vetoed = dict(given.judged.vetoed)
    vetoed["risk_declines"] = vetoed["risk_declines"] | shut
    return Judged(given.judged.stopped, vetoed)


def test_a_refused_offer_names_the_rules_and_every_customer_of_the_lane_once():
    recipe = tight()
    opted_out = np.arange(N) % 10 == 0
    told, everybody = standing(N, opted_out=opted_out), np.ones(N, bool)
    given = case(N, recipe, told)
    judged = with_risk(given.judged, recipe, ~everybody, everybody)
    ours = given.lanes == Lane.PLAN
    out, others = f"{(opted_out & ours).sum():,}", f"{(~opted_out & ours).sum():,}"
    says = (
        f"offer rate_cut: nobody may get it: risk_declines stops {others}, opted_out stops {out};"
    )
    with pytest.raises(BadInput, match=says):
        plan_campaign(recipe, case(N, recipe, told, judged=judged))


def test_a_later_plan_passes_over_an_offer_that_nobody_may_get_and_says_so():
    recipe = tight()
    judged = capped(recipe, {"rate_cut"})
    with pytest.raises(BadInput, match="offer rate_cut: nobody may get it: risk_declines stops"):
        plan_campaign(recipe, case(N, recipe, judged=judged))
    later = case(N, recipe, judged=judged, number=2)
    made = plan_campaign(recipe, later)
    rows = (made.actions.action >= 0) & (later.lanes == Lane.PLAN)
    taken = {recipe.offers[recipe.pairs[way][0]].id for way in made.actions.action[rows]}
    assert taken == {"interest_free_week", "points"}
    assert rows.sum() > 300
    assert made.plan.gap < 1e-3
    told = summary_of(recipe, later, made)
    assert told.barred == {"rate_cut": {"risk_declines": int((later.lanes == Lane.PLAN).sum())}}
    assert told.contacts_by_offer["rate_cut"] == 0
    nothing = capped(recipe, {one.id for one in recipe.offers})
    with pytest.raises(BadInput, match="offer rate_cut: nobody may get it: risk_declines stops"):
        plan_campaign(recipe, case(N, recipe, judged=nothing, number=2))


def test_a_channel_past_its_last_window_leaves_the_others():
    recipe = tight()
    now = micros(parse_time("2026-04-19T19:10:00+08:00"))  # sms ends at 20:00, the others later
    shut = [not len(one.opens_us) for one in windows_by_channel(recipe, now)]
    assert shut == [False, False, True]
    judged = without_shut(case(N, recipe).judged, recipe, shut)
    made = plan_campaign(recipe, case(N, recipe, judged=judged, now_us=now))
    taken = made.actions.action[made.actions.action >= 0]
    assert {recipe.channels[recipe.pairs[way][1]].name for way in taken} == {"app", "push"}
    assert len(taken) > 300
    assert (made.actions.opens_us > now).all()


def test_a_campaign_that_is_over_is_refused():
    recipe = tight()
    with pytest.raises(BadInput, match="it ends on 2026-04-19, and app has no window left"):
        plan_campaign(recipe, case(N, recipe, now_us=NOW + 30 * DAY))


def test_what_is_left_for_offers_at_once_is_no_plans():
    recipe = tight(at_once=AtOnce(0.25))
    given = case(N, recipe)
    made = plan_campaign(recipe, given)
    whole = limits_of(tight()).together
    np.testing.assert_array_equal(limits_of(recipe).together[1:], np.floor(0.75 * whole[1:]))
    used = used_of(recipe, given, made)
    assert (used <= 0.75 * whole * (1 + 1e-12)).all()
    assert used[0] > 0.99 * 0.75 * whole[0]
