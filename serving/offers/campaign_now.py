"""A campaign as it stands now: the recipe and the prices of its newest plan, and their pace.

A plan's signed folder comes in; what an offer at once, and whoever watches, need of it goes out.
Knows no customer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from finmodel.records import Float64s
from finmodel.settings import Settings
from marketing.campaign.pacing import Pace, Pacing, elapsed_of
from marketing.campaign.recipe import CampaignRecipe
from marketing.campaign.recipe_file import campaign_in
from marketing.ledger.contacts import Planned
from serving.campaigns.plan import PLAN, RECIPE, PlanFile, plan_files


@dataclass(frozen=True, slots=True, eq=False)
class CampaignNow:
    """One plan, as a rule the newest."""

    planned: Planned
    about: PlanFile
    recipe: CampaignRecipe
    pacing: Pacing
    limits: Mapping[str, float]
    """By name, for all offers at once together; of what has no limit infinity."""

    @property
    def taken(self) -> Float64s:
        """(p,) P(response | treated) of who is not scored: one for all, whoever else is asked for.

        The plan's mean; a plan that kept none is taken to be of offers that are surely taken.
        """
        return np.array(self.about.taken or np.ones(len(self.about.ways)))

    def price(self, used: Mapping[str, float], now_us: int) -> Float64s:
        """(1 + offers + channels,) prices of now, by what offers at once have used."""
        return self.pace(used, now_us).price

    def pace(self, used: Mapping[str, float], now_us: int) -> Pace:
        """Prices that go on from now, customer by customer."""
        so_far = np.array([used.get(name, 0.0) for name in self.limits])
        return Pace(self.pacing, so_far, elapsed_of(self.recipe, now_us))


def campaign_now(settings: Settings, planned: Planned) -> CampaignNow:
    """A plan of a campaign; Damaged where it was altered."""
    name = planned.campaign
    files = plan_files(settings, name, planned.number)
    about = msgspec.json.decode(files[PLAN], type=PlanFile)
    recipe = campaign_in(files[RECIPE].decode(), Path(f"campaign {name}"))
    summary, limits = about.summary, limits_at_once(recipe)
    start = np.array([one.price for one in summary.limits])
    # Of the plan's own limits; what is left is expected to earn as much, unit by unit.
    share = recipe.at_once.share
    value = summary.value_minor * share / (1.0 - share)
    pacing = Pacing(start, np.array(list(limits.values())), value)
    return CampaignNow(planned, about, recipe, pacing, limits)


def limits_at_once(recipe: CampaignRecipe) -> dict[str, float]:
    """What is left of each limit for offers at once, by name: budget, offers, channels."""
    share = recipe.at_once.share
    told = {"budget": recipe.budget_minor * share}
    for one, most in (
        *((offer.id, offer.inventory) for offer in recipe.offers),
        *((channel.name, channel.capacity) for channel in recipe.channels),
    ):
        told[one] = np.inf if most is None else float(np.floor(most * share))
    return told
