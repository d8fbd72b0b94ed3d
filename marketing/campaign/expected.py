"""What each way of making an offer is expected to bring and to cost, customer by customer.

Models' answers come in: the probability of a response with no offer, and what each treatment adds.
Uplift, cost and gain of every way go out, and who was not scored. Pure; knows no model's insides.

    cost = contact + P(response | treated) · offer's cost
    gain = uplift · value of a response - cost
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from feature_store.plan import ServicePlan
from finmodel.errors import BadInput
from finmodel.manifest import Manifest
from finmodel.records import Float32s, Float64s
from marketing.campaign.lanes import Flags
from marketing.campaign.recipe import CampaignRecipe


class CustomerModel(Protocol):
    """What a campaign asks of a champion."""

    @property
    def manifest(self) -> Manifest: ...
    @property
    def plan(self) -> ServicePlan | None: ...
    @property
    def treatments(self) -> tuple[str, ...]: ...
    def propensity(self, matrix: Float32s) -> Float64s:
        """(n,) calibrated probability."""
        ...

    def effects(self, matrix: Float32s) -> Float64s:
        """(n, treatments) uplift in probability."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """Of n customers; NaN for who was not to be scored, or could not be."""

    propensity: Float64s
    """(n,) P(response) with no offer."""
    effects: Float64s
    """(n, treatments) uplift in probability."""
    treatments: tuple[str, ...]
    points: Float64s
    """(n,) risk's points."""
    declined: Flags
    """(n,), or (n, p) by way: who was scored and whom risk declines, or has no points of."""

    @property
    def there(self) -> Flags:
        """(n,) who was scored."""
        return ~np.isnan(self.propensity)


@dataclass(frozen=True, slots=True, eq=False)
class Expected:
    """(n, p) of each way (`CampaignRecipe.pairs`); 0 gain and uplift for who was not scored."""

    uplift: Float64s
    cost: Float64s
    """In minor units; as `taken` says for who was not scored."""
    gain: Float64s
    scored: Flags
    """(n,)"""
    taken: Float64s
    """(p,) P(response | treated) of who was not scored."""


def treatment_of(recipe: CampaignRecipe, treatments: tuple[str, ...]) -> list[int]:
    """(p,) place of each way's treatment: `offer/channel`, else the offer, else the channel.

    BadInput where the preference model knows none of the three, or no treatment at all.
    """
    if not treatments:
        raise BadInput(
            "it is a propensity model: it knows no treatment's effect",
            where=f"model {recipe.models.preference}",
            remedy="name an uplift model under models.preference, as marketing_preference",
        )
    found = []
    for o, c in recipe.pairs:
        offer, channel = recipe.offers[o].id, recipe.channels[c].name
        names = [n for n in (f"{offer}/{channel}", offer, channel) if n in treatments]
        if not names:
            raise BadInput(
                f"it knows no effect of {offer} by {channel}, only of {', '.join(treatments)}",
                where=f"model {recipe.models.preference}",
                remedy="take the channel out, or train on a campaign that used it",
            )
        found.append(treatments.index(names[0]))
    return found


def expected_of(recipe: CampaignRecipe, scores: Scores, taken: Float64s | None = None) -> Expected:
    """What every way is expected to bring.

    Who was not scored responds as `taken` says, (p,) by way; unless it is given, as the mean of the
    others, or surely where nobody was scored.
    """
    there = scores.there
    effects = np.where(there[:, None], scores.effects, 0.0)
    uplift = effects[:, treatment_of(recipe, scores.treatments)]
    base = np.where(there, scores.propensity, 0.0)[:, None]
    responds = np.clip(base + uplift, 0.0, 1.0)
    if taken is None:
        taken = responds[there].mean(axis=0) if there.any() else np.ones(responds.shape[1])
    responds[~there] = taken
    contact = np.array([recipe.channels[c].cost_minor for _, c in recipe.pairs], np.float64)
    price = np.array([recipe.offers[o].cost_minor for o, _ in recipe.pairs], np.float64)
    value = np.array([recipe.offers[o].value_minor for o, _ in recipe.pairs], np.float64)
    cost = contact + responds * price
    gain = np.where(there[:, None], uplift * value - cost, 0.0)
    return Expected(uplift, cost, gain, there, taken)
