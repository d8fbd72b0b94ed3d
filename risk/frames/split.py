"""Which rows teach, which steer, and which only judge.

By time where there is a time; into stratified folds everywhere. A random part is never called
out-of-time. Pure: places of rows in, places of rows out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from finmodel.errors import BadInput
from finmodel.records import Float64s, Int64s, Times
from risk.recipe import Split


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """Places of the rows of each part, in order; `valid` and `oot` are empty without a time."""

    train: Int64s
    valid: Int64s
    oot: Int64s

    @property
    def by_time(self) -> bool:
        """Whether there is a later part that judges."""
        return bool(self.oot.size)


def split_by_time(times: Times | None, split: Split, labels: Float64s, where: str) -> Parts:
    """Earlier rows teach, later ones steer, the last ones judge; rows of one time stay together.

    Without a time, or where all rows have the same, every row teaches and nothing is out of time.
    """
    everything = np.arange(len(labels))
    nothing = everything[:0]
    if times is None or times.min() == times.max():
        return Parts(everything, nothing, nothing)
    valid_from, oot_from = _borders(times, split)
    parts = Parts(
        np.flatnonzero(times < valid_from),
        np.flatnonzero((times >= valid_from) & (times < oot_from)),
        np.flatnonzero(times >= oot_from),
    )
    for name, rows in (("train", parts.train), ("valid", parts.valid), ("oot", parts.oot)):
        if len(np.unique(labels[rows])) < 2:
            raise BadInput(
                f"the part '{name}' of {len(rows)} rows has not both goods and bads",
                where=f"{where}: split by time at {valid_from} and {oot_from}",
                remedy="set split.valid_from and split.oot_from",
            )
    return parts


def folds(labels: Float64s, count: int, seed: int) -> Iterator[tuple[Int64s, Int64s]]:
    """Places of (train, test) rows of each stratified fold, the same for the same seed."""
    fold = fold_numbers(labels, count, seed)
    for number in range(count):
        yield np.flatnonzero(fold != number), np.flatnonzero(fold == number)


def fold_numbers(labels: Float64s, count: int, seed: int) -> npt.NDArray[np.int64]:
    """(n,) fold of each row; each fold holds its share of goods and of bads.

    >>> fold_numbers(np.array([0, 0, 1, 1.0]), 2, seed=1).reshape(2, 2).sum(axis=1).tolist()
    [1, 1]
    """
    random = np.random.default_rng(seed)
    fold = np.empty(len(labels), dtype=np.int64)
    for value in (0.0, 1.0):
        rows = np.flatnonzero(labels == value)
        if len(rows) < count:
            raise BadInput(
                f"{len(rows)} rows are {'bad' if value else 'good'}, too few for {count} folds",
                where="split.folds",
                remedy="give more rows, or fewer folds",
            )
        fold[random.permutation(rows)] = np.arange(len(rows)) % count
    return fold


def _borders(times: Times, split: Split) -> tuple[np.datetime64, np.datetime64]:
    if split.valid_from is not None and split.oot_from is not None:
        return np.datetime64(split.valid_from, "us"), np.datetime64(split.oot_from, "us")
    ordered = np.sort(times)
    oot = ordered[int(len(ordered) * (1.0 - split.oot_share))]
    valid = ordered[int(len(ordered) * (1.0 - split.oot_share - split.valid_share))]
    return valid, oot
