"""How a marketing model is taught, and how it is judged on rows that it never saw.

A frame, its parts and a recipe go in; models' texts, a calibration and honest figures come out.
Rows that judge teach nothing and steer nothing. Knows no registry.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from finmodel.boosting import Lesson, Stopping, fit
from finmodel.log_odds import calibrated
from finmodel.manifest import Calibration
from finmodel.metrics import calibration
from finmodel.progress import Progress, silent
from finmodel.recipe_parts import Params
from finmodel.records import Float32s, Float64s, Int64s
from finmodel.scorer import Scorer
from marketing.effects.uplift import Kind, Opened, Teaching, effect_of, opened, teach
from marketing.effects.uplift_metrics import uplift_of
from marketing.frame import CONTROL, Frame
from marketing.label_rule import DAY_US
from marketing.labels import Parts
from marketing.recipe import MarketingRecipe


@dataclass(frozen=True, slots=True, eq=False)
class Response:
    """A model of who responds: of everybody, or for uplift of the treated."""

    text: str
    scorer: Scorer
    calibration: Calibration

    def log_odds(self, matrix: Float32s) -> Float64s:
        """(n,) calibrated log-odds."""
        return calibrated(self.scorer.raw_many(matrix), self.calibration)


@dataclass(frozen=True, slots=True, eq=False)
class Effects:
    """What each treatment changes, by one kind of learner."""

    kind: Kind
    models: dict[str, Opened]
    """By the treatment's name."""
    chosen_by: dict[str, float]
    """Qini of each kind on the validation part."""

    def of(self, matrix: Float32s) -> Float64s:
        """(n, treatments) what each adds to the probability of a response."""
        return np.column_stack([effect_of(one, matrix) for one in self.models.values()])


def learn_response(
    frame: Frame, parts: Parts, recipe: MarketingRecipe, progress: Progress = silent
) -> Response:
    """Taught on `train`, stopped and calibrated on `valid`; for uplift on the treated alone."""
    params = recipe.params
    train, valid = (who_responds(frame, rows) for rows in (parts.train, parts.valid))
    stopping = None
    if params.early_stopping:
        stopping = Stopping(frame.matrix[valid], frame.labels[valid], params.early_stopping)
    text = fit(
        Lesson(
            matrix=frame.matrix[train],
            labels=frame.labels[train],
            names=frame.names,
            categoricals=frame.categoricals,
            weight=weights(frame.at_us, train, recipe.half_life_days),
        ),
        params.of_trees,
        params.rounds,
        stopping=stopping,
        on_round=lambda done, total: progress("rounds of the model", done, total),
    )
    scorer = Scorer.from_text(text)
    line = calibration(frame.labels[valid], scorer.raw_many(frame.matrix[valid]))
    return Response(text, scorer, Calibration("platt", line.slope, line.intercept))


def who_responds(frame: Frame, rows: Int64s) -> Int64s:
    """Those rows whose response the model foretells: of a trial the treated."""
    told = frame.treatments
    return rows if told is None else rows[told.given[rows] != CONTROL]


def weights(at_us: Int64s | None, rows: Int64s, half_life_days: float | None) -> Float64s | None:
    """(len(rows),) a half for each half-life before the newest of them; None for all alike.

    >>> weights(np.array([0, 10 * 86_400_000_000]), np.array([0, 1]), 10.0).tolist()
    [0.5, 1.0]
    """
    if half_life_days is None or at_us is None:
        return None
    ages = (at_us[rows].max() - at_us[rows]) / DAY_US
    found: Float64s = 0.5 ** (ages / half_life_days)
    return found


def learn_effects(
    frame: Frame, parts: Parts, recipe: MarketingRecipe, progress: Progress = silent
) -> Effects:
    """The kind of learner with the highest Qini on the validation part, taught on `train`."""
    teaching = _teaching(recipe.uplift_params or recipe.params)
    worth: dict[str, float] = {}
    taught: dict[str, Effects] = {}
    for place, kind in enumerate(recipe.learners):
        progress("learners of uplift", place, len(recipe.learners))
        models = _of_each(frame, parts.train, kind, teaching)
        taught[kind] = Effects(kind, models, worth)
        trial = frame.given(parts.valid)
        score = pooled(taught[kind].of(trial.matrix), frame)
        worth[kind] = uplift_of(score, trial.trial).qini
    progress("learners of uplift", len(recipe.learners), len(recipe.learners))
    return taught[max(worth, key=lambda kind: worth[kind])]


def _of_each(frame: Frame, rows: Int64s, kind: Kind, teaching: Teaching) -> dict[str, Opened]:
    told = frame.treatments
    assert told is not None
    return {
        name: opened(teach(kind, frame.given(rows, place), teaching))
        for place, name in enumerate(told.names, 1)
    }


def pooled(effects: Float64s, frame: Frame) -> Float64s:
    """(n,) mean effect over treatments, each by its share of the treated: one order for all."""
    told = frame.treatments
    assert told is not None
    shares = np.bincount(told.given, minlength=len(told.names) + 1)[1:].astype(np.float64)
    found: Float64s = effects @ (shares / shares.sum())
    return found


def _teaching(params: Params) -> Teaching:
    return Teaching(params.of_trees, params.rounds)


Oracle = Callable[[Float32s], Float64s]
"""(n,) probabilities of a model as MLflow itself computes them."""
