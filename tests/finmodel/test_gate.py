"""Verdicts: each threshold alone can stop a model, and not-a-number never passes."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from finmodel.gate import (
    NO_OUT_OF_TIME,
    Evidence,
    Figures,
    Itself,
    Thresholds,
    failures,
    judge,
)

NEEDS = Thresholds(auc=0.75, ks=0.4, brier=0.15)
GOOD = Evidence(
    figures=Figures(0.78, 0.44, 0.133, 1.01, 0.02),
    sample="2 × 5 folds",
    out_of_time=False,
    parity=0.0,
    parity_rows=2001,
    monotone_breaks=0,
    itself=Itself(0.8, 0.45, 0.13, 0.01),
)


def _with(**changed: float) -> Evidence:
    return replace(GOOD, figures=replace(GOOD.figures, **changed))


def _itself(**changed: float) -> Evidence:
    assert GOOD.itself is not None
    return replace(GOOD, itself=replace(GOOD.itself, **changed))


def test_a_good_model_passes_and_says_what_it_was_not_asked():
    verdict = judge(NEEDS, GOOD)
    assert verdict.passed
    assert verdict.notes == (NO_OUT_OF_TIME,)
    assert verdict.sample == "2 × 5 folds"


def test_out_of_time_evidence_needs_no_note():
    assert judge(NEEDS, replace(GOOD, out_of_time=True)).notes == ()


@pytest.mark.parametrize(
    ("evidence", "name"),
    [
        (_with(auc=0.749), "auc"),
        (_with(ks=0.399), "ks"),
        (_with(brier=0.151), "brier"),
        (_with(calibration_slope=0.89), "calibration slope"),
        (_with(calibration_slope=1.11), "calibration slope"),
        (_with(calibration_intercept=-0.2), "calibration intercept"),
        (_with(auc=math.nan), "auc"),
        (_with(calibration_slope=math.nan), "calibration slope"),
        (replace(GOOD, parity=2e-12), "parity with MLflow"),
        (replace(GOOD, parity=math.nan), "parity with MLflow"),
        (replace(GOOD, monotone_breaks=1), "monotone breaks"),
        (_itself(auc=0.5), "auc of the model itself"),
        (_itself(ks=0.1), "ks of the model itself"),
        (_itself(brier=0.2), "brier of the model itself"),
        (_itself(shift=2.3), "shift of probabilities of the model itself"),
        (_itself(shift=math.nan), "shift of probabilities of the model itself"),
    ],
)
def test_one_figure_is_enough_to_fail(evidence, name):
    verdict = judge(NEEDS, evidence)
    assert not verdict.passed
    assert [check.name for check in verdict.checks if not check.passed] == [name]
    assert failures(verdict).startswith(name)
