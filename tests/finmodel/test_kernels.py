"""The kernels' small parts against the C library and LightGBM's rules (whole: test_scorer)."""

from __future__ import annotations

import math

import numpy as np
import pytest

from finmodel import kernels
from finmodel.records import Float64s

RAW = np.random.default_rng(0).normal(scale=20, size=5_000)


@pytest.mark.parametrize(
    ("how", "parameter", "expected"),
    [
        (kernels.AS_IS, 1.0, RAW),
        (kernels.SIGMOID, 0.3, [1 / (1 + math.exp(-0.3 * x)) for x in RAW]),
        (kernels.EXPONENTIAL, 1.0, [math.exp(x) for x in RAW]),
        (kernels.SIGNED_SQUARE, 1.0, [math.copysign(x * x, x) for x in RAW]),
        (kernels.SOFTPLUS, 1.0, [math.log1p(math.exp(x)) for x in RAW]),
    ],
)
def test_scores_end_with_the_c_librarys_bits(
    how: int, parameter: float, expected: Float64s
) -> None:
    scores = RAW * 4.0
    kernels.convert(scores, np.array([how, parameter, 4.0]))
    assert np.array_equal(scores, expected)


CATEGORIES = np.array([0, 0b101, 0, 1 << 31], np.uint32)


def derived(x: float, kind: int) -> float:
    """What a column derived from x holds; its set is of the 96 categories from word 1 on."""
    begin, words = np.uint64(1), np.uint64(3)
    return float(kernels.derive(np.float32(x), np.int32(kind), CATEGORIES, begin, words))


@pytest.mark.parametrize("x", [0.0, 2.0, 2.9, -0.5, 95.0, 95.5, 1e-40])
def test_a_category_of_the_set_goes_left(x: float) -> None:
    assert derived(x, kernels.IS_OTHER_CATEGORY) == 0


@pytest.mark.parametrize("x", [1.0, -1.0, -3.0, 94.0, 96.0, 1e9, 3e9, np.nan, np.inf, -np.inf])
def test_any_other_category_goes_right(x: float) -> None:
    assert derived(x, kernels.IS_OTHER_CATEGORY) == 1


@pytest.mark.parametrize("x", [0.0, -0.0, 1e-35, -1e-35, 1e-45])
def test_what_is_near_to_zero_is_zero(x: float) -> None:
    assert np.isnan(derived(x, kernels.ZERO_IS_MISSING))
    assert derived(x, kernels.IS_MISSING_OR_ZERO) == 1
    assert derived(x, kernels.IS_MISSING) == 0


def test_what_is_not_near_to_zero_is_itself() -> None:
    assert derived(1.0000001e-35, kernels.ZERO_IS_MISSING) == np.float32(1.0000001e-35)
    assert derived(np.inf, kernels.IS_MISSING_OR_ZERO) == 0
    assert derived(np.nan, kernels.IS_MISSING) == 1
