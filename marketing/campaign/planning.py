"""A campaign's plan: who gets what, how, in which window, and with which probability.

Customers' rules, lanes and expectations come in as arrays; an action for each goes out, with the
prices that made it, what proves it near the optimum, and what stopped the others. Lanes come first:
what the lane by lot and the lane without personalisation use is set aside before the rest is
allocated. Pure: knows no file, no ledger and no model.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from finmodel.errors import BadInput
from finmodel.records import Float64s, Int64s
from marketing.allocation.allocate import Plan, allocate
from marketing.allocation.dual import choices
from marketing.allocation.options import Limits, Options, barred_offers, options_of_pairs
from marketing.allocation.rounding import uses_of
from marketing.campaign.contact_hours import Windows, open_minutes, windows_of
from marketing.campaign.eligibility import Judged, with_holdout, worth_it
from marketing.campaign.expected import Expected
from marketing.campaign.lanes import Flags, Lane, Lanes, drawn, propensities, turn_of
from marketing.campaign.limits import SPENT, limits_left, names_of
from marketing.campaign.recipe import CampaignRecipe

NOBODY = -1
CLOSE = 1e-4
"""The part of the bound by which a plan may miss it: what is expected is not known more closely."""


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """Whom a plan is for: n customers, what the rules say of them, and what is expected."""

    customer: Int64s
    judged: Judged
    """Without the holdout, uplift and gain, which the plan asks for itself; with the channels that
    have no window left (`eligibility.without_shut`)."""
    lanes: Lanes
    expected: Expected
    number: int
    """Of the plan, within its campaign."""
    now_us: int
    used: Mapping[str, float] = field(default_factory=dict)
    """What the campaign's earlier plans use, by the name of the limit."""


@dataclass(frozen=True, slots=True, eq=False)
class Actions:
    """n customers' actions."""

    action: Int64s
    """(n,) place of the way; -1 for none."""
    planned: Int64s
    """(n,) what the plan has for the customer, whatever the lane: for the holdout, too."""
    propensity: Float64s
    """(n,) of the action, over the lots; 1 in the holdout."""
    opens_us: Int64s
    """(n,) of the window; of the planned one where there is no action; of any where there is
    neither, so that everybody's responses are counted from a like time on."""
    closes_us: Int64s
    reason: list[str]
    """(n,) the rule why there is no contact; empty where there is one."""


@dataclass(frozen=True, slots=True, eq=False)
class CampaignPlan:
    """The actions, and what proves them."""

    actions: Actions
    judged: Judged
    """With every rule."""
    plan: Plan
    options: Options
    """Of everybody, as the plan may choose."""
    limits: Limits
    """Of this plan: what earlier ones left."""
    aside: Float64s
    """(1 + offers + channels,) what was set aside for the other lanes."""
    barred: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Offers that nobody of the plan's lane may get: customers by the first rule that says so."""


def plan_campaign(recipe: CampaignRecipe, case: Case) -> CampaignPlan:
    """The plan; BadInput where nobody may get an offer, or a lane alone breaks a limit.

    After a campaign's first plan an offer that nobody may get is passed over, if another is left.
    """
    windows = windows_by_channel(recipe, case.now_us)
    expected, limits = case.expected, limits_left(recipe, case.used)
    worth = worth_it(
        case.judged, expected.scored, expected.uplift, expected.gain, recipe.minimum_uplift
    )
    hard = case.judged.allowed
    options = options_of_pairs(
        expected.gain, expected.cost, recipe.pairs, names_of(recipe), _priced(worth).allowed
    )
    action = by_lane(recipe, case, hard)
    propensity = np.ones(len(action))
    _uniform_within(action, propensity, case, options, limits)
    aside = uses_of(options, action)
    left = _less(recipe, case, limits, aside)
    ours = np.flatnonzero(case.lanes == Lane.PLAN)
    barred = _barred(recipe, worth, ours, barred_offers(options.only(ours)))
    _require_offers(recipe, barred, later=case.number > 1)
    plan = allocate(options.only(ours), left, CLOSE, barred)
    there = replace(options, gain=np.where(worth.allowed, options.gain, -np.inf))
    planned = choices(there, np.zeros(len(plan.price)), plan.price).best
    planned[ours] = plan.offer
    planned[case.lanes == Lane.UNIFORM] = NOBODY
    action[ours] = plan.offer
    _require_somebody(action, plan.names, limits)
    by_lot = np.flatnonzero(np.isin(case.lanes, (Lane.PLAN, Lane.EXPLORE)))
    ways = hard[by_lot].sum(axis=1)
    told = propensities(action[by_lot], planned[by_lot], ways, recipe.explore.share)
    propensity[by_lot] = told
    judged = with_holdout(worth, case.lanes == Lane.HOLDOUT)
    opens, closes = _windows(case, recipe, np.where(action >= 0, action, planned), windows)
    reason = reasons_of(case, judged, action)
    actions = Actions(action, planned, propensity, opens, closes, reason)
    return CampaignPlan(actions, judged, plan, options, limits, aside, barred)


def _barred(
    recipe: CampaignRecipe, judged: Judged, rows: Int64s, offers: Collection[str]
) -> dict[str, dict[str, int]]:
    """Of each of these offers, by rule, the customers whom that rule first leaves no way to it."""
    told = {}
    for offer in offers:
        ways = np.array([recipe.offers[o].id == offer for o, _ in recipe.pairs])
        told[offer] = dict(Counter(judged.of_ways(rows, ways).first()).most_common())
    return told


