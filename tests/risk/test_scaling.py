"""Points are affine in log-odds; probabilities do not overflow."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit

from finmodel.manifest import Calibration, Scaling
from risk.scaling import calibrated, points, points_many, points_per_log_odds, probability

log_odds = st.floats(-30, 30)
scalings = st.builds(Scaling, st.floats(100, 900), st.floats(1, 200), st.floats(10, 80))


def log_odds_of(pd: float) -> float:
    return math.log(pd / (1 - pd))


@pytest.mark.parametrize(
    ("pd", "scaling", "expected"),
    [
        (1 / 51, Scaling(600, 50, 20), 600.0),
        (1 / 101, Scaling(600, 50, 20), 620.0),
        (1 / 36, Scaling(750, 35, 60), 750.0),
        (1 / 71, Scaling(750, 35, 60), 810.0),
        (1 / 20, Scaling(600, 19, 50), 600.0),
    ],
)
def test_the_known_scales(pd, scaling, expected):
    assert points(log_odds_of(pd), scaling) == pytest.approx(expected, abs=1e-9)


@given(log_odds, scalings)
def test_doubling_the_odds_of_good_adds_pdo(given_odds, scaling):
    gained = points(given_odds - math.log(2), scaling) - points(given_odds, scaling)
    assert gained == pytest.approx(scaling.pdo, rel=1e-9)


@given(st.lists(log_odds, min_size=1, max_size=20), scalings)
def test_many_rows_score_as_one(odds, scaling):
    many = points_many(np.array(odds), scaling)
    assert many.tolist() == [points(one, scaling) for one in odds]


@given(st.lists(st.floats(-700, 700), min_size=1, max_size=20))
def test_probability_equals_scipys_expit(odds):
    np.testing.assert_allclose(probability(np.array(odds)), expit(odds), rtol=1e-14, atol=0)


def test_no_calibration_leaves_scores_as_they_are():
    raw = np.array([-3.25, 0.1, 2.0])
    assert calibrated(raw, Calibration()).tolist() == raw.tolist()


def test_a_unit_of_log_odds_is_worth_pdo_over_ln_two():
    assert points_per_log_odds(Scaling(pdo=20)) == pytest.approx(20 / math.log(2))
