"""Compiled counting of many features' cells in one pass over a matrix of float32 rows.

Rows, their periods and every feature's cells as arrays come in; counts and sums are added to what
is given. The cells are those of `drift.bin_of`, whose test holds the two together. Nothing here
checks an index: `Counter` has built the arrays.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from finmodel.drift import Bins
from finmodel.lanes import compiled
from finmodel.records import Float32s, Float64s, Int64s

_NONE = np.float32(np.nan)
"""Stands where a feature has fewer edges or sentinels than another: nothing is equal or beyond."""


class Counter:
    """Counts of each feature's cells by period, added to row by row; not for several threads."""

    def __init__(self, bins: Sequence[Bins], periods: int) -> None:
        """Begin with nothing counted; `bins` in the order of the matrix's columns."""
        self._cells = max((len(one) for one in bins), default=0)
        self._edges = _table([one.edges for one in bins])
        self._categories = _table([one.categories for one in bins])
        self._sentinels = _table([one.sentinels for one in bins])
        self._missing = np.array([one.missing for one in bins], np.int32)
        self._kinds = np.array([len(one.categories) for one in bins], np.int32)
        features = len(bins)
        self.counts: Int64s = np.zeros((periods, features, self._cells), np.int64)
        """(periods, features, cells of the longest)"""
        self.sums: Float64s = np.zeros((periods, features))
        """(periods, features) of values that are neither missing nor a sentinel."""
        self.least: Float32s = np.full(features, np.inf, np.float32)
        self.most: Float32s = np.full(features, -np.inf, np.float32)

    def add(self, matrix: Float32s, periods: npt.NDArray[np.int32]) -> None:
        """Count (n, features) rows into their (n,) periods; a negative period is passed over."""
        count_cells(
            matrix,
            periods,
            (self._edges, self._categories, self._sentinels, self._missing, self._kinds),
            self.counts,
            self.sums,
            (self.least, self.most),
        )

    def merge(self, other: Counter) -> None:
        """Take in what another one of the same cells counted."""
        self.counts += other.counts
        self.sums += other.sums
        self.least = np.minimum(self.least, other.least)
        self.most = np.maximum(self.most, other.most)

    def merge_some(self, other: Counter, places: Sequence[int]) -> None:
        """Take in what another one counted of the features at these places only."""
        cells = other.counts.shape[2]
        self.counts[:, places, :cells] += other.counts
        self.sums[:, places] += other.sums
        self.least[places] = np.minimum(self.least[places], other.least)
        self.most[places] = np.maximum(self.most[places], other.most)


def _table(rows: Sequence[tuple[float, ...]]) -> Float32s:
    """(k, features) each feature's numbers in a column, with what no number equals below."""
    table = np.full((max(map(len, rows), default=0), len(rows)), _NONE, np.float32)
    for place, row in enumerate(rows):
        table[: len(row), place] = row
    return table


@compiled
def count_cells(
    matrix: Float32s,
    periods: npt.NDArray[np.int32],
    told: Any,
    counts: Int64s,
    sums: Float64s,
    ends: Any,
) -> None:
    """Add each value to the count of its cell, and to its feature's sum and ends."""
    cell = np.zeros(matrix.shape[1], np.int32)
    categorical = np.flatnonzero(told[4])
    for i in range(matrix.shape[0]):
        if periods[i] >= 0:
            place_row(matrix[i], cell, categorical, told)
            add_row(matrix[i], cell, told[3], sums[periods[i]], ends)
            count = counts[periods[i]]
            for j in range(cell.shape[0]):
                count[j, cell[j]] += 1


# Below, loops over the features side by side, so that the compiler makes vectors of them.
@compiled
def place_row(row: Float32s, cell: Any, categorical: Any, told: Any) -> None:
    """The cell of each value of a row."""
    edges, categories, sentinels, missing, kinds = told
    features = cell.shape[0]
    cell[:] = 0
    for k in range(edges.shape[0]):
        edge = edges[k]
        for j in range(features):
            cell[j] += np.int32(row[j] >= edge[j])
    for j in categorical:
        cell[j] = category_of(row[j], categories[:, j], kinds[j])
    for j in range(features):
        cell[j] = cell[j] if row[j] == row[j] else missing[j]
    for k in range(sentinels.shape[0]):
        sentinel = sentinels[k]
        for j in range(features):
            cell[j] = missing[j] + np.int32(1 + k) if row[j] == sentinel[j] else cell[j]


@compiled
def add_row(row: Float32s, cell: Any, missing: Any, total: Float64s, ends: Any) -> None:
    """Add the values that are what they say to the sums, and move the ends."""
    least, most = ends
    for j in range(cell.shape[0]):
        plain = cell[j] < missing[j]
        total[j] += row[j] if plain else np.float32(0.0)
        least[j] = row[j] if plain and row[j] < least[j] else least[j]
        most[j] = row[j] if plain and row[j] > most[j] else most[j]


@compiled
def category_of(x: Any, categories: Any, kinds: Any) -> Any:
    """The place of a category among those known, or the one after them."""
    for k in range(kinds):
        if x == categories[k]:
            return k
    return kinds
