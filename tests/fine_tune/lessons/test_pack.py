"""Rows that hold every sample once, hardly more of them than must be."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from fine_tune.lessons.pack import best_fit, padding_share
from finmodel.errors import BadInput


@given(some.lists(some.integers(1, 100), max_size=200), some.integers(100, 300))
def test_each_sample_stands_in_one_row_and_no_row_is_too_full(lengths, room):
    rows = best_fit(lengths, room)
    assert sorted(place for row in rows for place in row) == list(range(len(lengths)))
    sums = sorted(sum(lengths[place] for place in row) for row in rows)
    assert not sums or sums[-1] <= room
    # Best fit leaves no two rows that would go into one.
    assert all(a + b > room for a, b in pairwise(sums))


def test_best_fit_decreasing_is_near_the_bound_on_lengths_like_conversations():
    rng = np.random.default_rng(0)
    lengths = rng.lognormal(5, 0.6, 2_000).clip(20, 1_000).astype(int).tolist()
    rows = best_fit(lengths, 1_024)
    assert len(rows) <= 1.01 * -(-sum(lengths) // 1_024) + 1
    assert padding_share(lengths, rows, 1_024) < 0.02


def test_a_sample_longer_than_a_row_is_told():
    with pytest.raises(BadInput, match="a sample has 300 tokens, a row 256"):
        best_fit([300], 256)
