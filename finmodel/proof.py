"""What a model proves before it may be promoted: parity, monotony where it was asked, its speed.

A scorer and rows go in, a number comes out that should be zero. Knows no registry.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import numpy as np

from finmodel.records import Float32s, Float64s
from finmodel.scorer import Scorer

STEPS = 25
TIMED = 200
ROWS_SWEPT = 200


def drawn(matrix: Float32s, rows: int, seed: int) -> Float32s:
    """At most so many rows, drawn without replacement, and one row where all is missing."""
    random = np.random.default_rng(seed)
    places = np.sort(random.permutation(len(matrix))[:rows])
    nothing = np.full((1, matrix.shape[1]), np.nan, dtype=np.float32)
    return np.ascontiguousarray(np.vstack([matrix[places], nothing]))


def parity(scorer: Scorer, oracle: Callable[[Float32s], Float64s], rows: Float32s) -> float:
    """The largest difference in probability between the scorer and the oracle on these rows."""
    return float(np.abs(scorer.score_many(rows) - oracle(rows)).max())


def monotone_breaks(
    scorer: Scorer,
    names: tuple[str, ...],
    directions: Mapping[str, int],
    matrix: Float32s,
    seed: int,
) -> int:
    """How often a step of one feature moves the score against its direction, all else equal.

    Each feature is swept over its quantiles on rows drawn from the data.
    """
    swept = drawn(matrix, ROWS_SWEPT, seed)
    breaks = 0
    for name, direction in directions.items():
        place = names.index(name)
        known = matrix[:, place][~np.isnan(matrix[:, place])]
        grid = np.unique(np.quantile(known, np.linspace(0, 1, STEPS), method="nearest"))
        rows = np.repeat(swept, len(grid), axis=0)
        rows[:, place] = np.tile(grid, len(swept))
        scores = scorer.raw_many(rows).reshape(len(swept), len(grid))
        breaks += int((np.diff(scores, axis=1) * direction < 0.0).sum())
    return breaks


def latency_ms(scorer: Scorer, rows: Float32s) -> float:
    """The median time of score and contributions of one row, in milliseconds, over these rows."""
    scorer.contributions(rows[:1])  # the first call compiles
    spent = []
    for place in range(min(TIMED, len(rows))):
        row = rows[place : place + 1]
        start = time.perf_counter()
        scorer.raw_many(row)
        scorer.contributions(row)
        spent.append(time.perf_counter() - start)
    return 1_000.0 * float(np.median(spent))
