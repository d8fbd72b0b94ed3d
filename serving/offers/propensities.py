"""What the customer models say of customers: one read of the features, every model's columns.

Models and a reading come in, columns go out, with a hash of all figures. Knows no campaign.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import numpy as np

from feature_store.plan import ServicePlan
from finmodel.records import Float64s, ViewState
from marketing.campaign.lanes import Flags
from marketing.models import CustomerModel
from serving.campaigns.scoring import Reading, plan_asked
from serving.offers.asked import ModelScores
from serving.schemas import finite, model_name

Scored = tuple[dict[str, ModelScores], int, str]


def scores(models: list[CustomerModel], reading: Reading, asked: Flags) -> Scored:
    """Each model's columns, how many customers no model knows, and a digest of all figures.

    `reading` is of the (n,) `asked` alone: of the others nothing is read.
    """
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
            probability=_numbers(probability, asked),
            effects={
                name: _numbers(column, asked)
                for name, column in zip(model.treatments, effects.T, strict=True)
            },
        )
    return told, int(np.logical_and.reduce(plans).sum()), seen.hexdigest()


def _nobody(reading: Reading, plan: ServicePlan) -> Any:
    return (reading.of(plan).states == ViewState.MISSING).all(axis=1)


def _numbers(column: Float64s, asked: Flags) -> list[float | None]:
    """One number for each customer of the request; None for who was not to be scored."""
    whole = np.full(len(asked), np.nan)
    whole[asked] = column
    return [finite(one) for one in whole.tolist()]
