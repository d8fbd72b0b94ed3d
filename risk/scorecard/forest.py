"""A scorecard as LightGBM's trees, so that whatever serves a model serves a card.

A card and rows come in, LightGBM's model text goes out: one tree for each variable, a leaf for each
stretch of numbers that has the same points. Its raw score is the card's log-odds. The rows are only
counted: a contribution is what a leaf adds against their mean. Knows no LightGBM.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from finmodel.records import Float32s, Float64s, Int64s
from risk.scaling import log_odds_at, points_per_log_odds
from risk.scorecard.bins import CategoryBins, NumericBins, Texts
from risk.scorecard.card import Scorecard, Variable

JUST_ABOVE: Final = 1e-9
"""Points that are added to a sum of points: arithmetic in log-odds comes back a little above what
the card says, never below, so that whoever has just enough for a cut-off still has."""
_NAN_LEFT, _NAN_RIGHT = 10, 8
"""LightGBM's decision_type of a number with NaN for missing: bit 1 sends it left."""


@dataclass(frozen=True, slots=True, eq=False)
class _Stretches:
    """Numbers in ascending stretches, each within one bin."""

    ends: Float64s
    """(k - 1,) the last number of each stretch but the last; at least one."""
    places: Int64s
    """(k,) the bin of each."""


def forest_text(
    card: Scorecard,
    names: Sequence[str],
    matrix: Float32s,
    categories: Mapping[str, tuple[str, ...]],
) -> str:
    """LightGBM's text of a card over (n, f) features of these names; categoricals hold codes.

    `categories` says which category each code stands for; NaN is missing, in either kind.
    """
    base = float(log_odds_at(np.array([card.base_points + JUST_ABOVE]), card.scaling)[0])
    per_point = 1.0 / points_per_log_odds(card.scaling)
    trees = []
    for number, variable in enumerate(card.variables):
        column = names.index(variable.name)
        stretches = _stretches(variable, categories.get(variable.name))
        values = -per_point * np.array(variable.points) + (0.0 if number else base)
        leaves = np.append(stretches.places, variable.bins.missing)
        counts = _counts(stretches, matrix[:, column])
        trees.append(_tree(number, column, stretches.ends, (values[leaves], counts)))
    return _header(names) + "".join(trees) + _END


def _stretches(variable: Variable, categories: tuple[str, ...] | None) -> _Stretches:
    bins = variable.bins
    if isinstance(bins, CategoryBins):
        known: Texts = np.array(categories, dtype=object)
        return _merged(np.arange(len(known), dtype=np.float64) + 0.5, bins.place(known))
    ends = _ends(bins)
    return _merged(ends, bins.place(np.append(ends, np.inf).astype(np.float32)))


def _ends(bins: NumericBins) -> Float64s:
    """The last single-precision number before each cut, before each special value, and itself."""
    low = np.float32(-np.inf)
    cuts, special = (np.asarray(row, dtype=np.float32) for row in (bins.cuts, bins.special))
    before = [np.nextafter(row, low) for row in (cuts, special)]
    return np.unique(np.concatenate([*before, special])).astype(np.float64)


def _merged(ends: Float64s, places: Int64s) -> _Stretches:
    """Neighbours of one bin as one; of a single bin two halves, for a tree has to ask something."""
    ends = ends[: len(places) - 1]
    kept = np.flatnonzero(np.diff(places))
    if not len(kept):
        return _Stretches(np.zeros(1), np.repeat(places[:1], 2))
    return _Stretches(ends[kept], np.append(places[kept], places[-1]))


def _counts(stretches: _Stretches, column: Float32s) -> Int64s:
    """(k + 1,) rows of each leaf, the missing last; at least one, as LightGBM's trees have it."""
    leaves = np.searchsorted(stretches.ends, column.astype(np.float64), side="left")
    leaves[np.isnan(column)] = len(stretches.places)
    return np.maximum(np.bincount(leaves, minlength=len(stretches.places) + 1), 1)


def _tree(number: int, column: int, ends: Float64s, leaves: tuple[Float64s, Int64s]) -> str:
    """The first node parts the first stretch and what is missing from the rest, its left child
    those two; then one stretch after the other goes left."""
    values, counts = leaves
    k, missing = len(values) - 1, len(values) - 1
    thresholds = np.insert(ends, 1, ends[0])
    rest = [_leaf_or_node(j, k) for j in range(1, k)]
    left = [1, ~0, *(~j for j in range(1, k - 1))]
    right = [rest[0], ~missing, *rest[1:]]
    below = np.cumsum(counts[1:k][::-1])[::-1]
    inner = [int(counts.sum()), int(counts[0] + counts[missing]), *below[:-1].tolist()]
    rows = {
        "num_leaves": [k + 1],
        "num_cat": [0],
        "split_feature": [column] * k,
        "split_gain": [0] * k,
        "threshold": thresholds.tolist(),
        "decision_type": [_NAN_LEFT, *[_NAN_RIGHT] * (k - 1)],
        "left_child": left,
        "right_child": right,
        "leaf_value": values.tolist(),
        "leaf_weight": counts.tolist(),
        "leaf_count": counts.tolist(),
        "internal_value": [0] * k,
        "internal_weight": inner,
        "internal_count": inner,
        "is_linear": [0],
        "shrinkage": [1],
    }
    lines = [f"{key}={' '.join(map(repr, row))}" for key, row in rows.items()]
    return "\n".join([f"Tree={number}", *lines]) + "\n\n\n"


def _leaf_or_node(stretch: int, stretches: int) -> int:
    """What holds this stretch and all after it: the last is a leaf, others a node."""
    return ~stretch if stretch == stretches - 1 else stretch + 1


def _header(names: Sequence[str]) -> str:
    return "\n".join(
        [
            "tree",
            "version=v4",
            "num_class=1",
            "num_tree_per_iteration=1",
            "label_index=0",
            f"max_feature_idx={len(names) - 1}",
            "objective=binary sigmoid:1",
            f"feature_names={' '.join(names)}",
            f"feature_infos={' '.join(['none'] * len(names))}",
            "",
            "",
        ]
    )


_END: Final = (
    "end of trees\n\nfeature_importances:\n\nparameters:\nend of parameters\n\n"
    "pandas_categorical:null\n"
)
