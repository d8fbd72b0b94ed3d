"""Customers whose every response is known: what a campaign is expected to do, and does."""

from __future__ import annotations

from typing import Any

import numpy as np

from marketing.campaign.eligibility import Judged, judge, with_risk
from marketing.campaign.expected import Scores, expected_of
from marketing.campaign.lanes import lanes_of
from marketing.campaign.planning import Case
from marketing.campaign.recipe import CampaignRecipe
from marketing.campaign.standing import Standing
from tests.marketing.small_campaign import NOW, shipped, standing

CHANNELS = ("app", "push", "sms")


def scores(customers: int, seed: int = 0) -> Scores:
    """A fifth draw anyway; an offer moves by up to 0.3, some away; risk declines one in ten."""
    random = np.random.default_rng(seed)
    base = random.beta(1.5, 6.0, customers)
    moved = np.clip(random.normal(0.06, 0.08, customers), -0.1, 0.3)
    effects = moved[:, None] * random.uniform(0.4, 1.0, (customers, 3))
    points = random.normal(580.0, 45.0, customers)
    return Scores(base, effects, CHANNELS, points, points < 520.0)


def case(
    customers: int,
    recipe: CampaignRecipe | None = None,
    told: Standing | None = None,
    scored: Scores | None = None,
    **changes: Any,
) -> Case:
    recipe = recipe or shipped()
    told = told or standing(customers)
    scored = scored or scores(customers)
    judged: Judged = judge(recipe, told, np.zeros((customers, len(recipe.caps)), np.int64), NOW)
    judged = with_risk(judged, recipe, ~scored.there & told.personalised, scored.declined)
    given = {
        "customer": told.customer,
        "judged": judged,
        "lanes": lanes_of(recipe, told.customer, told.personalised),
        "expected": expected_of(recipe, scored),
        "number": 1,
        "now_us": NOW,
    }
    return Case(**given | changes)
