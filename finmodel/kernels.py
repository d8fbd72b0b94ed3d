"""Compiled loops over trees: blobs of `layout` and float32 rows in, raw or final scores out.

The arithmetic is LightGBM's, in its order, so that the results are its bits. Nothing here checks an
index: `trees` has checked the forest, `layout` built the blob, `scorer` checked the rows.
"""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from finmodel.lanes import (
    LANES,
    all_ones,
    compiled,
    keep_where_above,
    keep_where_above_or_nan,
    load,
    lowest_bit,
    store,
    transpose4,
)
from finmodel.records import Float32s, Float64s, Int64s

Int32s: TypeAlias = npt.NDArray[np.int32]
Uint32s: TypeAlias = npt.NDArray[np.uint32]
Masks: TypeAlias = npt.NDArray[np.uint32] | npt.NDArray[np.uint64]

ZERO = np.float32(1e-35)
"""LightGBM takes what is no further than this from zero for zero (its kZeroThreshold)."""

ZERO_IS_MISSING, IS_MISSING, IS_MISSING_OR_ZERO, IS_OTHER_CATEGORY = 1, 2, 3, 4
"""What a derived column holds: the feature with NaN for zero; or 1 where it is so, 0 elsewhere."""

AS_IS, SIGMOID, EXPONENTIAL, SIGNED_SQUARE, SOFTPLUS = 0, 1, 2, 3, 4
"""How a raw score becomes a score."""

GROUP = 8
"""Trees that one row walks at once, so that their memory latencies overlap."""

# Unsigned indices spare numba its test for counting from the end.
_U = np.uint64
_0, _1, _2, _3, _4, _5, _6, _7, _8 = (np.uint64(k) for k in range(9))
_W = np.uint64(LANES)


@compiled
def section(blob: Int64s, number: np.uint64) -> Int64s:
    """One section of a blob, in 8-byte words."""
    return blob[blob[number] : blob[number + _1]]


@compiled
def derive(x: Any, kind: int, bits: Uint32s, begin: Any, words: Any) -> Any:
    """A derived column's value where its feature is x."""
    zero = abs(x) <= ZERO
    if kind == ZERO_IS_MISSING:
        return np.float32(np.nan) if zero else x
    if kind == IS_OTHER_CATEGORY:
        inside = False
        if x > np.float32(-1.0) and x < np.float32(2147483648.0):  # else LightGBM's int overflows
            category = _U(x)
            word = category >> _5
            if word < words:
                inside = (bits[begin + word] >> np.uint32(category & _U(31))) & np.uint32(1) > 0
        return np.float32(0.0) if inside else np.float32(1.0)
    missing = x != x or (kind == IS_MISSING_OR_ZERO and zero)
    return np.float32(1.0) if missing else np.float32(0.0)


