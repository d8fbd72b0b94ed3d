"""What a campaign did, against statsmodels, against sums by hand, and against a known truth."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from statsmodels.stats.proportion import confint_proportions_2indep

from finmodel.errors import BadInput
from marketing.effects.uplift_metrics import Trial
from marketing.outcome.measure import (
    DAY_US,
    Responses,
    adjusted_lift,
    balance_of,
    deciles_of,
    lift_of,
    qini_of,
    responded,
    worth_more,
)
from tests.marketing.trials import known_trial


def trial(n: int, share: float, rates: tuple[float, float], seed: int = 0) -> Trial:
    random = np.random.default_rng(seed)
    treated = random.random(n) < share
    response = random.random(n) < np.where(treated, *rates)
    return Trial(treated, response.astype(np.float64))


@pytest.mark.parametrize("seed", range(4))
def test_a_lifts_interval_is_newcombes(seed):
    seen = trial(900, 0.8, (0.12, 0.07), seed)
    found = lift_of(seen)
    counts = [int(seen.response[rows].sum()) for rows in (seen.treated, ~seen.treated)]
    sizes = [int(rows.sum()) for rows in (seen.treated, ~seen.treated)]
    low, high = confint_proportions_2indep(
        counts[0], sizes[0], counts[1], sizes[1], method="newcomb", compare="diff"
    )
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-9)
    assert found.lift == pytest.approx(counts[0] / sizes[0] - counts[1] / sizes[1])


def test_nobody_who_responded_still_has_an_interval():
    found = lift_of(Trial(np.array([True] * 50 + [False] * 50), np.zeros(100)))
    assert (found.lift, found.low < 0.0 < found.high) == (0.0, True)


def test_what_a_score_explains_is_taken_off_as_by_regression():
    random = np.random.default_rng(4)
    n = 6_000
    before = random.random(n)
    treated = random.random(n) < 0.9
    response = (random.random(n) < 0.8 * before + 0.04 * treated).astype(np.float64)
    seen = Trial(treated, response)
    found, plain = adjusted_lift(seen, before), lift_of(seen)
    design = sm.add_constant(np.column_stack([treated.astype(float), before]))
    fitted = sm.OLS(response, design).fit(cov_type="HC1")
    assert found.lift == pytest.approx(fitted.params[1], abs=2e-4)
    assert (found.high - found.low) == pytest.approx(2 * 1.96 * fitted.bse[1], rel=0.02)
    assert (found.high - found.low) < 0.95 * (plain.high - plain.low)
    assert found.variance_left < 0.85


def test_a_score_that_says_nothing_takes_nothing_off():
    seen = trial(2_000, 0.5, (0.2, 0.1))
    found = adjusted_lift(seen, np.full(2_000, 0.3))
    assert found.lift == pytest.approx(lift_of(seen).lift)
    assert found.variance_left == 1.0


@pytest.mark.parametrize("seed", range(4))
def test_of_one_value_the_worth_is_that_many_times_the_lift(seed):
    seen = trial(900, 0.8, (0.12, 0.07), seed)
    found, lift = worth_more(seen, np.full(900, 18_000.0)), lift_of(seen)
    told = [18_000 * end for end in (lift.lift, lift.low, lift.high)]
    assert [found.value, found.low, found.high] == pytest.approx(told)


SMALL = [(20, 400, 0.15, 0.05), (30, 600, 0.3, 0.1), (100, 2_000, 0.05, 0.02)]


@pytest.mark.parametrize(("held", "treated", "p", "q"), SMALL)
def test_intervals_of_a_small_holdout_hold(held, treated, p, q):
    """Of 600 trials at least 91 % must hold the truth; the normal interval's worth does in 80 %."""
    random = np.random.default_rng(5)
    worths, shares = np.array([1_000.0, 2_500.0, 8_000.0]), np.array([0.6, 0.3, 0.1])
    truth = (p - q) * float(worths @ shares)
    group = np.arange(held + treated) < treated
    hits = np.zeros(3)
    for _ in range(600):
        before = random.random(len(group))  # the chance is in proportion to it
        response = (random.random(len(group)) < 2 * before * np.where(group, p, q)).astype(float)
        value, seen = random.choice(worths, len(group), p=shares), Trial(group, response)
        worth, lift = worth_more(seen, value), adjusted_lift(seen, before)
        parts = [(response * value)[rows] for rows in (group, ~group)]
        error = 1.96 * np.sqrt(sum(part.var(ddof=1) / len(part) for part in parts))
        off = abs(parts[0].mean() - parts[1].mean() - truth)
        hits += [worth.low <= truth <= worth.high, lift.low <= p - q <= lift.high, off <= error]
    held_by_worth, held_by_adjusted, by_welch = hits / 600
    assert min(held_by_worth, held_by_adjusted) > 0.91
    assert by_welch < 0.87


