"""What the customer models say of customers: one read of the features, every model's columns.

Models and a reading come in, columns go out, with a hash of all figures. Knows no campaign.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import numpy as np

from feature_store.plan import ServicePlan
from finmodel.records import Float64s, ViewState
from marketing.models import CustomerModel
from serving.campaigns.scoring import Reading, plan_asked
from serving.offers.asked import ModelScores
from serving.schemas import finite, model_name

Scored = tuple[dict[str, ModelScores], int, str]


def scores(models: list[CustomerModel], reading: Reading) -> Scored:
    """Each model's columns, how many customers no model knows, and a digest of all figures."""
    told, seen, plans = {}, sha256(), []
    for model in models:
        plan = plan_asked(model.manifest, model.plan)
        gone = _nobody(reading, plan)
        plans.append(gone)
        probability = np.where(gone, np.nan, model.propensity(reading.matrix(model)))
        effects = np.where(gone[:, None], np.nan, model.effects(reading.matrix(model)))
        seen.update(probability.tobytes() + effects.tobytes())
        told[model.manifest.name] = ModelScores(
            model=model_name(model.manifest),
            probability=_numbers(probability),
            effects={
                name: _numbers(effects[:, place]) for place, name in enumerate(model.treatments)
            },
        )
    return told, int(np.logical_and.reduce(plans).sum()), seen.hexdigest()


def _nobody(reading: Reading, plan: ServicePlan) -> Any:
    return (reading.of(plan).states == ViewState.MISSING).all(axis=1)


def _numbers(column: Float64s) -> list[float | None]:
    return [finite(one) for one in column.tolist()]
