"""How models are judged: never on a row they saw, calibration included; the same twice."""

from __future__ import annotations

from dataclasses import replace

import lightgbm as lgb
import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.model_selection import PredefinedSplit

from risk.calibrate import Wanted
from risk.frames.frame import TrainingFrame
from risk.frames.split import Parts, fold_numbers
from risk.learning import Teaching, judge_by_folds, judge_by_time, learn

RANDOM = np.random.default_rng(2)
ROWS = 900
TEACHING = Teaching(
    params={"num_leaves": 5, "learning_rate": 0.1, "num_threads": 1, "seed": 1},
    rounds=25,
    early_stopping=None,
    calibration=Wanted(),
    monotone={},
    folds=3,
    seed=4,
)
EVERYTHING = Parts(np.arange(ROWS), np.arange(0), np.arange(0))


def frame_of(noise: float) -> TrainingFrame:
    matrix = RANDOM.normal(size=(ROWS, 4)).astype(np.float32)
    signal = 1.5 * matrix[:, 0] - matrix[:, 1]
    labels = (signal * (1 - noise) + RANDOM.normal(size=ROWS) > 0.4) * 1.0
    return TrainingFrame("t", np.arange(ROWS), tuple("abcd"), matrix, labels, None, {})


FRAME = frame_of(0.0)


@pytest.mark.parametrize("calibration", ["none", "platt"])
def test_pure_noise_cannot_be_told_apart(calibration):
    """Were anything fitted on a row that judges, noise would look like knowledge."""
    noise = frame_of(1.0)
    random_labels = replace(noise, labels=np.random.default_rng(8).integers(0, 2, ROWS) * 1.0)
    teaching = replace(TEACHING, calibration=Wanted(calibration), rounds=60)
    judged = judge_by_folds(random_labels, EVERYTHING.train, teaching, 2)
    assert abs(judged.figures.auc - 0.5) < 0.06


def test_each_row_is_scored_by_a_model_that_did_not_see_it():
    judged = judge_by_folds(FRAME, EVERYTHING.train, TEACHING, 1)
    fold = fold_numbers(FRAME.labels, 3, TEACHING.seed)
    for number in range(3):
        train, test = fold != number, fold == number
        booster = lgb.train(
            {**TEACHING.params, "objective": "binary", "deterministic": True,
             "force_row_wise": True, "verbosity": -1},
            lgb.Dataset(FRAME.matrix[train], FRAME.labels[train]),
            TEACHING.rounds,
        )  # fmt: skip
        expected = booster.predict(FRAME.matrix[test], raw_score=True)
        np.testing.assert_array_equal(judged.log_odds[test], expected)


def test_platt_is_that_of_sklearn():
    learned = learn(FRAME, EVERYTHING, replace(TEACHING, calibration=Wanted("platt")))
    fold = fold_numbers(FRAME.labels, 3, TEACHING.seed)
    params = {name: value for name, value in TEACHING.params.items() if name != "num_threads"}
    reference = CalibratedClassifierCV(
        lgb.LGBMClassifier(
            n_estimators=25, n_jobs=1, deterministic=True, force_row_wise=True, verbosity=-1,
            min_child_samples=20, random_state=params.pop("seed"), **params,
        ),
        cv=PredefinedSplit(fold),
        ensemble=False,
    ).fit(FRAME.matrix, FRAME.labels)  # fmt: skip
    (calibrated,) = reference.calibrated_classifiers_
    (platt,) = calibrated.calibrators
    # Platt smooths the labels by a fraction that vanishes with many rows; we do not.
    assert learned.calibration.slope == pytest.approx(-platt.a_, rel=0.02)
    assert learned.calibration.intercept == pytest.approx(-platt.b_, abs=0.02)


def test_platt_makes_overconfident_scores_true():
    eager = replace(TEACHING, rounds=150, params={**TEACHING.params, "learning_rate": 0.3})
    raw = judge_by_folds(FRAME, EVERYTHING.train, eager, 1).figures
    platt = judge_by_folds(
        FRAME, EVERYTHING.train, replace(eager, calibration=Wanted("platt")), 1
    ).figures
    assert raw.calibration_slope < 0.6
    assert abs(platt.calibration_slope - 1) < 0.25
    assert platt.brier < raw.brier
    assert platt.auc == pytest.approx(raw.auc)


def test_a_later_part_stops_and_calibrates_and_another_judges():
    rows = np.arange(ROWS)
    parts = Parts(rows[:500], rows[500:700], rows[700:])
    teaching = replace(TEACHING, rounds=400, early_stopping=10, calibration=Wanted("platt"))
    learned = learn(FRAME, parts, teaching)
    assert 1 <= learned.text.count("\nTree=") < 400
    judged = judge_by_time(FRAME, parts, learned)
    assert judged.out_of_time
    assert judged.sample == "out of time"
    np.testing.assert_array_equal(judged.rows, rows[700:])
    assert judged.figures.auc > 0.8


def test_taught_twice_it_is_the_same_model():
    assert learn(FRAME, EVERYTHING, TEACHING).text == learn(FRAME, EVERYTHING, TEACHING).text
    other = replace(TEACHING, params={**TEACHING.params, "seed": 2, "feature_fraction": 0.5})
    assert learn(FRAME, EVERYTHING, other).text != learn(FRAME, EVERYTHING, TEACHING).text
