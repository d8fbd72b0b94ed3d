"""What follows from one row of features: score, points, reasons and ruling.

Pure: a float32 row, the states of its views, what was asked and a served model come in, a judgement
goes out, the same bits each time. The decision and its replay are this one piece of code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from finmodel.manifest import require_card
from finmodel.records import Float32s, Float64s, Reason
from risk.policy import answers as policy
from risk.policy.file import Step
from risk.policy.ruling import Case, Outcome, decide
from serving.live import Served
from serving.steps import FellBack, Scored, by_model, scored

Arm = Literal["champion", "challenger"]


@dataclass(frozen=True, slots=True)
class Asked:
    """What an approved policy needs of an application, beside its features."""

    request: Mapping[str, str | float]
    drawn: float = 1.0
    """The draw for random approval."""
    arm: Arm = "champion"
    """Whose model decides."""
    off: Mapping[str, str] = field(default_factory=dict)
    """Steps that are switched off, and why."""
    lane_open: bool = True
    """Whether the day's cap on random approvals leaves room for it."""


@dataclass(frozen=True, slots=True)
class Shadow:
    """What the model that did not decide says."""

    arm: Arm
    version: int
    points: float


@dataclass(frozen=True, slots=True, eq=False)
class Judgement:
    """All that is said of one customer, and what it rests on."""

    raw: float
    """The model's raw score, as LightGBM gives it; NaN where the model did not score."""
    contributions: Float64s
    """(f + 1,) of each feature to the raw score; the last is the base."""
    probability: float
    points: float
    reasons: tuple[Reason, ...]
    ruling: policy.Ruling
    step: Step = "model"
    """Who scored."""
    fell_back: tuple[FellBack, ...] = ()
    outcome: Outcome | None = None
    """What an approved policy says; None where the manifest's own decided."""
    asked: Asked | None = None
    """What it was asked."""
    shadow: Shadow | None = None


def judge(
    vector: Float32s,
    states: npt.NDArray[np.uint8],
    model: Served,
    asked: Asked | None = None,
) -> Judgement:
    """The judgement on (1, f) features and the (v,) states of their views.

    By the policy in force where there is one, else by the policy in the model's own manifest.
    """
    if model.policy is None or asked is None:
        found = by_model(vector, model)
        own = require_card(model.manifest).policy
        return _judgement(found, policy.rule(found.points, model.views, states.tolist(), own))
    plan = model.policy.plan
    found = scored(vector, model, plan.policy.fallback, asked.off)
    outcome = decide(
        plan,
        Case(
            request=asked.request,
            vector=vector[0],
            views=model.views,
            states=states.tolist(),
            points=found.points,
            step=found.step,
            drawn=asked.drawn,
            lane_open=asked.lane_open,
        ),
    )
    judged = _judgement(found, policy.Ruling(outcome.answer, outcome.rule))
    return replace(judged, outcome=outcome, asked=asked)


def _judgement(found: Scored, ruling: policy.Ruling) -> Judgement:
    return Judgement(
        raw=found.raw,
        contributions=found.contributions,
        probability=found.probability,
        points=found.points,
        reasons=found.reasons,
        ruling=ruling,
        step=found.step,
        fell_back=found.fell_back,
    )
