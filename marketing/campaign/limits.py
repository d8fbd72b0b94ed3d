"""What a campaign's next plan may use up: the recipe's limits, less what earlier plans used.

A recipe and what was used, by the name of the limit, come in; limits go out, and which ways are
left. A campaign of which nothing is left is refused in a sentence. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from finmodel.errors import BadInput
from finmodel.records import Float64s
from marketing.allocation.options import Limits
from marketing.campaign.eligibility import Judged
from marketing.campaign.recipe import CampaignRecipe

SPENT = "spent"
"""The rule that vetoes a way of which nothing is left."""


def names_of(recipe: CampaignRecipe) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of offers and of channels."""
    return tuple(o.id for o in recipe.offers), tuple(c.name for c in recipe.channels)


def limits_of(recipe: CampaignRecipe) -> Limits:
    """What a campaign's plans may use up: what is not for offers at once, whose part is rounded."""
    share = recipe.at_once.share

    def rest(most: Sequence[int | None]) -> Float64s:
        told = np.array([np.nan if one is None else one for one in most], np.float64)
        return np.nan_to_num(told - np.floor(told * share), nan=np.inf)

    return Limits(
        recipe.budget_minor * (1.0 - share),
        rest([offer.inventory for offer in recipe.offers]),
        rest([channel.capacity for channel in recipe.channels]),
    )


def limits_left(recipe: CampaignRecipe, used: Mapping[str, float]) -> Limits:
    """What earlier plans left; BadInput where they left no offer, no channel or no contact's cost.

    `used` of them by the name of the limit: `budget`, and those of offers and channels.
    """
    whole, (offers, channels) = limits_of(recipe), names_of(recipe)
    left = Limits(
        max(whole.budget - used.get("budget", 0.0), 0.0),
        np.maximum(whole.inventory - [used.get(name, 0.0) for name in offers], 0.0),
        np.maximum(whole.capacity - [used.get(name, 0.0) for name in channels], 0.0),
    )
    if used:
        _require_some(recipe, left)
    return left


def without_spent(recipe: CampaignRecipe, judged: Judged, used: Mapping[str, float]) -> Judged:
    """The same, without the ways of which earlier plans left nothing; BadInput if those are all."""
    left = limits_left(recipe, used)
    spent = np.array([min(left.inventory[o], left.capacity[c]) < 1.0 for o, c in recipe.pairs])
    shut = np.broadcast_to(spent, (len(judged.free), len(spent)))
    return replace(judged, vetoed={**judged.vetoed, SPENT: shut})


def _require_some(recipe: CampaignRecipe, left: Limits) -> None:
    cheapest = min(channel.cost_minor for channel in recipe.channels)
    there = {
        "the budget": 0.0 < left.budget >= cheapest,
        "any offer": left.inventory.max() >= 1.0,
        "any channel": left.capacity.max() >= 1.0,
    }
    spent = [name for name, enough in there.items() if not enough]
    if spent:
        raise BadInput(
            f"its earlier plans left nothing of {' and of '.join(spent)}",
            where=f"campaign {recipe.name}",
            remedy="raise the budget, inventory or capacity",
        )