def test_of_too_few_nothing_more_than_the_plain_lift_is_told():
    response, score = np.ones(100), np.linspace(0.0, 1.0, 100)
    for few, told in ((19, False), (20, True), (81, False)):
        seen = Trial(np.arange(100) >= few, response)
        found = adjusted_lift(seen, score), worth_more(seen, score)
        assert [one is not None for one in found] == [told, told]


def test_a_response_counts_from_its_window_on_and_for_so_many_days():
    since = np.full(6, 10 * DAY_US)
    times = [10 * DAY_US - 1, 10 * DAY_US, 17 * DAY_US - 1, 17 * DAY_US, 12 * DAY_US]
    told = Responses(np.array([1, 2, 3, 4, 99]), np.array(times))
    found = responded(np.arange(1, 7), since, 7, told)
    assert found.tolist() == [False, True, True, False, False, False]


def test_responses_are_those_that_a_loop_finds():
    random = np.random.default_rng(9)
    customer = np.unique(random.integers(0, 10**12, 300))
    since = random.integers(0, 40, len(customer)) * DAY_US
    told = Responses(random.choice(customer, 500), random.integers(0, 60 * DAY_US, 500))
    expected = [
        any(
            c == one and s <= at < s + 9 * DAY_US
            for c, at in zip(told.customer, told.at_us, strict=True)
        )
        for one, s in zip(customer, since, strict=True)
    ]
    assert responded(customer, since, 9, told).tolist() == expected
    assert not responded(customer, since, 9, Responses(*(np.empty(0, np.int64),) * 2)).any()


def test_deciles_part_those_whom_the_treatment_moves():
    given, effect = known_trial(30_000, seed=2, share=0.9)
    found = deciles_of(effect, given.trial)
    assert [one.decile for one in found] == list(range(1, 11))
    assert sum(one.treated + one.control for one in found) == 30_000
    assert found[0].uplift - found[-1].uplift > 0.12
    lone = deciles_of(np.arange(20.0), Trial(np.arange(20) > 0, np.ones(20)))
    assert [one.control_rate for one in lone][:9] == [None] * 9


def test_a_good_order_has_its_qini_clear_of_zero_and_a_drawn_one_has_not():
    given, effect = known_trial(20_000, seed=3, share=0.9)
    figures, curve = qini_of(effect, given.trial)
    assert figures["qini"].low > 0.0
    assert all(one.low <= one.qini + 0.02 and one.qini <= one.high + 0.02 for one in curve)
    assert (curve[0].share, curve[-1].share, len(curve)) == (0.0, 1.0, 101)
    random, _ = qini_of(np.random.default_rng(1).random(20_000), given.trial)
    assert random["qini"].low < 0.0 < random["qini"].high


def test_groups_that_differ_before_the_campaign_are_refused_by_how_much():
    random = np.random.default_rng(6)
    treated = random.random(8_000) < 0.9
    scores = random.normal(size=(8_000, 2)).astype(np.float32)
    seen = Trial(treated, np.zeros(8_000))
    assert not any(one.alarm for one in balance_of(scores, ("score", "points"), seen))
    scores[:, 1] += 0.4 * treated
    with pytest.raises(BadInput, match=r"differ before the campaign: points by \+0\.4\d sd; find"):
        balance_of(scores, ("score", "points"), seen)
