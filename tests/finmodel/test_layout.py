"""Thresholds: float32 answers as LightGBM answers in float64, at every value there is."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from finmodel.kernels import ZERO
from finmodel.layout import pack, round_down

NEAR_ZERO = [0.0, -0.0, 1e-35, -1e-35, 1e-40, -1e-40, float(ZERO), -float(ZERO), 1e300, -1e300]


@given(
    threshold=st.floats(allow_nan=False) | st.sampled_from(NEAR_ZERO),
    value=st.floats(allow_nan=False, width=32) | st.sampled_from([0.0, -0.0, 1e-45, -1e-45]),
    beside=st.booleans(),
)
def test_a_rounded_threshold_splits_as_the_exact_one(
    threshold: float, value: float, beside: bool
) -> None:
    with np.errstate(over="ignore"):
        x = np.float32(threshold if beside else value)
    read = 0.0 if abs(float(x)) <= float(ZERO) else float(x)  # as LightGBM reads a row
    assert bool(x > round_down(np.array([threshold]))[0]) == (not read <= threshold)


@given(st.lists(st.lists(st.integers(0, 2**31 - 1), max_size=7), max_size=5))
def test_sections_lie_where_the_blob_says(sections: list[list[int]]) -> None:
    blob = pack(*(np.array(section, np.int32) for section in sections))
    assert blob[len(sections)] == len(blob)
    for number, section in enumerate(sections):
        found = blob[blob[number] : blob[number + 1]].view(np.int32)
        assert found[: len(section)].tolist() == section
