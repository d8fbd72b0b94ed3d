"""An offer at once: what a campaign's prices choose for customers who are here now.

Rules, lanes and expectations come in as for a plan, with the prices that the plan ended with; an
action for each customer goes out, when to take it, and with which probability it was chosen. The
lot of a customer falls as it fell in the plan. Pure: knows no ledger and no model.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from finmodel.records import Float64s, Int64s
from marketing.allocation.dual import choices
from marketing.allocation.options import options_of_pairs
from marketing.campaign.contact_hours import next_window, open_minutes
from marketing.campaign.eligibility import Judged, with_holdout, worth_it
from marketing.campaign.lanes import Lane, propensities
from marketing.campaign.limits import names_of
from marketing.campaign.planning import NOBODY, Case, by_lane, reasons_of
from marketing.campaign.recipe import CampaignRecipe


@dataclass(frozen=True, slots=True, eq=False)
class Chosen:
    """n customers' actions of now."""

    action: Int64s
    """(n,) place of the way (`CampaignRecipe.pairs`); -1 for none."""
    planned: Int64s
    """(n,) what the prices choose, in the holdout too; nothing for who is not personalised."""
    propensity: Float64s
    """(n,) of the action, over the lots; 1 where there is no lot."""
    reason: list[str]
    """(n,) the rule why there is no offer; empty where there is one."""
    after: Float64s
    """(n, p) gain of each way after prices; -inf where it may not be."""
    judged: Judged
    """With every rule."""


def choose(recipe: CampaignRecipe, case: Case, price: Float64s) -> Chosen:
    """The actions; `price` are the plan's, of budget, offers and channels."""
    expected = case.expected
    worth = worth_it(case.judged, expected.uplift, expected.gain, recipe.minimum_uplift)
    options = options_of_pairs(
        expected.gain, expected.cost, recipe.pairs, names_of(recipe), worth.allowed
    )
    hard = case.judged.allowed
    lots = np.isin(case.lanes, (Lane.PLAN, Lane.EXPLORE))
    best = choices(options, np.zeros(len(price)), price).best
    planned = np.where(case.lanes == Lane.UNIFORM, NOBODY, best)
    action = np.where(case.lanes == Lane.PLAN, planned, by_lane(recipe, case, hard))
    action[case.lanes == Lane.HOLDOUT] = NOBODY
    told = propensities(action, planned, hard.sum(axis=1), recipe.explore.share)
    judged = with_holdout(worth, case.lanes == Lane.HOLDOUT)
    return Chosen(
        action=action,
        planned=planned,
        propensity=np.where(lots, told, 1.0),
        reason=reasons_of(case, judged, action),
        after=_after(recipe, expected.gain, expected.cost, price, worth),
        judged=judged,
    )


def windows_now(recipe: CampaignRecipe, now_us: int) -> list[tuple[int, int] | None]:
    """When each channel may be used next: (from, until), from now where it is open; None: never."""
    quiet = recipe.quiet_hours.since, recipe.quiet_hours.to
    days = recipe.starts, recipe.ends
    return [
        next_window(open_minutes(channel.hours, quiet), days, recipe.zone, now_us)
        for channel in recipe.channels
    ]


def _after(
    recipe: CampaignRecipe, gain: Float64s, cost: Float64s, price: Float64s, worth: Judged
) -> Float64s:
    offers = len(recipe.offers)
    of_offer = np.array([price[1 + o] for o, _ in recipe.pairs])
    of_channel = np.array([price[1 + offers + c] for _, c in recipe.pairs])
    return np.where(worth.allowed, gain - price[0] * cost - of_offer - of_channel, -np.inf)
