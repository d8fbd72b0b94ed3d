"""Where an application's outcomes stand: against pandas' index, hashed stand-ins or not."""

import numpy as np
import pandas as pd
import pytest

from finmodel.outcomes import Outcomes
from risk.monitor.looks import ABSENT, Looks

LIMITS = np.iinfo(np.int64)


def outcomes_of(application):
    application = np.sort(application)
    nothing = np.zeros(len(application), np.int32)
    times = np.arange(len(application))
    return Outcomes(application, times, nothing.astype(np.int8), nothing, nothing)


def hashed(rng, count):
    return rng.integers(LIMITS.min, LIMITS.max, count, endpoint=True)


NUMBERS = {
    "hashed": hashed,
    "counted": lambda rng, count: np.arange(1, count + 1),
    "crowded": lambda rng, count: rng.integers(-50, 50, count) + LIMITS.max // 3,
    "the outermost": lambda rng, count: np.array([LIMITS.min, -1, 0, 1, LIMITS.max]),
    "one": lambda rng, count: np.array([-5]),
}


@pytest.mark.parametrize("kind", NUMBERS)
@pytest.mark.parametrize("asked", [0, 3, 4_000, 1_100_000])
def test_each_place_is_that_of_pandas_index(kind, asked):
    rng = np.random.default_rng(11)
    seen = NUMBERS[kind](rng, 5_000)
    looks = Looks.of(outcomes_of(np.repeat(seen, rng.integers(1, 4, len(seen)))))
    sought = np.concatenate([rng.choice(seen, asked), hashed(rng, asked)])
    sought = np.concatenate([sought, [LIMITS.min, 0, LIMITS.max]])
    index = pd.Index(np.unique(seen))
    places = looks.places(sought)
    np.testing.assert_array_equal(places, index.get_indexer(sought))
    assert (places != ABSENT).sum() >= asked
    np.testing.assert_array_equal(looks.application, index)


def test_an_applications_outcomes_begin_where_they_are_told_to():
    rng = np.random.default_rng(3)
    outcomes = outcomes_of(np.repeat(hashed(rng, 700), rng.integers(1, 5, 700)))
    looks = Looks.of(outcomes)
    first = pd.Series(np.arange(len(outcomes))).groupby(outcomes.application).min()
    np.testing.assert_array_equal(looks.begins, first.to_numpy())
    np.testing.assert_array_equal(looks.application, first.index)
