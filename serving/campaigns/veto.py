"""Whom risk declines credit: by the policy in force of the card a campaign consults, as `/decide`.

A card, its features and its points come in; whom it declines goes out, by product. Where no policy
was ever approved for the card its own cut-offs decide. What only an application says (an amount, a
bureau's answer) is not known here, and no rule on it is asked. Knows no campaign's rules.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from feature_store.plan import plan_from
from finmodel.export import ExportedModel
from finmodel.manifest import Manifest, Policy, require_card
from finmodel.records import FeatureBatch, Float64s, ViewState
from finmodel.settings import Settings
from marketing.campaign.lanes import Flags
from marketing.campaign.recipe import CampaignRecipe
from risk import scaling
from risk.policy.many import DECLINE, Cases, decide_many
from risk.policy.plan import Plan, PlannedRule
from serving.fallback_card import fallback_card
from serving.in_force import InForce, policy_now
from serving.live import Card


@dataclass(frozen=True, slots=True, eq=False)
class Veto:
    """What decides for one card, and of which products."""

    manifest: Manifest
    products: tuple[str, ...]
    """(p,) of each way's offer."""
    policy: InForce | None
    """None where the card's own cut-offs decide."""
    card: Card | None = None
    """The scorecard that stands in for the model."""

    @property
    def name(self) -> str:
        """What decides, as contact lists and records name it: `drawdown 3`, or the card itself."""
        about = self.manifest if self.policy is None else self.policy.about
        return f"{about.name} {about.version}"

    def declines(self, batch: FeatureBatch, points: Float64s) -> Flags:
        """(n, p) whom risk declines this product; everybody of whom it has no points."""
        if self.policy is None:
            own = declined_by_card(require_card(self.manifest).policy, batch, points)
            return np.repeat(own[:, None], len(self.products), axis=1)
        points = self._standing_in(self.policy, batch, points)
        plan = _of_offers(self.policy.plan)
        told = {one: declined_by_policy(plan, one, batch, points) for one in set(self.products)}
        return np.stack([told[one] for one in self.products], axis=1)

    def _standing_in(self, policy: InForce, batch: FeatureBatch, points: Float64s) -> Float64s:
        """The points, without the steps that are switched off; NaN where none is left."""
        left = np.full(len(points), np.nan) if "model" in policy.off else points
        steps = policy.plan.policy.fallback
        if self.card is None or "scorecard" in policy.off or "scorecard" not in steps:
            return left
        by_card = scaling.points_many(self.card.log_odds_many(batch.matrix), self.manifest.scaling)
        return np.where(np.isfinite(left), left, by_card)


def open_veto(
    settings: Settings, recipe: CampaignRecipe, card: ExportedModel | None
) -> Veto | None:
    """What decides now; None without a card, Damaged where the policy in force does not fit it."""
    if card is None:
        return None
    manifest = card.manifest
    views = plan_from(manifest.plan).view_names if manifest.plan else ()
    return Veto(
        manifest,
        tuple(recipe.offers[o].product for o, _ in recipe.pairs),
        policy_now(settings, manifest, views),
        fallback_card(card.card, manifest),
    )


def declined_by_card(own: Policy, batch: FeatureBatch, points: Float64s) -> Flags:
    """(n,) whom a card's own cut-offs decline, or what they say of views."""
    found = ~(points >= own.refer_points)
    if own.stale == "decline":
        found |= (batch.states == ViewState.STALE).any(axis=1)
    if own.missing == "decline":
        needed = [view not in own.optional_views for view in batch.views]
        here = (batch.states == ViewState.PRESENT) | (batch.states == ViewState.STALE)
        found |= ~here[:, needed].all(axis=1)
    return found


def declined_by_policy(plan: Plan, product: str, batch: FeatureBatch, points: Float64s) -> Flags:
    """(n,) whom a policy declines this product; everybody, of a product that it does not name.

    Also whom the points alone decline, though a rule or a view would have a person look first.
    """
    if product not in plan.cuts:
        return np.ones(len(points), bool)
    n, cut = len(points), plan.cuts[product]
    low = np.array([band.then == "decline" for band in cut.bands])
    by_points: Flags = low[np.searchsorted(np.array(cut.edges), points, side="right")]
    cases = Cases(
        requests={"product": np.full(n, product), "amount_minor": np.zeros(n)},
        matrix=batch.matrix,
        views=batch.views,
        states=batch.states,
        points=points,
        switched_off=np.zeros(n, bool),
        drawn=np.ones(n),
    )
    by_rules: Flags = decide_many(plan, cases).answers == DECLINE
    return by_rules | by_points | ~np.isfinite(points)


def _of_offers(plan: Plan) -> Plan:
    """The plan as far as it can be asked of who did not apply; nobody is approved by lot."""
    return replace(plan, rules=tuple(filter(_is_known, plan.rules)), lane=None)


def _is_known(rule: PlannedRule) -> bool:
    return all(test.column >= 0 or test.request == "product" for test in rule.tests)
