"""The scorer beside LightGBM: batches of 1,000, single rows, contributions, and a new process.

Both score the same float32 rows on one core in turn, rows that neither has seen before, and the
results are compared bit for bit. Batches and contributions are timed in the thread's own processor
time, so that a neighbour on the machine does not count. `python benchmarks/scorer.py --json`.
"""

from __future__ import annotations

import argparse
import ctypes
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter, thread_time
from typing import TypeVar

import lightgbm
import numpy as np
from _report import note, print_report

from finmodel.records import Float32s, Float64s
from finmodel.scorer import Scorer

TREES, LEAVES, FEATURES, SEED = 200, 31, 128, 20260101
ROWS, RUNS = 1_000, 40
_Argument = TypeVar("_Argument")
FRESH = """
import sys, time
begin = time.perf_counter()
import numpy as np
from finmodel.scorer import Scorer
scorer = Scorer.from_text(open(sys.argv[1]).read())
scorer.score_many(np.zeros((1, len(scorer.feature_names)), np.float32))
print(time.perf_counter() - begin)
"""


def seeded_model(trees: int, leaves: int, features: int, seed: int, depth: int = -1) -> str:
    """The text of a model of that size, trained on noise that carries a signal; some seconds."""
    rng = np.random.default_rng(seed)
    rows = seeded_rows(3_000, features, seed)
    signal = np.nan_to_num(rows) @ rng.normal(size=features)
    labels = signal + signal.std() * rng.normal(size=len(rows)) > 0
    settings = {
        "objective": "binary",
        "num_leaves": leaves,
        "max_depth": depth,
        "max_bin": 63,
        "min_data_in_leaf": 5,
        "feature_fraction": 0.3,
        "learning_rate": 0.05,
        "seed": seed,
        "num_threads": 1,
        "verbose": -1,
    }
    return lightgbm.train(settings, lightgbm.Dataset(rows, labels), trees).model_to_string()


def seeded_rows(rows: int, features: int, seed: int) -> Float32s:
    """(rows, features) normal values; each feature lacks 0 to 5 % of its values."""
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(rows, features)).astype(np.float32)
    matrix[rng.random(matrix.shape) < rng.uniform(0, 0.05, features)] = np.nan
    return matrix


def measure_batch(model: str, rows: int = ROWS, runs: int = RUNS) -> dict[str, float]:
    """Features a second of both at one batch size, and the median of the paired runs' ratios."""
    scorer, booster = Scorer.from_text(model), lightgbm.Booster(model_str=model)
    features = len(scorer.feature_names)

    def theirs_on_one_core(batch: Float32s) -> Float64s:
        return np.asarray(booster.predict(batch, num_threads=1))

    ours, theirs = [], []
    for run in range(runs + 2):
        batch = seeded_rows(rows, features, SEED + run)
        took, scores = _timed(scorer.score_many, batch)
        their_took, their_scores = _timed(theirs_on_one_core, batch)
        _same(scores, their_scores)
        ours.append(took)
        theirs.append(their_took)
    ours, theirs = ours[2:], theirs[2:]
    return {
        "score_features_per_s": rows * features / median(ours),
        "lightgbm_features_per_s": rows * features / median(theirs),
        "score_over_lightgbm": median(t / o for o, t in zip(ours, theirs, strict=True)),
    }


def measure_row(model: str, rows: int = 2_000) -> dict[str, float]:
    """Microseconds for one row a call, p50 by the clock on the wall, over rows that change."""
    scorer, booster = Scorer.from_text(model), lightgbm.Booster(model_str=model)
    matrix = seeded_rows(rows, len(scorer.feature_names), SEED)
    fast = FastSingleRow(booster, matrix)
    each = [matrix[row : row + 1] for row in range(rows)]
    _same(np.array([fast(row) for row in range(rows)]), scorer.score_many(matrix))
    return {
        "score_row_us": _p50_us(scorer.score_many, each),
        "lightgbm_row_us": _p50_us(lambda row: booster.predict(row, num_threads=1), each),
        "lightgbm_fast_row_us": _p50_us(fast, list(range(rows))),
    }


