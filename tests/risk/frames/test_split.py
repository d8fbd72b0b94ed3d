"""Parts by time never mix, folds keep their share of bads, a random part is not out-of-time."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finmodel.errors import BadInput
from risk.frames.split import folds, split_by_time
from risk.recipe import Split


def _months(count: int, rows: int) -> np.ndarray:
    start = np.datetime64("2024-01-01", "us")
    return np.array([start + np.timedelta64(31 * (row % count), "D") for row in range(rows)])


@given(st.integers(6, 12), st.integers(200, 400), st.integers(0, 9))
def test_later_rows_judge_and_rows_of_one_time_stay_together(months, rows, seed):
    random = np.random.default_rng(seed)
    times = random.permutation(_months(months, rows))
    labels = (random.random(rows) < 0.5).astype(float)
    parts = split_by_time(times, Split(), labels, "t")
    assert sorted(np.concatenate([parts.train, parts.valid, parts.oot])) == list(range(rows))
    assert times[parts.train].max() < times[parts.valid].min()
    assert times[parts.valid].max() < times[parts.oot].min()


def test_days_named_in_the_recipe_are_the_borders():
    times, labels = _months(12, 240), np.arange(240) // 12 % 2 * 1.0
    split = Split(valid_from=dt.date(2024, 8, 1), oot_from=dt.date(2024, 10, 1))
    parts = split_by_time(times, split, labels, "t")
    assert times[parts.valid].min() >= np.datetime64("2024-08-01")
    assert times[parts.oot].min() >= np.datetime64("2024-10-01")
    assert times[parts.train].max() < np.datetime64("2024-08-01")


@pytest.mark.parametrize("times", [None, _months(1, 20)])
def test_without_different_times_nothing_is_out_of_time(times):
    parts = split_by_time(times, Split(), np.arange(20) % 2 * 1.0, "t")
    assert not parts.by_time
    assert len(parts.train) == 20


def test_a_part_without_bads_is_refused():
    times, labels = _months(12, 240), np.arange(240) % 2 * 1.0
    labels[times >= np.datetime64("2024-10-01")] = 0.0
    with pytest.raises(BadInput, match="'oot'"):
        split_by_time(times, Split(), labels, "t")


@given(st.integers(0, 99), st.integers(2, 6))
def test_folds_part_all_rows_and_keep_the_share_of_bads(seed, count):
    labels = (np.random.default_rng(seed).random(300) < 0.3).astype(float)
    tested = []
    for train, test in folds(labels, count, seed):
        assert not set(train) & set(test)
        assert len(train) + len(test) == 300
        assert abs(labels[test].sum() - labels.sum() / count) < 1
        tested += list(test)
    assert sorted(tested) == list(range(300))


def test_the_same_seed_gives_the_same_folds():
    labels = np.arange(60) % 3 == 0
    first = [test.tolist() for _, test in folds(labels * 1.0, 5, 7)]
    assert first == [test.tolist() for _, test in folds(labels * 1.0, 5, 7)]
    assert first != [test.tolist() for _, test in folds(labels * 1.0, 5, 8)]


def test_too_few_bads_for_the_folds():
    with pytest.raises(BadInput, match="2 rows are bad, too few for 5 folds"):
        list(folds(np.array([1.0, 1.0] + [0.0] * 30), 5, 1))
