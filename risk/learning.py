"""How a model is taught, and how it is judged on rows that it never saw.

A frame and a way of teaching go in; a model's text, its calibration and honest figures come out.
Nothing, calibration included, is fitted on a row that judges. Knows no registry.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, astuple, dataclass, replace
from typing import Any

import numpy as np

from finmodel.boosting import Lesson, Stopping, fit
from finmodel.figures import figures_of
from finmodel.gate import Figures
from finmodel.manifest import Calibration
from finmodel.progress import Progress, silent
from finmodel.records import Float64s, Int64s
from finmodel.scorer import Scorer
from risk.calibrate import Wanted, calibrate
from risk.frames.frame import TrainingFrame
from risk.frames.split import Parts, folds
from risk.recipe import Recipe
from risk.scaling import base_rate_shift, calibrated


@dataclass(frozen=True, slots=True)
class Teaching:
    """How a model is taught: LightGBM's parameters, trees, and where it may stop early."""

    params: Mapping[str, Any]
    rounds: int
    early_stopping: int | None
    calibration: Wanted
    monotone: Mapping[str, int]
    folds: int
    seed: int


@dataclass(frozen=True, slots=True, eq=False)
class Learned:
    """A model and what calibrates it."""

    text: str
    scorer: Scorer
    calibration: Calibration

    def log_odds(self, frame: TrainingFrame, rows: Int64s) -> Float64s:
        """(n,) calibrated log-odds of some rows."""
        return calibrated(self.scorer.raw_many(frame.matrix[rows]), self.calibration)

    @property
    def shift(self) -> float:
        """What a stated base rate added to the log-odds."""
        return base_rate_shift(self.calibration)


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """What a way of teaching is worth, on rows that each model did not see."""

    figures: Figures
    """Mean over the folds, or of the out-of-time part."""
    spread: Figures
    """Standard deviation over the folds; zeros where there is one part."""
    sample: str
    out_of_time: bool
    rows: Int64s
    log_odds: Float64s
    """(len(rows),) calibrated log-odds by a model that did not see the row."""
    shift: float = 0.0
    """What a stated base rate added to them."""

    @property
    def spread_named(self) -> dict[str, float]:
        """Standard deviations of the figures, by the figure's name with `_sd`."""
        return {f"{name}_sd": value for name, value in asdict(self.spread).items()}

    @property
    def of_sample(self) -> Float64s:
        """(len(rows),) log-odds at the sample's own bad rate: what its outcomes compare with."""
        return self.log_odds - self.shift


def teaching_of(recipe: Recipe) -> Teaching:
    """The way of teaching that a recipe asks for."""
    params = recipe.params
    return Teaching(
        params=params.of_trees,
        rounds=params.rounds,
        early_stopping=params.early_stopping,
        calibration=wanted_of(recipe),
        monotone=recipe.monotone,
        folds=recipe.split.folds,
        seed=recipe.split.seed,
    )


def wanted_of(recipe: Recipe) -> Wanted:
    """The calibration that a recipe asks for."""
    return Wanted(recipe.calibration, recipe.base_rate, recipe.pricing_pd is not None)


def learn(
    frame: TrainingFrame, parts: Parts, teaching: Teaching, progress: Progress = silent
) -> Learned:
    """Teach on the part `train`; `valid`, where there is one, stops it and calibrates it.

    Without such a part the calibration is fitted on out-of-fold scores of the training rows, as
    scikit-learn's CalibratedClassifierCV(ensemble=False) does.
    """
    stopping = None
    if teaching.early_stopping and parts.valid.size:
        valid = parts.valid
        stopping = Stopping(frame.matrix[valid], frame.labels[valid], teaching.early_stopping)
    text = fit(
        _lesson(frame, parts.train, teaching),
        teaching.params,
        teaching.rounds,
        stopping=stopping,
        on_round=lambda done, total: progress("rounds of the model", done, total),
    )
    scorer = Scorer.from_text(text)
    return Learned(text, scorer, _calibrate(frame, parts, teaching, scorer))


