"""Softmax regression over sparse rows: how the small models of the assistant are learnt.

A table of features and a class for each row come in, weights and bias go out, the same for the same
rows and seed on the same machine. What rows and classes are is not known here. Pure.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from finmodel.assistant.byte_weights import softmax

BATCH: Final = 256
_PACE: Final = 0.5
_DECAY: Final = 2e-5


def fit_softmax(
    table: csr_matrix, wanted: NDArray[np.int64], classes: int, epochs: int, seed: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(features, classes) weights and (classes,) bias, by AdaGrad in batches.

    Duchi, Hazan and Singer, JMLR 12 (2011).
    """
    count, features = table.shape
    weights = np.zeros((features, classes), np.float32)
    bias = np.zeros(classes, np.float32)
    seen, seen_bias = np.full_like(weights, 1e-6), np.full_like(bias, 1e-6)
    chance = np.random.default_rng(seed)
    for _ in range(epochs):
        order = chance.permutation(count)
        for start in range(0, count, BATCH):
            rows = order[start : start + BATCH]
            batch = table[rows]
            error = softmax(batch @ weights + bias)
            error[np.arange(len(rows)), wanted[rows]] -= 1.0
            error /= len(rows)
            slope = batch.T @ error + _DECAY * weights
            seen += slope * slope
            weights -= _PACE * slope / np.sqrt(seen)
            slope_bias = error.sum(0)
            seen_bias += slope_bias * slope_bias
            bias -= _PACE * slope_bias / np.sqrt(seen_bias)
    return weights, bias


def sparse(
    rows: list[NDArray[np.int64]], values: list[NDArray[np.float32]], width: int
) -> csr_matrix:
    """A table of which each row has these values at these places."""
    starts = np.cumsum([0, *map(len, rows)])
    shape = len(rows), width
    return csr_matrix((np.concatenate(values), np.concatenate(rows), starts), shape=shape)
