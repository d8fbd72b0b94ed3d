"""An offer at once: what a campaign's prices choose for customers who are here now.

Rules, lanes and expectations come in as for a plan, with prices that go on from those the plan
ended with, customer by customer; an action for each goes out, when to take it, and with which
probability it was chosen. The lot of a customer falls as it fell in the plan. Pure: knows no ledger
and no model.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from finmodel.records import Float64s, Int64s
from marketing.allocation.options import Options, options_of_pairs
from marketing.campaign.contact_hours import next_window, open_minutes
from marketing.campaign.eligibility import Judged, with_holdout, worth_it
from marketing.campaign.lanes import Lane, propensities
from marketing.campaign.limits import SPENT, names_of
from marketing.campaign.pacing import Pace, Turn
from marketing.campaign.planning import NOBODY, Case, by_lane, reasons_of
from marketing.campaign.recipe import CampaignRecipe


@dataclass(frozen=True, slots=True, eq=False)
class Chosen:
    """n customers' actions of now."""

    action: Int64s
    """(n,) place of the way (`CampaignRecipe.pairs`); -1 for none."""
    planned: Int64s
    """(n,) what the prices choose of what is left, in the holdout too; nothing for who is not
    personalised."""
    propensity: Float64s
    """(n,) of the action, over the lots; 1 where there is no lot."""
    reason: list[str]
    """(n,) the rule why there is no offer; empty where there is one."""
    after: Float64s
    """(n, p) gain of each way after prices; -inf where it may not be."""
    price: Float64s
    """(n, m) prices of budget, offers and channels when it was the customer's turn."""
    judged: Judged
    """With every rule."""


def choose(recipe: CampaignRecipe, case: Case, pace: Pace) -> Chosen:
    """The actions, customer by customer in their order: each moves the prices of those after.

    Where of the best way nothing is left, the next best that fits is taken. The probability is that
    of the action by then: over the lots, given what those before have used.
    """
    expected = case.expected
    worth = worth_it(
        case.judged, expected.scored, expected.uplift, expected.gain, recipe.minimum_uplift
    )
    options = _options(recipe, case, worth)
    hard = case.judged.allowed
    lots = np.isin(case.lanes, (Lane.PLAN, Lane.EXPLORE))
    action = by_lane(recipe, case, hard)
    turns = _in_turn(case, options, action, pace)
    planned = np.array([one.best for one in turns], np.int64)
    planned[case.lanes == Lane.UNIFORM] = NOBODY
    told = propensities(action, planned, hard.sum(axis=1), recipe.explore.share)
    judged = with_holdout(worth, case.lanes == Lane.HOLDOUT)
    reason = reasons_of(case, judged, action)
    for row in np.flatnonzero((case.lanes == Lane.PLAN) & [one.spent for one in turns]).tolist():
        reason[row] = SPENT
    price_of_none = np.empty((0, len(pace.price)))
    return Chosen(
        action=action,
        planned=planned,
        propensity=np.where(lots, told, 1.0),
        reason=reason,
        after=np.array([one.after for one in turns]).reshape(hard.shape),
        price=np.array([one.price for one in turns]) if turns else price_of_none,
        judged=judged,
    )


def _options(recipe: CampaignRecipe, case: Case, worth: Judged) -> Options:
    gain, cost = case.expected.gain, case.expected.cost
    return options_of_pairs(gain, cost, recipe.pairs, names_of(recipe), worth.allowed)


def _in_turn(case: Case, options: Options, action: Int64s, pace: Pace) -> list[Turn]:
    """Each customer's choice; into `action` where the plan decides. The holdout uses nothing."""
    turns = []
    for row, lane in enumerate(case.lanes.tolist()):
        turn = pace.turn(options, row)
        if lane == Lane.PLAN:
            action[row] = turn.best
        if action[row] >= 0:
            pace.take(options, row, int(action[row]))
        turns.append(turn)
    return turns


def windows_now(recipe: CampaignRecipe, now_us: int) -> list[tuple[int, int] | None]:
    """When each channel may be used next: (from, until), from now where it is open; None: never."""
    quiet = recipe.quiet_hours.since, recipe.quiet_hours.to
    days = recipe.starts, recipe.ends
    return [
        next_window(open_minutes(channel.hours, quiet), days, recipe.zone, now_us)
        for channel in recipe.channels
    ]
