"""A plan in figures: what it uses, what it is expected to bring, what stopped whom, and its prices.

A plan and its recipe come in; plain records go out, as plan.json and a screen have them. Pure.
"""

from __future__ import annotations

from collections import Counter

import msgspec
import numpy as np

from finmodel.records import Float64s
from marketing.allocation.dual import choices, prices_of, reachable
from marketing.allocation.options import Limits
from marketing.allocation.rounding import uses_of
from marketing.campaign.lanes import Lane
from marketing.campaign.limits import limits_of
from marketing.campaign.planning import CampaignPlan, Case
from marketing.campaign.recipe import CampaignRecipe

SAMPLE = 20_000
BUDGETS = (0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0)
"""Points of the curve, as parts of the budget."""


class Used(msgspec.Struct, frozen=True):
    """One limit: what plans may use of it, what this one does, what one unit more would bring."""

    name: str
    limit: float | None
    used: float
    price: float
    earlier: float = 0.0
    """What earlier plans of the campaign use of it."""


class BudgetPoint(msgspec.Struct, frozen=True):
    """What a plan of another budget would be expected to gain (an upper bound, all else equal)."""

    budget_minor: float
    gain_minor: float


class PlanSummary(msgspec.Struct, frozen=True):
    """All of a plan that is no customer's."""

    campaign: str
    number: int
    customers: int
    contacts: int
    lanes: dict[str, int]
    contacts_by_lane: dict[str, int]
    contacts_by_offer: dict[str, int]
    contacts_by_channel: dict[str, int]
    not_contacted: dict[str, int]
    """Customers by the first rule that left them nothing; with `contacts` they are all."""
    stopped_by_rule: dict[str, int]
    """Customers whom each rule stops, whatever others do: `frequency_cap` are the cap's hits."""
    expected_gain_minor: float
    """Of all contacts, those by lot too."""
    expected_cost_minor: float
    expected_responses_more: float
    value_minor: float
    """What the planned lane is expected to gain."""
    bound_minor: float
    """What no plan of that lane within the limits can gain more than."""
    gap_to_bound: float
    limits: tuple[Used, ...]
    budget_curve: tuple[BudgetPoint, ...]
    barred: dict[str, dict[str, int]] = {}
    """Offers that nobody of the plan's lane may get any more, passed over: customers by rule."""


def summary_of(
    recipe: CampaignRecipe,
    case: Case,
    made: CampaignPlan,
    curve: tuple[BudgetPoint, ...] | None = None,
) -> PlanSummary:
    """The figures; the curve of other budgets takes seconds, and may be known already."""
    action, plan = made.actions.action, made.plan
    rows = np.flatnonzero(action >= 0)
    ways = action[rows]
    offers = [recipe.offers[o].id for o, _ in recipe.pairs]
    channels = [recipe.channels[c].name for _, c in recipe.pairs]
    by_way = Counter(ways.tolist())
    return PlanSummary(
        campaign=recipe.name,
        number=case.number,
        customers=len(action),
        contacts=len(rows),
        lanes=_by_lane(case.lanes),
        contacts_by_lane=_by_lane(case.lanes[rows]),
        contacts_by_offer=_added(offers, by_way),
        contacts_by_channel=_added(channels, by_way),
        not_contacted=dict(Counter(one for one in made.actions.reason if one).most_common()),
        stopped_by_rule=made.judged.counts(),
        expected_gain_minor=float(case.expected.gain[rows, ways].sum()),
        expected_cost_minor=float(case.expected.cost[rows, ways].sum()),
        expected_responses_more=float(case.expected.uplift[rows, ways].sum()),
        value_minor=plan.value,
        bound_minor=plan.bound,
        gap_to_bound=plan.gap,
        limits=_limits(recipe, case, made),
        budget_curve=budget_curve(made, case) if curve is None else curve,
        barred={offer: dict(rules) for offer, rules in made.barred.items()},
    )


def budget_curve(made: CampaignPlan, case: Case) -> tuple[BudgetPoint, ...]:
    """The bound of what other budgets would gain, of a sample of the planned lane, scaled up."""
    ours = np.flatnonzero(case.lanes == Lane.PLAN)
    part = ours[:: max(len(ours) // SAMPLE, 1)]
    options, scale = made.options.only(part), len(ours) / len(part)
    left = made.limits.together - made.aside
    offers = len(made.limits.inventory)
    found = []
    for times in BUDGETS:
        budget = max(made.limits.budget * times - float(made.aside[0]), 0.0)
        limits = Limits(budget / scale, left[1 : 1 + offers] / scale, left[1 + offers :] / scale)
        limit = reachable(options, limits)
        bound = choices(options, limit, prices_of(options, limit)).bound
        found.append(BudgetPoint(made.limits.budget * times, bound * scale))
    return tuple(found)


def _limits(recipe: CampaignRecipe, case: Case, made: CampaignPlan) -> tuple[Used, ...]:
    used: Float64s = uses_of(made.options, made.actions.action)
    told = zip(
        made.plan.names,
        limits_of(recipe).together.tolist(),
        used.tolist(),
        made.plan.price.tolist(),
        strict=True,
    )
    return tuple(
        Used(name, None if limit == np.inf else limit, use, price, case.used.get(name, 0.0))
        for name, limit, use, price in told
    )


def _by_lane(lanes: np.ndarray[tuple[int], np.dtype[np.int8]]) -> dict[str, int]:
    return {lane.name.lower(): int((lanes == lane).sum()) for lane in Lane}


def _added(names: list[str], by_way: Counter[int]) -> dict[str, int]:
    told = dict.fromkeys(names, 0)
    for way, count in by_way.items():
        told[names[way]] += count
    return told
