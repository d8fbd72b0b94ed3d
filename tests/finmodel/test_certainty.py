"""Intervals and separation against scikit-learn, scipy and simulation."""

import numpy as np
import pytest
from scipy.stats import binomtest, ks_2samp
from sklearn.metrics import roc_auc_score

from finmodel.certainty import auc_error, separation, wilson


def test_wilson_is_scipys():
    for bads, n in ((0, 20), (1, 30), (7, 200), (200, 200)):
        theirs = binomtest(bads, n).proportion_ci(0.95, "wilson")
        assert wilson(bads, n) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


def test_known_outcomes_give_scikit_learns_auc_and_scipys_ks():
    rng = np.random.default_rng(4)
    score = np.round(rng.normal(size=3_000), 1)  # many ties
    bad = (rng.random(3_000) < 1 / (1 + np.exp(-score))).astype(float)
    found = separation(score, bad)
    assert found.auc == pytest.approx(roc_auc_score(bad, score), abs=1e-12)
    assert found.ks == pytest.approx(ks_2samp(score[bad == 1], score[bad == 0]).statistic)
    assert (found.bads, found.goods) == (bad.sum(), (1 - bad).sum())
    assert found.gini == pytest.approx(2 * found.auc - 1)


def test_calibrated_probabilities_tell_the_auc_that_outcomes_will():
    rng = np.random.default_rng(8)
    pd = rng.beta(1, 12, 200_000)
    bad = (rng.random(len(pd)) < pd).astype(float)
    expected, real = separation(pd, pd), separation(pd, bad)
    error = auc_error(real.auc, real.bads, real.goods)
    assert abs(expected.auc - real.auc) < 3 * error
    assert expected.ks == pytest.approx(real.ks, abs=0.01)
    assert expected.bads == pytest.approx(bad.sum(), rel=0.03)


def test_the_error_of_an_auc_is_its_spread_over_samples():
    rng = np.random.default_rng(1)
    found = []
    for _ in range(400):
        bad = np.repeat([1.0, 0.0], [60, 300])
        found.append(separation(rng.normal(bad), bad).auc)
    ratio = auc_error(float(np.mean(found)), 60, 300) / np.std(found)
    assert 0.95 < ratio < 1.25, "Hanley and McNeil err on the safe side"


def test_nothing_is_told_of_one_class_or_no_row():
    assert separation(np.empty(0), np.empty(0)) is None
    assert separation(np.array([1.0, 2.0]), np.array([1.0, 1.0])) is None
    assert separation(np.array([1.0, 2.0]), np.array([0.0, 0.0])) is None
    assert separation(np.array([1.0, 1.0]), np.array([0.0, 1.0])).auc == 0.5
