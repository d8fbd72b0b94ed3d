"""Champions asked about many customers: one read of the features, then every model's answer.

Settings and a recipe come in, verified champions and their scores go out. Who must not be scored is
passed over here: neither read nor scored. Knows no rule and no plan.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from feature_store.online_answers import OnlineReader
from feature_store.online_reader import open_features
from feature_store.plan import ServicePlan, plan_from
from finmodel.errors import BadInput
from finmodel.export import ExportedModel, load_champion
from finmodel.manifest import Manifest
from finmodel.progress import Progress, silent
from finmodel.records import FeatureBatch, Float32s, Float64s, Int64s, ViewState
from finmodel.settings import Settings
from marketing.campaign.eligibility import Judged, with_risk
from marketing.campaign.expected import CustomerModel, Scores, expected_of
from marketing.campaign.lanes import Flags, lanes_of
from marketing.campaign.planning import Case
from marketing.campaign.recipe import CampaignRecipe
from marketing.campaign.standing import Standing
from marketing.models import open_model
from risk import scaling
from serving.campaigns.veto import Veto, open_veto

PIECE = 50_000
"""Customers read and scored at a time."""


@dataclass(frozen=True, slots=True, eq=False)
class Champions:
    """The models of a campaign."""

    propensity: CustomerModel
    preference: CustomerModel
    risk: ExportedModel | None
    veto: Veto | None = None
    """What says whom the risk card declines; `with_veto` opens it."""

    @property
    def manifests(self) -> list[Manifest]:
        """Of each, to be named in the plan's record."""
        told = [self.propensity.manifest, self.preference.manifest]
        return [*told, self.risk.manifest] if self.risk is not None else told


def open_champions(settings: Settings, recipe: CampaignRecipe) -> Champions:
    """The recipe's models as promoted now; NotReady where one was never, Damaged where altered."""
    models, keys = recipe.models, settings.signing
    return Champions(
        open_model(settings.exports, models.propensity, keys),
        open_model(settings.exports, models.preference, keys),
        None if models.risk is None else load_champion(settings.exports, models.risk, keys),
    )


def with_veto(settings: Settings, recipe: CampaignRecipe, champions: Champions) -> Champions:
    """The same, with the policy that now decides by the risk card's points."""
    return replace(champions, veto=open_veto(settings, recipe, champions.risk))


def wanted_of(judged: Judged, standing: Standing) -> Flags:
    """(n,) whom the models are to score: a way is left them, and they let us personalise."""
    found: Flags = judged.allowed.any(axis=1) & standing.personalised
    return found


def scores_of(
    settings: Settings,
    champions: Champions,
    customers: Int64s,
    wanted: Flags,
    as_of: datetime,
    progress: Progress = silent,
) -> Scores:
    """Scores of the wanted customers; NaN for the others, and for who has no feature at all."""
    with closing(open_features(settings)) as features:
        return scores_by(features, champions, customers, wanted, as_of, progress)


def scores_by(
    features: OnlineReader,
    champions: Champions,
    customers: Int64s,
    wanted: Flags,
    as_of: datetime,
    progress: Progress = silent,
) -> Scores:
    """The same, by a reader that is open already."""
    n, treatments, veto = len(customers), champions.preference.treatments, champions.veto
    assert (champions.risk is None) == (veto is None), "a card without what decides by it"
    told = Scores(
        propensity=np.full(n, np.nan),
        effects=np.full((n, len(treatments)), np.nan),
        treatments=treatments,
        points=np.full(n, np.nan),
        declined=np.zeros((n, 1 if veto is None else len(veto.products)), bool),
    )
    rows = np.flatnonzero(wanted)
    for piece in _pieces(rows):
        _score(told, champions, piece, Reading(features, customers[piece], as_of))
        progress("customers scored", min(int(piece[-1]) + 1, n), n)
    return told


def case_of(
    recipe: CampaignRecipe,
    standing: Standing,
    judged: Judged,
    scores: Scores,
    when: tuple[int, int],
    taken: Float64s | None = None,
) -> Case:
    """Whom a plan is for; `judged` are the rules before anybody was scored.

    `when` are its number and the time in microseconds; `taken` as `expected_of` has it.
    """
    lacking = wanted_of(judged, standing) & ~scores.there
    return Case(
        customer=standing.customer,
        judged=with_risk(judged, recipe, lacking, scores.declined),
        lanes=lanes_of(recipe, standing.customer, standing.personalised),
        expected=expected_of(recipe, scores, taken),
        number=when[0],
        now_us=when[1],
    )


class Reading:
    """Some customers' features, each plan's read once."""

    def __init__(self, features: OnlineReader, customers: Int64s, as_of: datetime) -> None:
        self._features, self._customers, self._as_of = features, customers, as_of
        self._read: dict[ServicePlan, FeatureBatch] = {}

    def of(self, plan: ServicePlan) -> FeatureBatch:
        """All that the plan knows of them."""
        if plan not in self._read:
            self._read[plan] = self._features.fetch(self._customers, plan, self._as_of)
        return self._read[plan]

    def matrix(self, model: CustomerModel) -> Float32s:
        """The model's own features, in its own order."""
        batch = self.of(plan_asked(model.manifest, model.plan))
        if batch.names == model.manifest.features:
            return batch.matrix
        place = [batch.names.index(name) for name in model.manifest.features]
        return np.ascontiguousarray(batch.matrix[:, place])

    def nobody(self, model: CustomerModel) -> Flags:
        """(n,) of whom the store has no view at all that the model reads."""
        batch = self.of(plan_asked(model.manifest, model.plan))
        found: Flags = (batch.states == ViewState.MISSING).all(axis=1)
        return found


def _score(told: Scores, champions: Champions, rows: Int64s, reading: Reading) -> None:
    """Into the rows of the scores."""
    told.propensity[rows] = champions.propensity.propensity(reading.matrix(champions.propensity))
    told.effects[rows] = champions.preference.effects(reading.matrix(champions.preference))
    if champions.risk is not None and champions.veto is not None:
        batch = reading.of(plan_asked(champions.risk.manifest, None))
        told.points[rows] = points = _points(champions.risk, batch)
        told.declined[rows] = champions.veto.declines(batch, points)
    nobody = rows[reading.nobody(champions.propensity)]
    told.propensity[nobody], told.declined[nobody] = np.nan, False


def _points(risk: ExportedModel, batch: FeatureBatch) -> Float64s:
    manifest = risk.manifest
    log_odds = scaling.calibrated(risk.scorer.raw_many(batch.matrix), manifest.calibration)
    return scaling.points_many(log_odds, manifest.scaling)


def plan_asked(manifest: Manifest, plan: ServicePlan | None) -> ServicePlan:
    """What a model reads; BadInput for a model on a table."""
    if plan is not None:
        return plan
    if not manifest.plan:
        raise BadInput(
            "it was trained on a table, and the feature store has no such customers",
            where=f"model {manifest.name}",
            remedy="name a model that was trained on a feature service",
        )
    return plan_from(manifest.plan)


def _pieces(rows: Int64s) -> Iterator[Int64s]:
    for start in range(0, len(rows), PIECE):
        yield rows[start : start + PIECE]
