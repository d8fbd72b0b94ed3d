"""A `Forest` in, the flat arrays that the compiled kernels walk out.

Each kernel takes one `blob`, an array of 8-byte words that begins with where its sections lie,
because numba charges every argument of a call about a third of a microsecond. What a node may ask
of a value is reduced here to one question, `x > threshold`, over columns made to fit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from finmodel.kernels import (
    GROUP,
    IS_MISSING,
    IS_MISSING_OR_ZERO,
    IS_OTHER_CATEGORY,
    ZERO,
    ZERO_IS_MISSING,
    Int32s,
    Masks,
    number_leaves,
)
from finmodel.lanes import LANES
from finmodel.records import Float32s, Float64s, Int64s
from finmodel.trees import MISSING_ZERO, Bools, Forest


@dataclass(frozen=True, slots=True, eq=False)
class Questions:
    """What each node asks: is its column's value above its threshold? then go right."""

    column: Int64s
    """(N,) the feature's number, or F + d for the derived column d."""
    threshold: Float32s
    """(N,) such that float32 `x > threshold` answers as LightGBM does in float64."""
    nan_right: Bools
    """(N,) where NaN goes."""
    derived: Int32s
    """(D, 4) feature, what is derived, and where its bit set begins and how many words it has."""


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """Where nodes and leaves lie in their trees; numbers count a tree's nodes, then its leaves."""

    tree: Int64s
    """(N,) each node's tree."""
    local: Int64s
    """(N,) each node's number."""
    numbers: Int64s
    """(N, 2) its children's numbers."""
    begin: Int64s
    """(N,) leaves to the left of its subtree."""
    left: Int64s
    """(N,) leaves in its left subtree."""
    rank: Int64s
    """(N + T,) each leaf's place from the left."""
    depth: Int64s
    """(T,) most tests on a path."""


def ask(forest: Forest) -> Questions:
    """Every node's question, so that one comparison answers it."""
    nan_right = np.where(forest.missing == 0, forest.threshold < 0, ~forest.default_left)
    takes_zero = (forest.missing == MISSING_ZERO) & ~forest.categorical
    # LightGBM writes `inf` where only the missing go right; +inf itself must not.
    only_missing = np.isposinf(forest.threshold) & nan_right & ~forest.categorical
    kind = np.where(takes_zero, ZERO_IS_MISSING, 0)
    kind[only_missing] = np.where(takes_zero, IS_MISSING_OR_ZERO, IS_MISSING)[only_missing]
    kind[forest.categorical] = IS_OTHER_CATEGORY
    words = np.diff(forest.bit_ranges, axis=1)[:, 0]
    asked = np.stack([forest.feature, kind, forest.bit_ranges[:, 0], words], axis=1)
    asked[kind != IS_OTHER_CATEGORY, 2:] = 0
    derived, which = np.unique(asked[kind > 0], axis=0, return_inverse=True)
    column = forest.feature.copy()
    column[kind > 0] = len(forest.feature_names) + which.reshape(-1)
    yes_or_no = kind >= IS_MISSING
    return Questions(
        column=column,
        threshold=np.where(yes_or_no, np.float32(0.5), round_down(forest.threshold)),
        nan_right=nan_right & ~yes_or_no,
        derived=derived.astype(np.int32),
    )


def round_down(thresholds: Float64s) -> Float32s:
    """The float32 that splits float32 values as the float64 threshold splits them in LightGBM.

    LightGBM reads |x| <= ZERO as 0, so thresholds that near to zero move to its edges.

    >>> round_down(np.array([0.1, 0.0, -1e-40, 1e300]))
    array([ 9.9999994e-02,  1.0000000e-35, -1.0000001e-35,  3.4028235e+38],
          dtype=float32)
    """
    with np.errstate(over="ignore"):
        nearest = thresholds.astype(np.float32)
        down = np.nextafter(nearest, np.float32(-np.inf))
    rounded = np.where(nearest.astype(np.float64) > thresholds, down, nearest)
    near = np.abs(thresholds) <= np.float64(ZERO)
    edges = np.where(thresholds < 0, np.nextafter(-ZERO, np.float32(-np.inf)), ZERO)
    return np.where(near, edges, rounded).astype(np.float32)