def _require_offers(
    recipe: CampaignRecipe, barred: Mapping[str, Mapping[str, int]], *, later: bool
) -> None:
    if not barred or (later and len(barred) < len(recipe.offers)):
        return
    offer, rules = next(iter(barred.items()))
    told = ", ".join(f"{rule} stops {count:,}" for rule, count in rules.items())
    raise BadInput(
        f"nobody may get it: {told or 'there is nobody in the plan lane'}",
        where=f"offer {offer}",
        remedy="take it out, or change what stops them",
    )


def _priced(judged: Judged) -> Judged:
    """The same, with the ways of which nothing is left: they have a price, and a limit of 0."""
    return replace(judged, vetoed={k: v for k, v in judged.vetoed.items() if k != SPENT})


def windows_by_channel(recipe: CampaignRecipe, now_us: int) -> list[Windows]:
    """Each channel's windows from now on; BadInput where none has one left."""
    quiet = recipe.quiet_hours.since, recipe.quiet_hours.to
    found = []
    for channel in recipe.channels:
        stretches = open_minutes(channel.hours, quiet)
        found.append(windows_of(stretches, (recipe.starts, recipe.ends), recipe.zone, now_us))
    if not any(len(one.opens_us) for one in found):
        first, *others = (channel.name for channel in recipe.channels)
        nor = f", nor has {' or '.join(others)}" if others else ""
        raise BadInput(
            f"it ends on {recipe.ends}, and {first} has no window left until then{nor}",
            where=f"campaign {recipe.name}",
            remedy="plan it earlier, or let it end later",
        )
    return found


def by_lane(recipe: CampaignRecipe, case: Case, hard: Flags) -> Int64s:
    """(n,) actions of the lanes that no plan decides: by lot, or the uniform offer for all."""
    action = np.full(len(case.customer), NOBODY)
    lot = case.lanes == Lane.EXPLORE
    number = str(case.number)
    action[lot] = drawn(case.customer[lot], hard[lot], recipe.name, number)
    uniform = case.lanes == Lane.UNIFORM
    only = np.where(hard.any(axis=1), hard.argmax(axis=1), NOBODY)
    action[uniform] = only[uniform]
    return action


def _uniform_within(
    action: Int64s, propensity: Float64s, case: Case, options: Options, limits: Limits
) -> None:
    """Take uniform offers back, by lot, until their share of each limit suffices; in place."""
    rows = np.flatnonzero((case.lanes == Lane.UNIFORM) & (action >= 0))
    if not len(rows):
        return
    everybody = max(int(case.judged.free.sum()), 1)
    way = int(action[rows[0]])
    share = len(rows) / everybody
    each = uses_of(options.only(rows[:1]), action[rows[:1]])
    with np.errstate(divide="ignore", invalid="ignore"):
        most = np.where(each > 0.0, limits.together * share / each, np.inf).min()
    kept = int(min(len(rows), most))
    turn = turn_of(case.customer[rows], "uniform", str(case.number), str(way))
    action[rows[np.argsort(turn, kind="stable")[kept:]]] = NOBODY
    chance = kept / len(rows)
    propensity[rows] = np.where(action[rows] >= 0, chance, 1.0 - chance)


def _less(recipe: CampaignRecipe, case: Case, limits: Limits, aside: Float64s) -> Limits:
    left = limits.together - aside
    if (left < 0.0).any():
        offers, channels = names_of(recipe)
        over = np.array(["budget", *offers, *channels])[left < 0.0]
        raise BadInput(
            "the lane by lot and the uniform offers would alone use more than is left of "
            + ", ".join(over)
            + (" after earlier plans" if case.used else ""),
            where="explore",
            remedy="lower explore.share, or raise the budget, inventory or capacity",
        )
    until = 1 + len(limits.inventory)
    return Limits(float(left[0]), left[1:until], left[until:])


def _require_somebody(action: Int64s, names: tuple[str, ...], limits: Limits) -> None:
    spent = [n for n, most in zip(names, limits.together.tolist(), strict=True) if most < 1.0]
    if spent and (action < 0).all():
        raise BadInput(
            f"nobody gets anything: less than 1 is left of {', '.join(spent)}",
            where="limits",
            remedy="raise the budget, inventory or capacity",
        )


def _windows(
    case: Case, recipe: CampaignRecipe, way: Int64s, windows: list[Windows]
) -> tuple[Int64s, Int64s]:
    """(n,) when each customer's window opens and closes: spread over the channel's by lot."""
    turn = turn_of(case.customer, "window", recipe.name, str(case.number))
    channel = np.array([c for _, c in recipe.pairs])[way]
    channel[way < 0] = next(place for place, one in enumerate(windows) if len(one.opens_us))
    opens, closes = np.zeros(len(way), np.int64), np.zeros(len(way), np.int64)
    for place, told in enumerate(windows):
        rows = np.flatnonzero(channel == place)
        at = told.spread(turn[rows])
        opens[rows], closes[rows] = told.opens_us[at], told.closes_us[at]
    return opens, closes


def reasons_of(case: Case, judged: Judged, action: Int64s) -> list[str]:
    """(n,) the first rule, else the price or the lot, where there is no contact."""
    by_rules, by_plan = case.judged.first(), judged.first()
    told = []
    for row, (lane, way) in enumerate(zip(case.lanes.tolist(), action.tolist(), strict=True)):
        if way >= 0:
            told.append("")
        elif lane == Lane.EXPLORE:
            told.append(by_rules[row] or "lot")
        elif lane == Lane.UNIFORM:
            told.append(by_rules[row] or "price")
        else:
            told.append(by_plan[row] or "price")
    return told
