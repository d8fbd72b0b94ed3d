"""Figures of discrimination and calibration, held against scikit-learn."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, roc_auc_score, roc_curve

from finmodel.errors import BadInput
from finmodel.metrics import auc, brier, calibration, calibration_table, gini, ks

# Few distinct values, so that ties are common.
rows = st.lists(
    st.tuples(st.booleans(), st.sampled_from([0.0, 0.05, 0.1, 0.25, 0.5, 0.8, 0.999, 1.0])),
    min_size=2,
    max_size=60,
)


def _both_classes(sample: list[tuple[bool, float]]) -> tuple[np.ndarray, np.ndarray]:
    labels = np.array([int(bad) for bad, _ in sample])
    assume(0 < labels.sum() < len(labels))
    return labels, np.array([score for _, score in sample])


@given(rows)
def test_auc_and_gini_equal_sklearn(sample):
    labels, scores = _both_classes(sample)
    expected = roc_auc_score(labels, scores)
    assert auc(labels, scores) == pytest.approx(expected, abs=1e-12)
    assert gini(labels, scores) == pytest.approx(2 * expected - 1, abs=1e-12)


@given(rows)
def test_ks_equals_the_widest_gap_of_sklearns_roc_curve(sample):
    labels, scores = _both_classes(sample)
    goods, bads, _ = roc_curve(labels, scores, drop_intermediate=False)
    expected = np.abs(bads - goods).max()
    assert ks(labels, scores) == pytest.approx(expected, abs=1e-12)


@given(rows)
def test_brier_equals_sklearn(sample):
    labels, scores = _both_classes(sample)
    assert brier(labels, scores) == pytest.approx(brier_score_loss(labels, scores), abs=1e-12)


@pytest.mark.parametrize(("slope", "intercept"), [(1.0, 0.0), (0.6, -0.4), (1.7, 1.2)])
def test_calibration_equals_an_unpenalised_logistic_regression(slope, intercept):
    random = np.random.default_rng(7)
    log_odds = random.normal(-1.5, 1.3, 4000)
    truth = 1 / (1 + np.exp(-(slope * log_odds + intercept)))
    labels = (random.random(4000) < truth).astype(int)
    line = calibration(labels, log_odds)
    reference = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(
        log_odds[:, None], labels
    )
    assert line.slope == pytest.approx(float(reference.coef_[0, 0]), abs=1e-5)
    assert line.intercept == pytest.approx(float(reference.intercept_[0]), abs=1e-5)


@given(rows, st.integers(1, 12))
def test_calibration_table_holds_every_row_once(sample, bins):
    labels, scores = _both_classes(sample)
    table = calibration_table(labels, scores, bins)
    assert len(table) <= bins
    assert sum(part.count for part in table) == len(labels)
    assert sum(part.count * part.bad_rate for part in table) == pytest.approx(labels.sum())
    assert sum(part.count * part.mean_pd for part in table) == pytest.approx(scores.sum())
    for below, above in pairwise(table):
        assert below.highest < above.lowest


@pytest.mark.parametrize("figure", [auc, gini, ks, brier, calibration, calibration_table])
@pytest.mark.parametrize(
    ("labels", "scores", "says"),
    [
        ([], [], "all labels are the same"),
        ([1, 1], [0.1, 0.2], "all labels are the same"),
        ([0, 2], [0.1, 0.2], "not 0 or 1"),
        ([0, np.nan], [0.1, 0.2], "not 0 or 1"),
        ([0, 1], [0.1, np.nan], "finite"),
        ([0, 1, 1], [0.1, 0.2], "shape"),
    ],
)
def test_degenerate_input_is_refused(figure, labels, scores, says):
    with pytest.raises(BadInput, match=says):
        figure(labels, scores)


def test_what_is_no_probability_is_refused():
    with pytest.raises(BadInput, match="below 0 or above 1"):
        brier([0, 1], [0.2, 1.2])


def test_no_line_through_scores_that_part_completely():
    with pytest.raises(BadInput, match="completely"):
        calibration([0, 0, 1, 1], [-2.0, -1.0, 1.0, 2.0])


def test_no_line_through_one_score():
    with pytest.raises(BadInput, match="every score is the same"):
        calibration([0, 1, 0], [0.3, 0.3, 0.3])
