"""What follows from one row of features: score, points, reasons and ruling.

Pure: a float32 row, the states of its views and a served model come in, a judgement goes out, the
same bits each time. The decision and its replay are this one piece of code.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from finmodel.records import Float32s, Float64s, Reason
from risk import policy, scaling
from risk.reasons import reasons
from serving.live import Served


@dataclass(frozen=True, slots=True, eq=False)
class Judgement:
    """All that is said of one customer, and what it rests on."""

    raw: float
    """The model's raw score, as LightGBM gives it."""
    contributions: Float64s
    """(f + 1,) of each feature to the raw score; the last is the base."""
    probability: float
    points: float
    reasons: tuple[Reason, ...]
    ruling: policy.Ruling


def judge(vector: Float32s, states: npt.NDArray[np.uint8], model: Served) -> Judgement:
    """The judgement on (1, f) features and the (v,) states of their views."""
    raw = model.scorer.raw_many(vector)
    contributions = model.scorer.contributions(vector)[0]
    log_odds = scaling.calibrated(raw, model.manifest.calibration)
    points = float(scaling.points_many(log_odds, model.manifest.scaling)[0])
    return Judgement(
        raw=float(raw[0]),
        contributions=contributions,
        probability=float(scaling.probability(log_odds)[0]),
        points=points,
        reasons=reasons(contributions, model.reasons),
        ruling=policy.rule(points, model.views, states.tolist(), model.manifest.policy),
    )
