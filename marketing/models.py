"""A marketing model in service: verified, parsed once, and asked for many customers at a time.

    model = open_model(settings.exports, "borrowing_intent", settings.signing)
    model.propensity(matrix)      (n,) calibrated probability of a response
    model.effects(matrix)         (n, treatments) what each adds to it

Rows are in the model's own order of features. Imports no library that trains or tracks.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from feature_store.plan import ServicePlan, plan_from
from finmodel.errors import BadInput, Damaged, Refused
from finmodel.export import ExportedModel, load_champion
from finmodel.log_odds import calibrated, probability
from finmodel.manifest import Manifest
from finmodel.records import Float32s, Float64s
from finmodel.scorer import Scorer
from marketing.effects.uplift import Opened, UpliftModel, effect_of, opened


@dataclass(frozen=True, slots=True, eq=False)
class CustomerModel:
    """A verified model of what customers do, and for uplift of what each treatment changes."""

    manifest: Manifest
    scorer: Scorer
    plan: ServicePlan | None
    """None for a model on a table."""
    models: dict[str, Opened]
    """Of uplift, by the treatment's name."""

    @property
    def treatments(self) -> tuple[str, ...]:
        """Names of the treatments, in the order of the columns of `effects`."""
        return tuple(self.models)

    def propensity(self, matrix: Float32s) -> Float64s:
        """(n,) calibrated probability of a response; of an uplift model that of the treated."""
        self._require_fit(matrix)
        raw = self.scorer.raw_many(matrix)
        return probability(calibrated(raw, self.manifest.calibration))

    def effects(self, matrix: Float32s) -> Float64s:
        """(n, len(treatments)) what each treatment adds to the probability of a response."""
        self._require_fit(matrix)
        if not self.models:
            return np.empty((len(matrix), 0))
        return np.column_stack([effect_of(one, matrix) for one in self.models.values()])

    def _require_fit(self, matrix: Float32s) -> None:
        if matrix.ndim != 2 or matrix.shape[1] != len(self.manifest.features):
            raise BadInput(
                f"rows have {matrix.shape[-1]} features",
                where=self.manifest.name,
                remedy=f"give its {len(self.manifest.features)}, in its order",
            )


def open_model(exports: Path, name: str, keys: Path, alias: str = "champion") -> CustomerModel:
    """The version that an alias serves.

    NotReady where none was promoted, Damaged where anything is not as it was signed, Refused for a
    risk card, which decides and is asked elsewhere.
    """
    return model_of(load_champion(exports, name, keys, alias))


def model_of(exported: ExportedModel) -> CustomerModel:
    """A verified export as a customer model."""
    manifest = exported.manifest
    where = f"{manifest.name} version {manifest.version}"
    if manifest.policy is not None:
        raise Refused(
            "it is a risk card, not a marketing model",
            where=where,
            remedy="name a model that was trained by a recipe of marketing/",
        )
    plan = plan_from(manifest.plan) if manifest.plan else None
    return CustomerModel(manifest, exported.scorer, plan, _models(exported, where))


def _models(exported: ExportedModel, where: str) -> dict[str, Opened]:
    if not exported.uplift:
        return {}
    try:
        told = msgspec.json.decode(exported.uplift, type=dict[str, UpliftModel])
        models = {name: opened(model) for name, model in told.items()}
    except (msgspec.MsgspecError, BadInput) as error:
        raise Damaged(
            f"its models of uplift cannot be read ({error})",
            where=where,
            remedy="export the version again from the registry",
        ) from error
    for name, one in told.items():
        if one.features != exported.manifest.features:
            raise Damaged(
                f"the uplift of {name!r} reads other features than the model",
                where=where,
                remedy="export the version again from the registry",
            )
    return models
