"""Calibration against scikit-learn, and against a population made by re-weighting."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from finmodel.errors import BadInput
from finmodel.manifest import Calibration, PricingPd, digest
from risk.calibrate import Wanted, calibrate, isotonic
from risk.frames.frame import TrainingFrame
from risk.frames.split import Parts, fold_numbers
from risk.learning import Teaching, judge_by_folds, judge_by_time, learn
from risk.scaling import calibrated, priced, probability

RANDOM = np.random.default_rng(3)
RAW = RANDOM.normal(size=4000).round(2)
LABELS = (RANDOM.random(4000) < 1 / (1 + np.exp(0.4 - 1.3 * RAW))) * 1.0


def test_the_steps_are_those_of_sklearn():
    """But at the ends, where scikit-learn says 0 and 1, and a price of no risk would follow."""
    ours = priced(RAW, isotonic(LABELS, RAW))
    theirs = IsotonicRegression(out_of_bounds="clip").fit(RAW, LABELS).predict(RAW)
    between = (theirs > 0) & (theirs < 1)
    inner = between & (ours != ours.min()) & (ours != ours.max())
    assert inner.sum() > 3000
    np.testing.assert_allclose(ours[inner], theirs[inner], rtol=1e-12)
    assert theirs.min() == 0.0
    for end in (ours.min(), ours.max()):
        assert 0 < end < 1
        assert end == pytest.approx(LABELS[ours == end].mean())
    assert ours.mean() == pytest.approx(LABELS.mean())


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=6, max_size=60))
def test_steps_rise_whatever_the_rows(rows):
    raw, labels = (np.array(one, dtype=np.float64) for one in zip(*rows, strict=True))
    try:
        steps = isotonic(labels, raw)
    except BadInput:
        return
    given_ = priced(np.linspace(-1, 6, 50), steps)
    assert (np.diff(given_) >= 0).all()
    assert all(0 < a < b < 1 for a, b in pairwise(steps.pds))


def test_a_score_between_two_steps_belongs_to_the_nearer():
    steps = PricingPd(starts=(1.5,), pds=(0.1, 0.3))
    assert priced(np.array([1.49, 1.5, 1.51]), steps).tolist() == [0.1, 0.3, 0.3]
    assert np.isnan(priced(np.array([np.nan]), steps)).all()


@pytest.mark.parametrize("labels", [[1, 1, 0, 0], [0, 0, 1, 1]])
def test_where_no_price_can_be_told_it_is_said(labels):
    with pytest.raises(BadInput, match="one step only"):
        isotonic(np.array(labels, dtype=np.float64), np.array([1, 2, 3, 4.0]))


def test_a_base_rate_moves_the_mean_of_the_reweighted_sample_to_it():
    found = calibrate(LABELS, RAW, Wanted("base_rate", base_rate=0.08))
    even = calibrate(LABELS, RAW, Wanted("platt"))
    s = LABELS.mean()
    assert found.slope == even.slope
    assert found.intercept == pytest.approx(
        even.intercept + np.log(0.08 / 0.92) - np.log(s / (1 - s)), abs=1e-12
    )
    pd = probability(calibrated(RAW, even))
    weight = pd * 0.08 / s + (1 - pd) * 0.92 / (1 - s)
    mean = (weight * probability(calibrated(RAW, found))).sum() / weight.sum()
    assert mean == pytest.approx(0.08, abs=1e-9)


def test_a_base_rate_is_what_a_regression_on_the_population_finds():
    """Goods are thinned out, as lenders do; the line that is moved back fits the whole."""
    raw = RANDOM.normal(size=400_000)
    labels = (RANDOM.random(400_000) < 1 / (1 + np.exp(3 - 1.3 * raw))) * 1.0
    kept = (labels == 1) | (RANDOM.random(400_000) < 0.1)
    wanted = Wanted("base_rate", base_rate=float(labels.mean()))
    found = calibrate(labels[kept], raw[kept], wanted)
    whole = LogisticRegression(C=1e9).fit(raw[:, None], labels)
    assert found.intercept == pytest.approx(whole.intercept_[0], abs=0.04)
    assert found.slope == pytest.approx(whole.coef_[0, 0], abs=0.04)


def test_prices_follow_the_base_rate_too():
    even = calibrate(LABELS, RAW, Wanted("platt", pricing=True)).pricing
    moved = calibrate(LABELS, RAW, Wanted("base_rate", 0.08, pricing=True)).pricing
    assert isinstance(even, PricingPd)
    assert isinstance(moved, PricingPd)
    assert moved.starts == even.starts
    s, pds = LABELS.mean(), np.array(even.pds)
    bayes = pds * 0.08 / s / (pds * 0.08 / s + (1 - pds) * 0.92 / (1 - s))
    np.testing.assert_allclose(moved.pds, bayes, rtol=1e-12)


def test_what_was_signed_before_prices_were_known_keeps_its_digest():
    text = b'{"intercept":-0.2,"method":"platt","slope":1.1}'
    assert msgspec.json.encode(Calibration("platt", 1.1, -0.2), order="sorted") == text
    assert digest(Calibration("platt", 1.1, -0.2)) != digest(
        Calibration("platt", 1.1, -0.2, pricing=PricingPd((0.0,), (0.1, 0.2)))
    )


def test_a_calibration_is_read_again_to_the_bit():
    found = calibrate(LABELS, RAW, Wanted("base_rate", 0.08, pricing=True))
    assert msgspec.json.decode(msgspec.json.encode(found), type=Calibration) == found


@pytest.mark.parametrize(
    ("starts", "pds", "says"),
    [
        ([0.0], [0.1], "one pd more"),
        ([0.0], [0.2, 0.1], "must rise"),
        ([1.0, 0.0], [0.1, 0.2, 0.3], "must rise"),
        ([0.0], [0.1, 1.2], "above 1"),
    ],
)
def test_steps_that_are_none_are_not_read(starts, pds, says):
    with pytest.raises(msgspec.ValidationError, match=says):
        msgspec.convert({"starts": starts, "pds": pds}, PricingPd)


ROWS = 900
MATRIX = RANDOM.normal(size=(ROWS, 3)).astype(np.float32)
BAD = (MATRIX[:, 0] + RANDOM.normal(size=ROWS) > 0.3) * 1.0
FRAME = TrainingFrame("t", np.arange(ROWS), ("a", "b", "c"), MATRIX, BAD, None, {})
TEACHING = Teaching(
    params={"num_leaves": 5, "learning_rate": 0.1, "num_threads": 1, "seed": 1},
    rounds=20,
    early_stopping=None,
    calibration=Wanted("platt", pricing=True),
    monotone={},
    folds=3,
    seed=4,
)
EVERYTHING = Parts(np.arange(ROWS), np.arange(0), np.arange(0))


def test_prices_are_learnt_on_scores_by_models_that_did_not_see_the_row():
    learned = learn(FRAME, EVERYTHING, TEACHING)
    fold, raw = fold_numbers(BAD, 3, TEACHING.seed), np.empty(ROWS)
    for number in range(3):
        train, test = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
        plain = replace(TEACHING, calibration=Wanted())
        blind = learn(FRAME, Parts(train, train[:0], train[:0]), plain)
        raw[test] = blind.scorer.raw_many(MATRIX[test])
    assert learned.calibration.pricing == isotonic(BAD, raw)


def test_with_a_later_part_prices_are_learnt_there():
    rows = np.arange(ROWS)
    learned = learn(FRAME, Parts(rows[:500], rows[500:700], rows[700:]), TEACHING)
    raw = learned.scorer.raw_many(MATRIX[500:700])
    assert learned.calibration.pricing == isotonic(BAD[500:700], raw)


def test_a_base_rate_is_judged_at_the_samples_own_rate_and_changes_no_figure():
    shifted = replace(TEACHING, calibration=Wanted("base_rate", base_rate=0.05))
    plain = replace(TEACHING, calibration=Wanted("platt"))
    one, other = (judge_by_folds(FRAME, EVERYTHING.train, way, 1) for way in (plain, shifted))
    assert other.figures.brier == pytest.approx(one.figures.brier)
    assert other.figures.calibration_intercept == pytest.approx(one.figures.calibration_intercept)
    s = BAD.mean()
    assert other.shift == pytest.approx(np.log(0.05 / 0.95) - np.log(s / (1 - s)), abs=1e-3)
    np.testing.assert_allclose(other.of_sample, one.log_odds, atol=0.02)
    rows = np.arange(ROWS)
    parts = Parts(rows[:500], rows[500:700], rows[700:])
    late = [judge_by_time(FRAME, parts, learn(FRAME, parts, way)) for way in (plain, shifted)]
    assert late[1].figures.brier == pytest.approx(late[0].figures.brier)
    assert probability(late[1].log_odds).mean() < 0.2 < probability(late[0].log_odds).mean()
