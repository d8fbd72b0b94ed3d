"""Curves against a count by hand, and figures where the effect is known."""

from __future__ import annotations

import numpy as np
import pytest

from finmodel.errors import BadInput
from marketing.effects.uplift_metrics import Trial, by_decile, curve_of, intervals, uplift_of
from tests.marketing.trials import known_trial


def by_hand(score, trial, share):
    """uplift and qini of the highest, counted customer by customer."""
    order = sorted(range(len(score)), key=lambda i: -score[i])[: round(share * len(score))]
    t = [i for i in order if trial.treated[i]]
    c = [i for i in order if not trial.treated[i]]
    r_t, r_c = sum(trial.response[t]), sum(trial.response[c])
    return r_t / len(t) - r_c / len(c), (r_t - r_c * len(t) / len(c)) / trial.treated.sum()


@pytest.mark.parametrize("share", [0.1, 0.3, 0.77, 1.0])
def test_a_curves_points_are_those_counted_by_hand(share):
    given, effect = known_trial(1_000)
    score = effect + np.random.default_rng(1).normal(0, 0.2, 1_000)
    curve = curve_of(score, given.trial)
    place = round(share * 100)
    uplift, qini = by_hand(score, given.trial, share)
    assert curve.uplift[place] == pytest.approx(uplift)
    assert curve.qini[place] == pytest.approx(qini)
    assert curve.gain[place] == pytest.approx(share * uplift)
    if share in (0.1, 0.3):
        told = uplift_of(score, given.trial, at=(10, 30))
        assert told.at[place] == pytest.approx(uplift)


def test_the_known_order_has_the_known_figures_and_a_random_one_none():
    given, effect = known_trial(400_000)
    order = np.sort(effect)[::-1]
    best = uplift_of(effect, given.trial)
    assert best.effect == pytest.approx(effect.mean(), abs=0.005)
    assert best.at[10] == pytest.approx(order[:40_000].mean(), abs=0.01)
    share = np.arange(1, len(effect) + 1) / len(effect)
    gain = np.cumsum(order) / len(effect)
    assert best.auuc == pytest.approx(np.trapezoid(gain, share), abs=0.003)
    assert best.qini == pytest.approx(np.trapezoid(gain - share * gain[-1], share), abs=0.003)
    random = uplift_of(np.random.default_rng(5).random(400_000), given.trial)
    assert random.qini == pytest.approx(0.0, abs=0.002)
    assert uplift_of(-effect, given.trial).qini == pytest.approx(-best.qini, abs=0.003)


def test_groups_of_unequal_size_change_nothing_but_chance():
    given, effect = known_trial(400_000, share=0.2)
    half, half_effect = known_trial(400_000, seed=1)
    told, other = uplift_of(effect, given.trial), uplift_of(half_effect, half.trial)
    assert told.qini == pytest.approx(other.qini, abs=0.004)
    assert told.auuc == pytest.approx(other.auuc, abs=0.006)


def test_intervals_cover_the_truth_about_as_often_as_they_say():
    truth = uplift_of(known_trial(400_000)[1], known_trial(400_000)[0].trial).qini
    held = 0
    for seed in range(40):
        given, effect = known_trial(1_500, seed=100 + seed)
        found = intervals(effect, given.trial, draws=120, seed=seed)["qini"]
        held += found.low <= truth <= found.high
    assert held >= 34  # of 40 at 95 %: fewer than 34 come once in two thousand


def test_amounts_are_taken_as_responses_are():
    given, effect = known_trial(2_000)
    money = Trial(given.trial.treated, given.trial.response * 50.0)
    assert uplift_of(effect, money).qini == pytest.approx(50 * uplift_of(effect, given.trial).qini)


def test_deciles_hold_everybody_once():
    given, effect = known_trial(1_234)
    rows = by_decile(effect, given.trial)
    assert sum(t + c for t, c, _, _ in rows) == 1_234
    best = np.argsort(-effect, kind="stable")[:124]
    treated = given.trial.treated[best]
    assert rows[0][0] == treated.sum()
    assert rows[0][2] == pytest.approx(given.trial.response[best][treated].mean())


@pytest.mark.parametrize(
    ("treated", "says"),
    [
        ([True, True], "nobody is control; keep a holdout"),
        ([False, False], "nobody is treated"),
        ([True, False, True], "differ in length"),
    ],
)
def test_a_trial_without_two_groups_is_none(treated, says):
    with pytest.raises(BadInput, match=says):
        Trial(np.array(treated), np.zeros(2))


def test_draws_that_tell_nothing_are_left_out_of_an_interval():
    random = np.random.default_rng(3)
    trial = Trial(np.arange(400) >= 20, (random.random(400) < 0.3).astype(float))
    score = np.concatenate([np.linspace(0, 1, 20), random.random(380)])
    found = intervals(score, trial, (1, 20), draws=200)
    assert np.isnan(found["uplift@1%"].low)
    assert found["uplift@20%"].low <= found["uplift@20%"].value <= found["uplift@20%"].high
