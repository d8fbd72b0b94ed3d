"""A value falls into one bin, as pandas' cut and the eye have it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from risk.scorecard.bins import CategoryBins, NumericBins, number_text, place

singles = st.floats(-1e6, 1e6, width=32)


@given(st.lists(singles, min_size=1, max_size=5, unique=True), st.lists(singles, max_size=30))
def test_ranges_are_those_of_pandas_cut(cuts, values):
    edges = sorted(cuts)
    column = np.array([*values, *edges], dtype=np.float32)
    expected = pd.cut(column, [-np.inf, *edges, np.inf], right=False, labels=False)
    np.testing.assert_array_equal(place(NumericBins(tuple(edges)), column), expected)


def test_special_values_come_before_ranges_and_missing_before_all():
    bins = NumericBins((0.0,), (-9999.0, -1.0))
    column = np.array([-9999, -1, -2, 5, np.nan, np.inf, -np.inf], dtype=np.float32)
    labels = bins.labels()
    assert [labels[one] for one in bins.place(column)] == [
        "特殊值 special -9999",
        "特殊值 special -1",
        "(-∞, 0)",
        "[0, +∞)",
        "缺失 missing",
        "[0, +∞)",
        "(-∞, 0)",
    ]


@given(singles)
def test_a_number_is_written_so_that_it_reads_back_the_same(value):
    assert np.float32(number_text(value)) == np.float32(value)


@pytest.mark.parametrize("groups", [(), (("a",), ()), (("a", "b"), ("b",))])
def test_groups_hold_each_category_once(groups):
    with pytest.raises(ValueError, match="exactly one group"):
        CategoryBins(groups)
