"""What each feature adds to a raw score: exact path-dependent TreeSHAP, as LightGBM's pred_contrib.

A leaf of value v, whose tests of feature j let a share z_j of the training rows by, and let this
row by (o_j = 1) or not (o_j = 0), gives feature i

    v (o_i - z_i) ∫₀¹ ∏_{j≠i} (o_j t + z_j (1 - t)) dt,

Shapley's average over all orders. The integrand is a polynomial, so the Gauss-Legendre rule with
half as many points as a path has features is exact. All leaves below a node share the factors
above it: one pass down multiplies them, one pass up adds the leaves (docs/adr/0003-own-scorer.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from finmodel.kernels import put_slots, section
from finmodel.lanes import add, compiled, divide, fill, load, multiply, store, subtract
from finmodel.layout import Questions, Shape, pack
from finmodel.records import Float32s, Float64s, Int64s
from finmodel.trees import Forest

POINTS = 4
"""Points of a rule that are taken at once; a tree takes as many rounds as it needs."""

_U = np.uint64
_0, _1, _2, _3, _4, _5, _6, _7, _8, _9, _10 = (np.uint64(k) for k in range(11))
_P = np.uint64(POINTS)


@dataclass(frozen=True, slots=True, eq=False)
class Paths:
    """What the way to each node and leaf holds; see `layout.Shape` for how they are numbered."""

    above: Int64s
    """(N,) the number below the last edge above that tests the same feature, or -1."""
    share: Float64s
    """(2N + T,) z of the edge to it: the rows that its tests of that feature let by."""
    most: Int64s
    """(T,) most different features on a path."""


def paths(forest: Forest, form: Shape) -> Paths | None:
    """What the paths hold, or None where the text does not count each node's and leaf's rows."""
    if (forest.node_rows <= 0).any() or (forest.leaf_rows <= 0)[_in_trees(forest)].any():
        return None
    nodes, trees = len(forest.feature), len(forest)
    found = Paths(
        above=np.full(nodes, -1),
        share=np.ones(2 * nodes + trees),
        most=np.zeros(trees, np.int64),
    )
    rows = _rows(forest)
    trace(form.numbers, forest.first, forest.feature, rows, (found.above, found.share, found.most))
    return found


def contributions_blob(forest: Forest, asked: Questions, form: Shape, found: Paths) -> Int64s:
    """What `explain` walks.

    Sections: derived columns, bit sets, nodes of 32 bytes (slot, threshold, feature, edge above,
    children's numbers), shares, leaf values, each tree's first node, its rule's place and rounds,
    the rules, the base, and the most numbers that a tree has.
    """
    records = np.zeros((len(forest.feature), 8), np.int32)
    records[:, 0] = 2 * asked.column + asked.nan_right
    records[:, 1] = asked.threshold.view(np.int32)
    records[:, 2] = forest.feature
    records[:, 3] = found.above
    records[:, 4:6] = form.numbers
    rounds = np.maximum(-(-found.most // (2 * POINTS)), 1)
    places, rules = _rules(rounds)
    return pack(
        asked.derived,
        forest.bits,
        records,
        found.share,
        forest.leaf_value,
        forest.first,
        places,
        rounds,
        rules,
        np.array([_base(forest)]),
        np.array([2 * np.diff(forest.first).max() + 1]),
    )


def _in_trees(forest: Forest) -> Any:
    """Which leaves are in a tree that has nodes."""
    return np.repeat(np.diff(forest.first) > 0, np.diff(forest.first) + 1)


def _rows(forest: Forest) -> Int64s:
    """(2N + T,) training rows by number."""
    nodes, trees = len(forest.feature), len(forest)
    tree = np.repeat(np.arange(trees), np.diff(forest.first))
    is_node = np.zeros(2 * nodes + trees, bool)
    is_node[np.arange(nodes) + forest.first[tree] + tree] = True
    rows = np.empty(2 * nodes + trees, np.int64)
    rows[is_node], rows[~is_node] = forest.node_rows, forest.leaf_rows
    return rows


def _base(forest: Forest) -> float:
    """The trees' mean values over their rows, summed as LightGBM sums them."""
    total = 0.0
    for tree in range(len(forest)):
        begin, end = forest.first[tree], forest.first[tree + 1]
        values = forest.leaf_value[begin + tree : end + tree + 1]
        if begin == end:
            total += float(values[0])
            continue
        weights = forest.leaf_rows[begin + tree : end + tree + 1] / forest.node_rows[begin]
        total += float(np.cumsum(weights * values)[-1])
    return total


def _rules(rounds: Int64s) -> tuple[Int64s, Float64s]:
    """For each tree the place of its rule, and the rules: t, 1 - t, weight and weight / (1 - t)."""
    begins, parts, length = {}, [], 0
    for number in np.unique(rounds):
        points, weights = np.polynomial.legendre.leggauss(int(number) * POINTS)
        t, w = (points + 1) / 2, weights / 2
        rule = np.stack([t, 1 - t, w, w / (1 - t)]).reshape(4, -1, POINTS).swapaxes(0, 1)
        begins[int(number)] = length
        parts.append(rule.reshape(-1))
        length += rule.size
    return np.array([begins[int(number)] for number in rounds]), np.concatenate(parts)


@compiled
def trace(
    numbers: Int64s, first: Int64s, feature: Int64s, rows: Int64s, found: tuple[Any, Any, Any]
) -> None:
    """Fill `Paths`, tree by tree, parents before children."""
    above, share, most = found
    parent, different = np.zeros(len(share), np.int64), np.zeros(len(share), np.int64)
    for t in range(len(first) - 1):
        a = first[t]
        base = 2 * a + t
        for i in range(first[t + 1] - a):
            at = i
            while at > 0:
                if feature[a + parent[base + at]] == feature[a + i]:
                    above[a + i] = at
                    break
                at = parent[base + at]
            before = share[base + at]
            for side in range(2):
                child = base + numbers[a + i, side]
                parent[child] = i
                share[child] = before * (rows[child] / rows[base + i])
                different[child] = different[base + i] + (above[a + i] < 0)
                most[t] = max(most[t], different[child])


@compiled
def points_of(rules: Float64s, at: Any) -> Any:
    """Some points of a rule in registers: t, 1 - t, weight and weight / (1 - t)."""
    return (
        load(rules, at, POINTS),
        load(rules, at + _P, POINTS),
        load(rules, at + _2 * _P, POINTS),
        load(rules, at + _3 * _P, POINTS),
    )


@compiled
def factor(rule: Any, z: float) -> Any:
    """t + z (1 - t) at the rule's points: a feature whose tests the row passes."""
    return add(rule[0], multiply(rule[1], z))


@compiled
def down(tree: Any, slots: Float32s, n: Any, rule: Any, state: Any) -> None:
    """Multiply the factors from the root to each node and leaf, and the leaves by their values."""
    nodes, bounds, share, values = tree
    taken, product = state
    store(product, _0, fill(1.0, POINTS))
    for i in range(n):
        j = i * _8
        right = _U(slots[_U(nodes[j])] > bounds[j + _1])
        hot, cold = _U(nodes[j + _4 + right]), _U(nodes[j + _5 - right])
        above, before = nodes[j + _3], load(product, i * _P, POINTS)
        taken[hot] = above < 0 or taken[_U(above)]
        taken[cold] = 0
        if taken[hot]:
            if above >= 0:
                before = divide(before, factor(rule, share[_U(above)]))
            missed = multiply(rule[1], share[cold])
            store(product, hot * _P, multiply(factor(rule, share[hot]), before))
            store(product, cold * _P, multiply(missed, before))
        else:  # a test of this feature has failed further up: only its share shrinks
            store(product, hot * _P, multiply(before, share[hot] / share[_U(above)]))
            store(product, cold * _P, multiply(before, share[cold] / share[_U(above)]))
    for leaf in range(n + _1):
        at = (n + leaf) * _P
        store(product, at, multiply(load(product, at, POINTS), values[leaf]))


@compiled
def passed(rule: Any, z: float, leaves: Any) -> Any:
    """What the leaves below an edge give its feature where the row passes; the points' terms."""
    weighed = multiply(multiply(leaves, rule[2]), 1.0 - z)
    return divide(weighed, factor(rule, z))


@compiled
def up(tree: Any, n: Any, rule: Any, state: Any, totals: Float64s) -> None:
    """Add the leaves from below, and at each node what its feature gets, points apart."""
    nodes, _, share, _ = tree
    taken, leaves = state
    for k in range(n):
        i = n - _1 - k
        j = i * _8
        right = _U(taken[_U(nodes[j + _5])])
        hot, cold = _U(nodes[j + _4 + right]), _U(nodes[j + _5 - right])
        kept, missed = load(leaves, hot * _P, POINTS), load(leaves, cold * _P, POINTS)
        both = add(kept, missed)
        store(leaves, i * _P, both)
        if taken[hot]:
            loss = multiply(missed, rule[3])
            gain = subtract(passed(rule, share[hot], kept), loss)
            if nodes[j + _3] >= 0:  # the edge above no longer stands for these leaves
                gain = subtract(gain, passed(rule, share[_U(nodes[j + _3])], both))
            at = _U(nodes[j + _2]) * _P
            store(totals, at, add(load(totals, at, POINTS), gain))


@compiled
def explain(matrix: Float32s, blob: Int64s, out: Float64s) -> None:
    """out[r, f]: what feature f adds to row r's raw score; out[r, F]: the base."""
    derived, bits = section(blob, _0).view(np.int32), section(blob, _1).view(np.uint32)
    nodes, bounds = section(blob, _2).view(np.int32), section(blob, _2).view(np.float32)
    share, values = section(blob, _3).view(np.float64), section(blob, _4).view(np.float64)
    first, places, rounds = section(blob, _5), section(blob, _6), section(blob, _7)
    rules, features = section(blob, _8).view(np.float64), matrix.shape[1]
    numbers = section(blob, _10)[0]
    slots = np.empty(2 * (features + len(derived) // 4), np.float32)
    totals = np.empty(features * POINTS)
    # For each number in a tree: whether the row takes the edge to it, and the points' products.
    state = np.empty(numbers, np.uint8), np.empty(numbers * POINTS)
    for r in range(matrix.shape[0]):
        put_slots(matrix[r], derived, bits, slots)
        for k in range(len(totals)):
            totals[k] = 0.0
        for t in range(len(first) - 1):
            a, n = first[t], _U(first[t + 1] - first[t])
            tree = nodes[8 * a :], bounds[8 * a :], share[2 * a + t :], values[a + t :]
            for k in range(rounds[t]):
                rule = points_of(rules, _U(places[t] + k * 4 * POINTS))
                down(tree, slots, n, rule, state)
                up(tree, n, rule, state, totals)
        for f in range(features):
            total = 0.0
            for k in range(f * POINTS, (f + 1) * POINTS):
                total += totals[k]
            out[r, f] = total
        out[r, features] = section(blob, _9).view(np.float64)[0]