def measure_contributions(model: str, rows: int = 200, many: int = 1_000) -> dict[str, float]:
    """Microseconds for one row's contributions, p50, and how many times LightGBM's."""
    scorer, booster = Scorer.from_text(model), lightgbm.Booster(model_str=model)
    matrix = seeded_rows(many, len(scorer.feature_names), SEED)
    each = [matrix[row : row + 1] for row in range(rows)]

    def theirs(batch: Float32s) -> Float64s:
        return np.asarray(booster.predict(batch, pred_contrib=True, num_threads=1))

    furthest = np.abs(scorer.contributions(matrix[:rows]) - theirs(matrix[:rows])).max()
    if furthest > 1e-9:
        raise SystemExit(f"contributions differ from LightGBM's by {furthest}")
    ours_us = median(_timed(scorer.contributions, row)[0] for row in each) * 1e6
    theirs_us = median(_timed(theirs, row)[0] for row in each) * 1e6
    took, _ = _timed(scorer.contributions, matrix)
    their_took, _ = _timed(theirs, matrix)
    return {
        "contributions_us": ours_us,
        "lightgbm_contributions_us": theirs_us,
        "contributions_over_lightgbm": theirs_us / ours_us,
        "contributions_over_lightgbm_batch": their_took / took,
        "contributions_furthest": float(furthest),
    }


def measure_fresh_process(model: str) -> float:
    """Seconds in a new process from its first line to its first score, its code compiled before."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.txt"
        path.write_text(model)
        took = [
            float(subprocess.check_output([sys.executable, "-c", FRESH, str(path)], text=True))
            for _ in range(3)
        ]
    return min(took)


class FastSingleRow:
    """LightGBM's quickest way for one row: its C function with everything prepared."""

    def __init__(self, booster: lightgbm.Booster, matrix: Float32s) -> None:
        self._library, handle = vars(lightgbm.basic)["_LIB"], booster._handle
        self._rows = [ctypes.c_void_p(row.ctypes.data) for row in matrix]
        self._kept, self._out = matrix, np.zeros(1)
        self._length, self._config = ctypes.c_int64(), ctypes.c_void_p()
        self._out_at = ctypes.c_void_p(self._out.ctypes.data)
        normal, float32 = ctypes.c_int(0), ctypes.c_int(0)
        failed = self._library.LGBM_BoosterPredictForMatSingleRowFastInit(
            handle,
            normal,
            ctypes.c_int(0),
            ctypes.c_int(-1),
            float32,
            ctypes.c_int32(matrix.shape[1]),
            ctypes.c_char_p(b"num_threads=1"),
            ctypes.byref(self._config),
        )
        if failed:
            raise SystemExit("LightGBM's fast call cannot be prepared")

    def __call__(self, row: int) -> float:
        """The score of the row of that number."""
        self._library.LGBM_BoosterPredictForMatSingleRowFast(
            self._config, self._rows[row], ctypes.byref(self._length), self._out_at
        )
        return float(self._out[0])

    def __del__(self) -> None:
        self._library.LGBM_FastConfigFree(self._config)


def figures() -> dict[str, float]:
    """Everything, on one model of 200 trees × 31 leaves and one of depth 4."""
    note(f"training {TREES} trees × {LEAVES} leaves on {FEATURES} features, and {TREES} of depth 4")
    model = seeded_model(TREES, LEAVES, FEATURES, SEED)
    shallow = seeded_model(TREES, 16, FEATURES, SEED, depth=4)
    note(f"{RUNS} pairs of batches of {ROWS:,} rows")
    found = measure_batch(model)
    note("single rows")
    found |= measure_row(model)
    note("contributions at 31 leaves and at depth 4")
    found |= measure_contributions(model)
    at_depth_4 = measure_contributions(shallow)
    found |= {f"{name}_depth_4": value for name, value in at_depth_4.items()}
    note("a new process")
    begin = perf_counter()
    Scorer.from_text(model)
    found["load_s"] = perf_counter() - begin
    found["fresh_process_s"] = measure_fresh_process(model)
    return found


def _timed(function: Callable[[Float32s], Float64s], batch: Float32s) -> tuple[float, Float64s]:
    begin = thread_time()
    result = function(batch)
    return thread_time() - begin, result


def _p50_us(function: Callable[[_Argument], object], arguments: list[_Argument]) -> float:
    took = []
    for argument in arguments:
        begin = perf_counter()
        function(argument)
        took.append(perf_counter() - begin)
    return median(took) * 1e6


def _same(ours: Float64s, theirs: Float64s) -> None:
    if not np.array_equal(ours, theirs):
        raise SystemExit("the scores are not LightGBM's: no figure is worth printing")


def main() -> None:
    """Print the figures; --json is what a machine reads, and for now the only form."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object (always so)")
    parser.parse_args()
    print_report("scorer", figures())


if __name__ == "__main__":
    main()