def shape(forest: Forest) -> Shape:
    """Where nodes and leaves lie in their trees."""
    nodes, trees = len(forest.feature), len(forest)
    tree = np.repeat(np.arange(trees), np.diff(forest.first))
    last = forest.first[tree + 1] - forest.first[tree]
    begin, left = np.zeros(nodes, np.int64), np.zeros(nodes, np.int64)
    rank, depth = np.zeros(nodes + trees, np.int64), np.zeros(trees, np.int64)
    number_leaves(forest.children, forest.first, begin, left, rank, depth)
    return Shape(
        tree=tree,
        local=np.arange(nodes) - forest.first[tree],
        numbers=np.where(forest.children < 0, last[:, None] + ~forest.children, forest.children),
        begin=begin,
        left=left,
        rank=rank,
        depth=depth,
    )


def pack(*sections: npt.NDArray[Any]) -> Int64s:
    """One array of 8-byte words: where each section begins and the last ends, then the sections."""
    whole = [np.ascontiguousarray(section).reshape(-1).view(np.uint8) for section in sections]
    padded = [np.pad(part, (0, -len(part) % 8)).view(np.int64) for part in whole]
    begins = np.cumsum([len(sections) + 1] + [len(part) for part in padded])
    return np.concatenate([begins, *padded])


def rows_blob(forest: Forest, asked: Questions, form: Shape, ending: Float64s) -> Int64s:
    """For the walk of one row: nodes of 16 bytes, both children side by side, leaves that stay.

    Sections: derived columns, bit sets, nodes (slot, threshold, child, leaf), roots and depth of
    each group of trees, leaf values, and how a raw score ends (see `kernels.convert`).
    """
    trees, nodes = len(forest), len(forest.feature)
    base = 2 * forest.first[:-1] + np.arange(trees)
    pair = base[form.tree] + 1 + 2 * form.local
    place = np.arange(2 * nodes + trees)
    place[base[form.tree][:, None] + form.numbers] = np.stack([pair, pair + 1], axis=1)
    records = np.zeros((2 * nodes + trees + 1, 4), np.int32)
    records[:, 1] = np.float32(np.inf).view(np.int32)
    records[:, 2] = np.arange(len(records))
    records[-1, 3] = nodes + trees
    where = place[base[form.tree] + form.local]
    records[where, 0] = 2 * asked.column + asked.nan_right
    records[where, 1] = asked.threshold.view(np.int32)
    records[where, 2] = pair
    inner = np.zeros(len(records), bool)
    inner[base[form.tree] + form.local] = True
    records[place[np.flatnonzero(~inner[:-1])], 3] = np.arange(nodes + trees)
    short = -trees % GROUP
    roots = np.pad(base, (0, short), constant_values=len(records) - 1)
    depths = np.pad(form.depth, (0, short)).reshape(-1, GROUP).max(axis=1)
    values = np.append(forest.leaf_value, 0.0)
    return pack(asked.derived, forest.bits, records, roots, depths, values, ending)


def block_blob(
    forest: Forest, asked: Questions, form: Shape, ending: Float64s
) -> tuple[Int64s, Masks]:
    """For many rows abreast: the nodes tree by tree, and the leaves that each leaves standing.

    Sections: derived columns, bit sets, column offsets, thresholds, bounds (where each tree's nodes
    begin, where those that send NaN right begin, and the end), leaf values from left to right in as
    many places as the masks have bits, and how a raw score ends.
    """
    bits = 32 if form.left.size == 0 or np.diff(forest.first).max() < 32 else 64
    order = np.lexsort((asked.column, asked.nan_right, form.tree))
    ones = (np.uint64(1) << form.left.astype(np.uint64)) - np.uint64(1)
    keep = ~(ones << form.begin.astype(np.uint64))[order]
    going_left = np.bincount(form.tree[~asked.nan_right], minlength=len(forest))
    bounds = np.append(
        np.stack([forest.first[:-1], forest.first[:-1] + going_left], axis=1), forest.first[-1]
    )
    values = np.zeros((len(forest) + 1) * bits)
    leaf_tree = np.repeat(np.arange(len(forest)), np.diff(forest.first) + 1)
    values[leaf_tree * bits + form.rank] = forest.leaf_value
    offsets = (asked.column[order] * LANES).astype(np.uint32)
    thresholds = asked.threshold[order]
    blob = pack(asked.derived, forest.bits, offsets, thresholds, bounds, values, ending)
    return blob, keep.astype(np.uint32) if bits == 32 else keep
