"""Trials that chance decided pass, others are refused with the feature and by how much."""

from __future__ import annotations

import numpy as np
import pytest

from finmodel.errors import BadInput
from marketing.effects.balance import differences, require_randomised
from tests.marketing.trials import NAMES, known_trial


def test_a_difference_is_of_pooled_standard_deviations():
    given, _ = known_trial(5_000)
    treated = given.trial.treated
    (row,) = [one for one in differences(given.matrix, NAMES, treated) if one.name == "base"]
    one, two = given.matrix[treated, 1].astype(float), given.matrix[~treated, 1].astype(float)
    pooled = np.sqrt((one.var() + two.var()) / 2)
    assert row.sds == pytest.approx((one.mean() - two.mean()) / pooled)
    assert (row.treated, row.control) == (pytest.approx(one.mean()), pytest.approx(two.mean()))


def test_chance_alone_raises_no_alarm_whatever_the_size():
    alarms = 0
    for seed in range(300):
        given, _ = known_trial((60, 600, 6_000)[seed % 3], seed)
        alarms += any(o.alarm for o in differences(given.matrix, NAMES, given.trial.treated))
    assert alarms <= 3


def test_customers_who_were_chosen_are_refused_by_name_and_size():
    given, _ = known_trial(4_000)
    chosen = given.matrix[:, 1] + np.random.default_rng(2).normal(size=4_000) > 0
    with pytest.raises(BadInput, match=r"differ before the treatment: base by \+1\.\d\d sd; rand"):
        require_randomised(given.matrix, NAMES, chosen, "campaign spring")


def test_being_missing_is_a_difference_too():
    given, _ = known_trial(4_000)
    matrix = given.matrix.copy()
    matrix[given.trial.treated & (np.arange(4_000) % 3 == 0), 2] = np.nan
    with pytest.raises(BadInput, match=r"noise by \+0\.\d\d sd"):
        require_randomised(matrix, NAMES, given.trial.treated, "x")


def test_what_few_customers_have_differs_by_chance_as_small_trials_do():
    """In 300 trials without fault, of a value that one customer in a hundred has: no alarm."""
    random = np.random.default_rng(8)
    alarms, apart = 0, 0
    for _ in range(300):
        matrix = random.normal(size=(20_000, 1)).astype(np.float32)
        matrix[random.random(20_000) > 0.01] = np.nan
        treated = random.random(20_000) < 0.3
        (row,) = differences(matrix, ("rare",), treated)
        alarms += row.alarm
        apart += abs(row.sds) > 0.1
    assert apart > 100  # the line alone would have refused these
    assert alarms <= 2
    matrix[treated] += 1.0
    (row,) = differences(matrix, ("rare",), treated)
    assert row.alarm
