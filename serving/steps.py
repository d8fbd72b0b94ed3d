"""Who scores: the model, or where it cannot the next step that the policy names, and why.

Pure: one row, a served model and what is switched off come in; points and the way that was gone to
them go out. Without a policy the model scores, whatever comes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from finmodel.records import Float32s, Float64s, Reason
from risk import scaling
from risk.policy.file import Step
from risk.reasons import reasons
from serving.live import Served

NO_MODEL = "no_model"
"""Why model and scorecard say nothing while no model is in service."""


@dataclass(frozen=True, slots=True)
class FellBack:
    """A step that did not score, and why."""

    step: Step
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """Points, whose they are, and which steps were tried before."""

    raw: float
    """The model's raw score, as LightGBM gives it; NaN where it was not asked."""
    contributions: Float64s
    """(f + 1,) of each feature to the raw score; the last is the base."""
    probability: float
    points: float
    """NaN where no step could score."""
    reasons: tuple[Reason, ...]
    step: Step
    fell_back: tuple[FellBack, ...] = ()


def by_model(vector: Float32s, model: Served) -> Scored:
    """The model's own score of (1, f) features."""
    raw = model.scorer.raw_many(vector)
    contributions = model.scorer.contributions(vector)[0]
    log_odds = scaling.calibrated(raw, model.manifest.calibration)
    return Scored(
        raw=float(raw[0]),
        contributions=contributions,
        probability=float(scaling.probability(log_odds)[0]),
        points=float(scaling.points_many(log_odds, model.manifest.scaling)[0]),
        reasons=reasons(contributions, model.reasons),
        step="model",
    )


def scored(
    vector: Float32s, model: Served, fallback: tuple[Step, ...], off: Mapping[str, str]
) -> Scored:
    """The first step that can score; `off` says why a step is switched off."""
    fell_back: list[FellBack] = []
    for step in ("model", *fallback):
        if step in off:
            fell_back.append(FellBack(step, f"switched off: {off[step]}"))
            continue
        found = _try(step, vector, model)
        if isinstance(found, Scored):
            return replace(found, fell_back=tuple(fell_back)) if fell_back else found
        fell_back.append(FellBack(step, found))
    return replace(_nothing(vector, "refer"), fell_back=tuple(fell_back))


def _try(step: Step, vector: Float32s, model: Served) -> Scored | str:
    """What a step says of a row, or why it says nothing."""
    if model.absent and step in ("model", "scorecard"):
        return NO_MODEL
    if step == "model":
        found = by_model(vector, model)
        return found if math.isfinite(found.points) else "its score is no number"
    if step == "scorecard":
        return _by_card(vector, model)
    return _nothing(vector, step)


def _by_card(vector: Float32s, model: Served) -> Scored | str:
    if model.card is None:
        return "this version has no scorecard"
    log_odds = model.card.log_odds_many(vector)
    if not math.isfinite(log_odds[0]):
        return "its score is no number"
    blank = _nothing(vector, "scorecard")
    return Scored(
        raw=blank.raw,
        contributions=blank.contributions,
        probability=float(scaling.probability(log_odds)[0]),
        points=float(scaling.points_many(log_odds, model.manifest.scaling)[0]),
        reasons=model.card.reasons(vector, model.reasons),
        step="scorecard",
    )


def _nothing(vector: Float32s, step: Step) -> Scored:
    nothing = np.full(vector.shape[1] + 1, np.nan)
    return Scored(math.nan, nothing, math.nan, math.nan, (), step)
