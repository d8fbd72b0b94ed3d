"""LightGBM's model text in, a validated `Forest` of flat arrays out.

Every index in a `Forest` has been checked: a kernel that walks it reaches nothing outside it,
however the text was damaged. This module does no I/O, scores nothing and does not know LightGBM.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from finmodel.errors import BadInput, Damaged
from finmodel.records import Float64s, Int64s

Bools: TypeAlias = npt.NDArray[np.bool_]
Uint32s: TypeAlias = npt.NDArray[np.uint32]
_Numbers = TypeVar("_Numbers", Int64s, Float64s)

MISSING_NONE, MISSING_ZERO, MISSING_NAN = 0, 1, 2
"""What a node takes for missing: nothing (NaN reads as 0), zero and NaN, NaN."""

_CATEGORICAL, _DEFAULT_LEFT, _MISSING_SHIFT = 1, 2, 2
_MOST_LINES = 22  # LightGBM reads no further into a tree
_REMEDY = "export the model again"


@dataclass(frozen=True, slots=True, eq=False)
class Forest:
    """T trees with N inner nodes and N + T leaves in all.

    Nodes and leaves of a tree keep LightGBM's numbers, which count from 0 within the tree, a parent
    before its children. A child c >= 0 is a node, a child c < 0 is the leaf ~c.
    """

    feature_names: tuple[str, ...]
    objective: str
    """LightGBM's own words, such as 'binary sigmoid:1'; empty if the model has none."""
    averaged: bool
    """Scores are the mean of the trees, not their sum (random forest)."""
    trees_per_iteration: int
    linear: bool
    """Some leaf holds a linear model, which is not kept here."""
    version: str
    first: Int64s
    """(T + 1,) where each tree's nodes begin; its leaves begin at first[t] + t."""
    feature: Int64s
    """(N,) feature that a node tests."""
    threshold: Float64s
    """(N,) a numeric node sends x <= threshold to the left."""
    categorical: Bools
    """(N,) a categorical node sends the categories of its bit set to the left."""
    default_left: Bools
    """(N,) where a missing value goes."""
    missing: Int64s
    """(N,) MISSING_NONE, MISSING_ZERO or MISSING_NAN."""
    children: Int64s
    """(N, 2) left and right child."""
    bit_ranges: Int64s
    """(N, 2) words of `bits` that hold a categorical node's set."""
    bits: Uint32s
    leaf_value: Float64s
    """(N + T,) what each leaf adds to the raw score."""
    leaf_rows: Int64s
    """(N + T,) training rows that reached each leaf; 0 where the text does not say."""
    node_rows: Int64s
    """(N,) training rows that reached each node; 0 where the text does not say."""

    def __len__(self) -> int:
        return len(self.first) - 1


@dataclass(frozen=True, slots=True)
class _Tree:
    """One tree as its text says it, lengths checked and indices not yet."""

    features: Int64s
    thresholds: Float64s
    decisions: Int64s
    children: Int64s
    values: Float64s
    leaf_rows: Int64s
    node_rows: Int64s
    boundaries: Int64s
    bits: Int64s
    linear: bool