def judge_by_time(frame: TrainingFrame, parts: Parts, learned: Learned) -> Judged:
    """Figures of a model on the part that is later than all it learnt from."""
    log_odds = learned.log_odds(frame, parts.oot)
    return judged_once(frame.labels, parts.oot, log_odds, learned.shift)


def judged_once(labels: Float64s, rows: Int64s, log_odds: Float64s, shift: float = 0.0) -> Judged:
    """Figures of calibrated log-odds on rows that are later than all that taught.

    `shift` is what a stated base rate added: outcomes of a sample are told by its own rate.
    """
    figures = figures_of(labels[rows], log_odds - shift)
    nothing = Figures(0.0, 0.0, 0.0, 0.0, 0.0)
    return Judged(figures, nothing, "out of time", True, rows, log_odds, shift)


def judge_by_folds(
    frame: TrainingFrame,
    rows: Int64s,
    teaching: Teaching,
    repeats: int,
    progress: Progress = silent,
) -> Judged:
    """Mean figures over stratified folds, each judged by a model that never saw it."""
    # Prices judge nothing, and would have every fold learnt from in folds of its own.
    line = replace(teaching, calibration=replace(teaching.calibration, pricing=False))

    def log_odds(train: Int64s, test: Int64s) -> tuple[Float64s, float]:
        learned = learn(frame, only(train), line)
        return learned.log_odds(frame, test), learned.shift

    folding = (teaching.folds, repeats, teaching.seed)
    return by_folds(frame.labels, rows, folding, log_odds, progress)


def by_folds(
    labels: Float64s,
    rows: Int64s,
    folding: tuple[int, int, int],
    log_odds_of: Callable[[Int64s, Int64s], tuple[Float64s, float]],
    progress: Progress = silent,
) -> Judged:
    """Judge any way of teaching: it gives log-odds of test rows from train rows, fold by fold.

    Beside them it gives what a stated base rate added; stratified folds have the same, or nearly.
    `folding` is how many folds, how often, and the first seed: the same folds for the same rows.
    """
    count, repeats, seed = folding
    figures: list[Figures] = []
    log_odds, shifts = np.zeros(len(rows)), []
    for repeat in range(repeats):
        for train, test in folds(labels[rows], count, seed + repeat):
            given, shift = log_odds_of(rows[train], rows[test])
            figures.append(figures_of(labels[rows[test]], given - shift))
            shifts.append(shift)
            log_odds[test] += given / repeats
            progress("folds", len(figures), repeats * count)
    table = np.array([astuple(one) for one in figures])
    return Judged(
        figures=Figures(*table.mean(axis=0).tolist()),
        spread=Figures(*table.std(axis=0).tolist()),
        sample=f"{repeats} × {count} folds",
        out_of_time=False,
        rows=rows,
        log_odds=log_odds,
        shift=float(np.mean(shifts)),
    )


def _calibrate(
    frame: TrainingFrame, parts: Parts, teaching: Teaching, scorer: Scorer
) -> Calibration:
    if not teaching.calibration.needs_rows:
        return Calibration()
    if parts.valid.size:
        rows, raw = parts.valid, scorer.raw_many(frame.matrix[parts.valid])
    else:
        rows, raw = parts.train, _out_of_fold(frame, parts.train, teaching)
    return calibrate(frame.labels[rows], raw, teaching.calibration)


def _out_of_fold(frame: TrainingFrame, rows: Int64s, teaching: Teaching) -> Float64s:
    raw = np.empty(len(rows))
    for train, test in folds(frame.labels[rows], teaching.folds, teaching.seed):
        text = fit(_lesson(frame, rows[train], teaching), teaching.params, teaching.rounds)
        raw[test] = Scorer.from_text(text).raw_many(frame.matrix[rows[test]])
    return raw


def _lesson(frame: TrainingFrame, rows: Int64s, teaching: Teaching) -> Lesson:
    return Lesson(
        matrix=frame.matrix[rows],
        labels=frame.labels[rows],
        names=frame.names,
        categoricals=frame.categoricals,
        monotone=teaching.monotone,
    )


def only(rows: Int64s) -> Parts:
    """All rows teach, and none steers or judges."""
    return Parts(rows, rows[:0], rows[:0])
