"""How a model is taught, and how it is judged on rows that it never saw.

A frame and a way of teaching go in; a model's text, its calibration and honest figures come out.
Nothing, calibration included, is fitted on a row that judges. Knows no registry.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import astuple, dataclass
from typing import Any

import msgspec
import numpy as np

from finmodel.boosting import Lesson, Stopping, fit
from finmodel.gate import Figures
from finmodel.manifest import Calibration
from finmodel.metrics import auc, brier, calibration, ks
from finmodel.records import Float64s, Int64s
from finmodel.scorer import Scorer
from risk.frame import TrainingFrame
from risk.recipe import Recipe
from risk.scaling import calibrated, probability
from risk.split import Parts, folds

Progress = Callable[[str, int, int], None]
"""What is being done, how much is done, of how much."""


def silent(_what: str, _done: int, _total: int) -> None:
    """Progress for whoever wants none."""


@dataclass(frozen=True, slots=True)
class Teaching:
    """How a model is taught: LightGBM's parameters, trees, and where it may stop early."""

    params: Mapping[str, Any]
    rounds: int
    early_stopping: int | None
    calibration: str
    monotone: Mapping[str, int]
    folds: int
    seed: int


@dataclass(frozen=True, slots=True, eq=False)
class Learned:
    """A model and the line that calibrates it."""

    text: str
    scorer: Scorer
    calibration: Calibration

    def log_odds(self, frame: TrainingFrame, rows: Int64s) -> Float64s:
        """(n,) calibrated log-odds of some rows."""
        return calibrated(self.scorer.raw_many(frame.matrix[rows]), self.calibration)


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


def teaching_of(recipe: Recipe) -> Teaching:
    """The way of teaching that a recipe asks for."""
    params = msgspec.structs.asdict(recipe.params)
    rounds, early = params.pop("rounds"), params.pop("early_stopping")
    params["num_threads"] = params.pop("threads")
    return Teaching(
        params=params,
        rounds=rounds,
        early_stopping=early,
        calibration=recipe.calibration,
        monotone=recipe.monotone,
        folds=recipe.split.folds,
        seed=recipe.split.seed,
    )


def learn(
    frame: TrainingFrame, parts: Parts, teaching: Teaching, progress: Progress = silent
) -> Learned:
    """Teach on the part `train`; `valid`, where there is one, stops it and calibrates it.

    Without such a part Platt's line is fitted on out-of-fold scores of the training rows, as
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
    return judged_once(frame.labels, parts.oot, learned.log_odds(frame, parts.oot))


def judged_once(labels: Float64s, rows: Int64s, log_odds: Float64s) -> Judged:
    """Figures of calibrated log-odds on rows that are later than all that taught."""
    figures = figures_of(labels[rows], log_odds)
    nothing = Figures(0.0, 0.0, 0.0, 0.0, 0.0)
    return Judged(figures, nothing, "out of time", True, rows, log_odds)


def judge_by_folds(
    frame: TrainingFrame,
    rows: Int64s,
    teaching: Teaching,
    repeats: int,
    progress: Progress = silent,
) -> Judged:
    """Mean figures over stratified folds, each judged by a model that never saw it."""

    def log_odds(train: Int64s, test: Int64s) -> Float64s:
        return learn(frame, only(train), teaching).log_odds(frame, test)

    folding = (teaching.folds, repeats, teaching.seed)
    return by_folds(frame.labels, rows, folding, log_odds, progress)


def by_folds(
    labels: Float64s,
    rows: Int64s,
    folding: tuple[int, int, int],
    log_odds_of: Callable[[Int64s, Int64s], Float64s],
    progress: Progress = silent,
) -> Judged:
    """Judge any way of teaching: it gives log-odds of test rows from train rows, fold by fold.

    `folding` is how many folds, how often, and the first seed: the same folds for the same rows.
    """
    count, repeats, seed = folding
    figures: list[Figures] = []
    log_odds = np.zeros(len(rows))
    for repeat in range(repeats):
        for train, test in folds(labels[rows], count, seed + repeat):
            given = log_odds_of(rows[train], rows[test])
            figures.append(figures_of(labels[rows[test]], given))
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
    )


def figures_of(labels: Float64s, log_odds: Float64s) -> Figures:
    """The gate's figures of calibrated log-odds."""
    line = calibration(labels, log_odds)
    return Figures(
        auc=auc(labels, log_odds),
        ks=ks(labels, log_odds),
        brier=brier(labels, probability(log_odds)),
        calibration_slope=line.slope,
        calibration_intercept=line.intercept,
    )


def _calibrate(
    frame: TrainingFrame, parts: Parts, teaching: Teaching, scorer: Scorer
) -> Calibration:
    if teaching.calibration == "none":
        return Calibration()
    if parts.valid.size:
        rows, raw = parts.valid, scorer.raw_many(frame.matrix[parts.valid])
    else:
        rows, raw = parts.train, _out_of_fold(frame, parts.train, teaching)
    line = calibration(frame.labels[rows], raw)
    return Calibration("platt", line.slope, line.intercept)


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