def parse(text: str, *, start_iteration: int = 0, num_iteration: int = -1) -> Forest:
    """The forest in LightGBM's model text, or some iterations of it (num_iteration <= 0: all).

    >>> parse("PK")
    Traceback (most recent call last):
    finmodel.errors.BadInput: model text: it is not LightGBM's; give what Booster.save_model wrote
    """
    header, blocks = _split(text)
    names, per_iteration = _names(header), _count(header, "num_tree_per_iteration")
    if per_iteration < 1 or len(blocks) % per_iteration:
        raise _damaged("its trees do not make whole iterations", "num_tree_per_iteration")
    chosen = _chosen(len(blocks) // per_iteration, start_iteration, num_iteration)
    trees = [_tree(block, len(names), number) for number, block in enumerate(blocks)]
    return _join(header, names, trees[chosen.start * per_iteration : chosen.stop * per_iteration])


def _split(text: str) -> tuple[dict[str, str], list[str]]:
    """The header's lines by key, and each tree's lines."""
    if not text.startswith(("tree\n", "tree\r\n")):
        raise BadInput(
            "it is not LightGBM's", where="model text", remedy="give what Booster.save_model wrote"
        )
    end = text.find("\nend of trees\n")
    if end < 0:
        raise _damaged("it is cut short: 'end of trees' is not there", "the end")
    head, *blocks = text[:end].split("\nTree=")
    header = dict(line.partition("=")[::2] for line in head.splitlines())
    if "tree_sizes" in header:
        sizes = _integers(header["tree_sizes"], "tree_sizes")
        found = [len("Tree=") + len(block) + 1 for block in blocks]
        if sizes.tolist() != found:
            raise _damaged("its trees have not the sizes that it states", "tree_sizes")
    return header, blocks


def _chosen(iterations: int, start: int, number: int) -> range:
    start = max(start, 0)
    if start >= iterations:
        raise BadInput(
            f"it has {iterations} iterations, none from {start} on",
            where="model text",
            remedy="give a start_iteration that it has",
        )
    return range(start, iterations if number <= 0 else min(start + number, iterations))


def _names(header: dict[str, str]) -> tuple[str, ...]:
    names = tuple(header.get("feature_names", "").split(" "))
    if len(names) != _count(header, "max_feature_idx") + 1:
        raise _damaged("it does not name max_feature_idx + 1 features", "feature_names")
    return names


def _count(fields: dict[str, str], key: str) -> int:
    numbers = _integers(fields.get(key, ""), key)
    if len(numbers) != 1:
        raise _damaged("it should hold one number", key)
    return int(numbers[0])


@dataclass(frozen=True, slots=True)
class _Lines:
    """One tree's lines by key; a list that is not as long as it must be is damage."""

    where: str
    fields: dict[str, str]

    def ints(self, key: str, length: int, *, optional: bool = False) -> Int64s:
        if optional and not self.fields.get(key):
            return np.zeros(length, np.int64)
        return self._long(_integers(self.fields.get(key, ""), f"{self.where}, {key}"), length, key)

    def floats(self, key: str, length: int) -> Float64s:
        return self._long(_floats(self.fields.get(key, ""), f"{self.where}, {key}"), length, key)

    def _long(self, numbers: _Numbers, length: int, key: str) -> _Numbers:
        if len(numbers) != length:
            raise _damaged(f"it holds {len(numbers)} numbers, not {length}", f"{self.where}, {key}")
        return numbers


def _tree(block: str, features: int, number: int) -> _Tree:
    """One tree's arrays, with every length and every index checked."""
    where = f"Tree={number}"
    lines = [line for line in block.split("\n")[1:] if line]
    if not block.isascii() or len(lines) > _MOST_LINES or any("=" not in line for line in lines):
        raise _damaged("its lines are not LightGBM's", where)
    said = _Lines(where, dict(line.split("=", 1) for line in lines))
    leaves, sets = _count(said.fields, "num_leaves"), _count(said.fields, "num_cat")
    nodes = leaves - 1
    if not 0 <= nodes <= len(block) or not 0 <= sets <= len(block):
        raise _damaged(f"it cannot have {leaves} leaves and {sets} categorical nodes", where)
    boundaries = said.ints("cat_boundaries", sets + 1) if sets else np.zeros(1, np.int64)
    tree = _Tree(
        features=said.ints("split_feature", nodes),
        thresholds=said.floats("threshold", nodes),
        decisions=said.ints("decision_type", nodes, optional=True),
        children=np.stack([said.ints("left_child", nodes), said.ints("right_child", nodes)], 1),
        values=said.floats("leaf_value", leaves),
        leaf_rows=said.ints("leaf_count", leaves, optional=True),
        node_rows=said.ints("internal_count", nodes, optional=True),
        boundaries=boundaries,
        bits=said.ints("cat_threshold", int(boundaries[-1])) if sets else np.zeros(0, np.int64),
        linear=said.fields.get("is_linear", "0") != "0",
    )
    _check_nodes(tree, features, where)
    _check_shape(tree.children, leaves, where)
    return tree


def _check_nodes(tree: _Tree, features: int, where: str) -> None:
    sets = np.where(tree.decisions & _CATEGORICAL, tree.thresholds, 0)
    holds = {
        "split_feature": _within(tree.features, 0, features),
        "decision_type": _within(tree.decisions, 0, 12),
        "threshold": not np.isnan(tree.thresholds).any()
        and _within(sets, 0, max(len(tree.boundaries) - 1, 1))
        and (len(tree.boundaries) > 1 or not (tree.decisions & _CATEGORICAL).any()),
        "leaf_value": bool(np.isfinite(tree.values).all()),
        "leaf_count": _within(tree.leaf_rows, 0, 2**31),
        "internal_count": _within(tree.node_rows, 0, 2**31),
        "cat_boundaries": tree.boundaries[0] == 0 and bool((np.diff(tree.boundaries) >= 0).all()),
        "cat_threshold": _within(tree.bits, 0, 2**32),
    }
    for key, held in holds.items():
        if not held:
            raise _damaged("it holds a number that cannot be", f"{where}, {key}")


def _check_shape(children: Int64s, leaves: int, where: str) -> None:
    """A tree: each child comes after its parent, and each node and leaf has one parent."""
    nodes = leaves - 1
    after = (children < 0) | (children > np.arange(nodes)[:, None])
    if not (_within(children, -leaves, nodes) and after.all()):
        raise _damaged("a child is not where it must be", where)
    parents = np.bincount(np.where(children < 0, nodes + ~children, children).ravel())
    if nodes and (len(parents) != nodes + leaves or parents[0] or (parents[1:] != 1).any()):
        raise _damaged("its nodes do not make a tree", where)


def _join(header: dict[str, str], names: tuple[str, ...], trees: list[_Tree]) -> Forest:
    decisions = np.concatenate([tree.decisions for tree in trees])
    return Forest(
        feature_names=names,
        objective=header.get("objective", "").strip(),
        averaged="average_output" in header,
        trees_per_iteration=_count(header, "num_tree_per_iteration"),
        linear=any(tree.linear for tree in trees),
        version=header.get("version", ""),
        first=np.cumsum([0] + [len(tree.features) for tree in trees]),
        feature=np.concatenate([tree.features for tree in trees]),
        threshold=np.concatenate([tree.thresholds for tree in trees]),
        categorical=(decisions & _CATEGORICAL) > 0,
        default_left=(decisions & _DEFAULT_LEFT) > 0,
        missing=decisions >> _MISSING_SHIFT,
        children=np.concatenate([tree.children for tree in trees]),
        bit_ranges=_bit_ranges(trees),
        bits=np.concatenate([tree.bits for tree in trees]).astype(np.uint32),
        leaf_value=np.concatenate([tree.values for tree in trees]),
        leaf_rows=np.concatenate([tree.leaf_rows for tree in trees]),
        node_rows=np.concatenate([tree.node_rows for tree in trees]),
    )


def _bit_ranges(trees: list[_Tree]) -> Int64s:
    ranges, offset = [], 0
    for tree in trees:
        chosen = np.where(tree.decisions & _CATEGORICAL, tree.thresholds, 0).astype(np.int64)
        ends = np.append(tree.boundaries, tree.boundaries[-1])
        ranges.append(np.stack([ends[chosen], ends[chosen + 1]], axis=1) + offset)
        offset += len(tree.bits)
    return np.concatenate(ranges)


def _within(numbers: Int64s | Float64s, low: int, high: int) -> bool:
    """Whether all are whole and low <= number < high."""
    return bool(((numbers >= low) & (numbers < high) & (numbers == np.floor(numbers))).all())


def _integers(text: str, where: str) -> Int64s:
    try:
        return np.array(list(map(int, _words(text, where))), dtype=np.int64)
    except (ValueError, OverflowError) as error:
        raise _damaged("it is not a list of whole numbers", where) from error


def _floats(text: str, where: str) -> Float64s:
    try:
        return np.array(list(map(float, _words(text, where))), dtype=np.float64)
    except ValueError as error:
        raise _damaged("it is not a list of numbers", where) from error


def _words(text: str, where: str) -> list[str]:
    if "_" in text:  # Python would read 1_000 as a number
        raise _damaged("it is not a list of numbers", where)
    return text.split()


def _damaged(what: str, where: str) -> Damaged:
    return Damaged(what, where=f"model text: {where}", remedy=_REMEDY)
