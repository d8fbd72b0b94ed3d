"""Vectors in compiled code against numpy's."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import pytest

from finmodel import lanes
from finmodel.lanes import LANES

STRIPES, ONE, TWO = 4, np.uint64(1), np.uint64(2)


@numba.njit
def arithmetic(left: Any, right: Any, out: Any) -> None:
    x, y = lanes.load(left, ONE, STRIPES), lanes.load(right, TWO, STRIPES)
    total = lanes.add(lanes.multiply(x, y), lanes.fill(0.5, STRIPES))
    lanes.store(out, ONE, lanes.divide(lanes.subtract(total, x), 3.0))


@numba.njit
def keep(values: Any, masks: Any, out: Any) -> None:
    x, bits = lanes.load(values, np.uint64(0), LANES), lanes.all_ones(masks, LANES)
    above = lanes.keep_where_above(bits, x, np.float32(0.25), masks[0])
    lanes.store(out, np.uint64(0), above)
    or_nan = lanes.keep_where_above_or_nan(bits, x, np.float32(0.25), masks[0])
    lanes.store(out, np.uint64(LANES), or_nan)


@numba.njit
def turn(source: Any, row: Any, target: Any) -> None:
    lanes.transpose4(source, ONE, row, target, TWO)


@numba.njit
def lowest(numbers: Any, out: Any) -> None:
    for k in range(len(numbers)):
        out[k] = lanes.lowest_bit(numbers[k])


def test_arithmetic_is_numpys_to_the_bit() -> None:
    left, right = np.random.default_rng(0).normal(size=(2, 8))
    out = np.zeros(8)
    arithmetic(left, right, out)
    x, y = left[1:5], right[2:6]
    assert np.array_equal(out[1:5], (x * y + 0.5 - x) / 3.0)
    assert not out[[0, 5, 6, 7]].any()


@pytest.mark.parametrize("width", [np.uint32, np.uint64])
def test_a_mask_is_kept_where_the_value_is_above(width: Any) -> None:
    values = np.random.default_rng(1).normal(size=LANES).astype(np.float32)
    values[[0, 3]], values[5] = np.nan, 0.25
    masks, out = np.array([0b1010], width), np.zeros(2 * LANES, width)
    keep(values, masks, out)
    ones = ~width(0)
    assert np.array_equal(out[:LANES], np.where(values > 0.25, masks[0], ones))
    assert np.array_equal(out[LANES:], np.where(~(values <= 0.25), masks[0], ones))


def test_four_rows_are_turned() -> None:
    source = np.arange(60, dtype=np.float32)
    target = np.full(4 * LANES + 8, -1, np.float32)
    turn(source, np.uint64(10), target)
    block = source[1:].reshape(-1)[: 4 * 10].reshape(4, 10)[:, :4]
    found = np.stack([target[2 + LANES * c : 6 + LANES * c] for c in range(4)], axis=1)
    assert np.array_equal(found, block)
    assert (target >= 0).sum() == 16


@pytest.mark.parametrize(("width", "none"), [(np.uint32, 32), (np.uint64, 64)])
def test_the_lowest_bit(width: Any, none: int) -> None:
    numbers, out = np.array([1, 2, 40, 0], width), np.zeros(4, np.int64)
    lowest(numbers, out)
    assert out.tolist() == [0, 1, 3, none]
