"""What a treatment changes, customer by customer: four learners on boosted trees.

    model = teach("x", lesson, teaching)
    effect_of(model, matrix)                  (n,) response if treated, less response if not

Rows of a randomised trial come in, a model as texts goes out, which any process reads back. Where
chance did not decide who was treated, an effect is mixed with whoever chose: such rows are refused
unless that is said (see `balance`). Knows no file and no campaign.

    s      one model with the treatment as a feature
    t      a model of each group; the difference of both
    x      the other group's model stands for what did not happen (Künzel et al., PNAS 2019)
    class  P(response = treatment), rows weighted to equal groups (Jaskowski, Jaroszewicz 2012)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import msgspec
import numpy as np

from finmodel.boosting import Lesson, fit
from finmodel.errors import BadInput
from finmodel.records import Float32s, Float64s
from finmodel.scorer import Scorer
from marketing.effects.uplift_metrics import Trial

Kind = Literal["s", "t", "x", "class"]
KINDS: tuple[Kind, ...] = get_args(Kind)
TREATED = "treated"
"""The name of the S-learner's last feature."""


@dataclass(frozen=True, slots=True, eq=False)
class Given:
    """A trial's customers: n × f features, who was treated, who responded."""

    matrix: Float32s
    names: tuple[str, ...]
    trial: Trial
    categoricals: tuple[str, ...] = ()


class Teaching(msgspec.Struct, frozen=True):
    """LightGBM's parameters, and trees of each model."""

    params: Mapping[str, Any]
    rounds: int


class UpliftModel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A learner's models as LightGBM's texts."""

    kind: Kind
    models: dict[str, str]
    treated_share: float
    features: tuple[str, ...]


def teach(kind: Kind, given: Given, teaching: Teaching) -> UpliftModel:
    """One learner, taught on a trial."""
    if kind not in KINDS:
        raise BadInput(
            f"{kind!r} is no learner", where="uplift", remedy=f"choose of {', '.join(KINDS)}"
        )
    models = _TEACHERS[kind](given, teaching)
    return UpliftModel(kind, models, float(given.trial.treated.mean()), given.names)


@dataclass(frozen=True, slots=True, eq=False)
class Opened:
    """A learner's models, parsed once and ready to score."""

    model: UpliftModel
    told: Mapping[str, Scorer]


def opened(model: UpliftModel) -> Opened:
    """A learner's models as scorers."""
    return Opened(model, {name: Scorer.from_text(text) for name, text in model.models.items()})


def effect_of(given: UpliftModel | Opened, matrix: Float32s) -> Float64s:
    """(n,) what the treatment adds to each customer's response."""
    ready = given if isinstance(given, Opened) else opened(given)
    model, told = ready.model, ready.told
    if matrix.shape[1] != len(model.features):
        raise BadInput(
            f"rows have {matrix.shape[1]} features",
            where="uplift",
            remedy=f"give the {len(model.features)} that taught it, in their order",
        )
    effect: Float64s
    if model.kind == "s":
        effect = told["both"].score_many(_with(matrix, 1.0)) - told["both"].score_many(
            _with(matrix, 0.0)
        )
    elif model.kind == "t":
        effect = told["treated"].score_many(matrix) - told["control"].score_many(matrix)
    elif model.kind == "x":
        share = model.treated_share
        of_control, of_treated = (told[n].score_many(matrix) for n in ("control", "treated"))
        effect = share * of_control + (1.0 - share) * of_treated
    else:
        effect = 2.0 * told["same"].score_many(matrix) - 1.0
    return effect


def _with(matrix: Float32s, treated: float | Float64s) -> Float32s:
    column = np.broadcast_to(np.asarray(treated, np.float32), len(matrix))
    return np.ascontiguousarray(np.column_stack([matrix, column]), dtype=np.float32)


def _one(given: Given, teaching: Teaching) -> dict[str, str]:
    matrix = _with(given.matrix, given.trial.treated.astype(np.float64))
    names = (*given.names, TREATED)
    lesson = Lesson(matrix, given.trial.response, names, given.categoricals)
    return {"both": fit(lesson, teaching.params, teaching.rounds)}


def _two(given: Given, teaching: Teaching) -> dict[str, str]:
    treated = given.trial.treated
    return {
        name: _of_rows(given, teaching, np.flatnonzero(rows), given.trial.response)
        for name, rows in (("treated", treated), ("control", ~treated))
    }


def _crossed(given: Given, teaching: Teaching) -> dict[str, str]:
    """Models of the effects that each group's customers would show beside the other's model."""
    first = {name: Scorer.from_text(text) for name, text in _two(given, teaching).items()}
    treated, response = given.trial.treated, given.trial.response
    without = first["control"].score_many(given.matrix)
    with_it = first["treated"].score_many(given.matrix)
    effect = np.where(treated, response - without, with_it - response)
    return {
        name: _of_rows(given, teaching, np.flatnonzero(rows), effect, amounts=True)
        for name, rows in (("treated", treated), ("control", ~treated))
    }


def _same(given: Given, teaching: Teaching) -> dict[str, str]:
    treated, response = given.trial.treated, given.trial.response
    if not np.isin(response, (0.0, 1.0)).all():
        raise BadInput(
            "its responses are amounts", where="uplift: class", remedy="take another learner"
        )
    share = treated.mean()
    lesson = Lesson(
        given.matrix,
        (response == treated).astype(np.float64),
        given.names,
        given.categoricals,
        weight=np.where(treated, 0.5 / share, 0.5 / (1.0 - share)),
    )
    return {"same": fit(lesson, teaching.params, teaching.rounds)}


def _of_rows(
    given: Given, teaching: Teaching, rows: Any, labels: Float64s, amounts: bool = False
) -> str:
    lesson = Lesson(
        np.ascontiguousarray(given.matrix[rows]),
        labels[rows],
        given.names,
        given.categoricals,
        amounts=amounts or not np.isin(labels, (0.0, 1.0)).all(),
    )
    return fit(lesson, teaching.params, teaching.rounds)


_TEACHERS = {"s": _one, "t": _two, "x": _crossed, "class": _same}