@compiled
def put_slots(row: Float32s, derived: Int32s, bits: Uint32s, slots: Float32s) -> None:
    """Each column twice: with NaN below everything, and with NaN above everything."""
    features = _U(len(row))
    for c in range(features + _U(len(derived)) // _4):
        if c < features:
            x = row[c]
        else:
            d = (c - features) * _4
            begin, words = _U(derived[d + _2]), _U(derived[d + _3])
            x = derive(row[_U(derived[d])], derived[d + _1], bits, begin, words)
        missing = x != x
        slots[c * _2] = -np.inf if missing else x
        slots[c * _2 + _1] = np.inf if missing else x


@compiled
def step(nodes: Int32s, bounds: Float32s, slots: Float32s, at: Any) -> Any:
    """The child to which a node sends the row; a leaf sends it to itself."""
    record = at * _4
    right = slots[_U(nodes[record])] > bounds[record + _1]
    return _U(nodes[record + _2]) + _U(right)


@compiled
def step_all(nodes: Int32s, bounds: Float32s, slots: Float32s, at: Any) -> Any:
    """One step in each tree of a group."""
    return (
        step(nodes, bounds, slots, at[0]),
        step(nodes, bounds, slots, at[1]),
        step(nodes, bounds, slots, at[2]),
        step(nodes, bounds, slots, at[3]),
        step(nodes, bounds, slots, at[4]),
        step(nodes, bounds, slots, at[5]),
        step(nodes, bounds, slots, at[6]),
        step(nodes, bounds, slots, at[7]),
    )


@compiled
def walk(
    nodes: Int32s,
    bounds: Float32s,
    slots: Float32s,
    roots: Int64s,
    depths: Int64s,
    values: Float64s,
) -> float:
    """The sum of the leaves that a row reaches, added in the order of the trees."""
    total = 0.0
    for group in range(_U(len(depths))):
        g = group * _8
        at = (
            _U(roots[g]),
            _U(roots[g + _1]),
            _U(roots[g + _2]),
            _U(roots[g + _3]),
            _U(roots[g + _4]),
            _U(roots[g + _5]),
            _U(roots[g + _6]),
            _U(roots[g + _7]),
        )
        for _ in range(depths[group]):
            at = step_all(nodes, bounds, slots, at)
        for leaf in at:
            total += values[_U(nodes[leaf * _4 + _3])]
    return total


@compiled
def score_rows(matrix: Float32s, blob: Int64s, final: bool, out: Float64s) -> None:
    """Scores by walking, each row by itself; `blob` is from `layout.rows_blob`."""
    derived = section(blob, _0).view(np.int32)
    bits = section(blob, _1).view(np.uint32)
    nodes = section(blob, _2).view(np.int32)
    bounds = section(blob, _2).view(np.float32)
    values = section(blob, _5).view(np.float64)
    slots = np.empty(2 * (matrix.shape[1] + len(derived) // 4), np.float32)
    for r in range(matrix.shape[0]):
        put_slots(matrix[r], derived, bits, slots)
        out[r] = walk(nodes, bounds, slots, section(blob, _3), section(blob, _4), values)
    if final:
        convert(out, section(blob, _6).view(np.float64))


@compiled
def turn(flat: Float32s, begin: Any, rows: Any, features: Any, columns: Float32s) -> None:
    """`rows` rows from flat[begin] on, so that each column's values lie side by side."""
    whole_rows, whole_columns = rows // _4 * _4, features // _4 * _4
    for r in range(_0, whole_rows, _4):
        for c in range(_0, whole_columns, _4):
            transpose4(flat, begin + r * features + c, features, columns, c * _W + r)
        for c in range(whole_columns, features):
            for k in range(r, r + _4):
                columns[c * _W + k] = flat[begin + k * features + c]
    for r in range(whole_rows, rows):
        for c in range(features):
            columns[c * _W + r] = flat[begin + r * features + c]


@compiled
def put_columns(
    matrix: Float32s, begin: int, derived: Int32s, bits: Uint32s, columns: Float32s
) -> None:
    """Up to LANES rows from `begin` on, turned, and the columns derived from them.

    Lanes beyond the last row keep what they held: they are scored, and the score is dropped.
    """
    rows, features = _U(min(LANES, matrix.shape[0] - begin)), _U(matrix.shape[1])
    turn(matrix.reshape(-1), _U(begin) * features, rows, features, columns)
    for number in range(_U(len(derived)) // _4):
        d = number * _4
        source, target = _U(derived[d]) * _W, (features + number) * _W
        kind, first, words = derived[d + _1], _U(derived[d + _2]), _U(derived[d + _3])
        for r in range(_W):
            columns[target + r] = derive(columns[source + r], kind, bits, first, words)


@compiled
def leaves_standing(
    columns: Float32s,
    offsets: Uint32s,
    thresholds: Float32s,
    keeps: Masks,
    bounds: Int64s,
    tree: Any,
) -> Any:
    """In each lane, a bit for each leaf of a tree that no node has struck out."""
    b = tree * _2
    standing = all_ones(keeps, LANES)
    for i in range(_U(bounds[b]), _U(bounds[b + _1])):
        x = load(columns, _U(offsets[i]), LANES)
        standing = keep_where_above(standing, x, thresholds[i], keeps[i])
    for i in range(_U(bounds[b + _1]), _U(bounds[b + _2])):
        x = load(columns, _U(offsets[i]), LANES)
        standing = keep_where_above_or_nan(standing, x, thresholds[i], keeps[i])
    return standing


@compiled
def score_blocks(matrix: Float32s, blob: Int64s, keeps: Masks, final: bool, out: Float64s) -> None:
    """Scores LANES rows abreast (QuickScorer, SIGIR 2015); blob is from `layout.block_blob`.

    A node whose answer is `right` strikes out the leaves of its left subtree; the lowest leaf left
    standing is the one that a row reaches. A tree's leaves stay in registers over all its nodes.
    """
    derived = section(blob, _0).view(np.int32)
    bits = section(blob, _1).view(np.uint32)
    offsets = section(blob, _2).view(np.uint32)
    thresholds = section(blob, _3).view(np.float32)
    bounds = section(blob, _4)
    values = section(blob, _5).view(np.float64)
    places = _U(keeps.itemsize * 8)
    columns = np.empty((matrix.shape[1] + len(derived) // 4) * LANES, np.float32)
    standing, totals = np.empty(LANES, keeps.dtype), np.empty(LANES)
    for begin in range(0, matrix.shape[0], LANES):
        put_columns(matrix, begin, derived, bits, columns)
        totals[:] = 0.0
        for tree in range(_U(len(bounds)) // _2):
            store(standing, _0, leaves_standing(columns, offsets, thresholds, keeps, bounds, tree))
            for r in range(_W):
                totals[r] += values[tree * places + _U(lowest_bit(standing[r]))]
        for r in range(min(LANES, matrix.shape[0] - begin)):
            out[begin + r] = totals[r]
    if final:
        convert(out, section(blob, _6).view(np.float64))


@compiled
def convert(scores: Float64s, ending: Float64s) -> None:
    """Raw scores into scores, in place: ending is how, the objective's parameter, the divisor.

    One number at a time with the C library's exp: a vectorised exp differs in the last bit.
    """
    how, parameter, divisor = ending[0], ending[1], ending[2]
    for r in range(len(scores)):
        x = scores[r] / divisor
        if how == SIGMOID:
            x = 1.0 / (1.0 + math.exp(-parameter * x))
        elif how == EXPONENTIAL:
            x = math.exp(x)
        elif how == SIGNED_SQUARE:
            x = float((x > 0) - (x < 0)) * x * x
        elif how == SOFTPLUS:
            x = math.log1p(math.exp(x))
        scores[r] = x


@compiled
def number_leaves(
    children: Int64s, first: Int64s, begin: Int64s, left: Int64s, rank: Int64s, depth: Int64s
) -> None:
    """Where leaves lie from left to right, for all trees; see `layout.Shape`."""
    size, level = np.ones(len(begin), np.int64), np.zeros(len(begin), np.int64)
    for t in range(len(first) - 1):
        a, m = first[t], first[t + 1] - first[t]
        for i in range(a + m - 1, a - 1, -1):
            low, high = children[i, 0], children[i, 1]
            left[i] = size[a + low] if low >= 0 else 1
            size[i] = left[i] + (size[a + high] if high >= 0 else 1)
        for i in range(a, a + m):
            depth[t] = max(depth[t], level[i] + 1)
            for side in range(2):
                child, at = children[i, side], begin[i] + side * left[i]
                if child >= 0:
                    begin[a + child], level[a + child] = at, level[i] + 1
                else:
                    rank[a + t + ~child] = at
