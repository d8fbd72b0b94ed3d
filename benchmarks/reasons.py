"""Reasons beside LightGBM's pred_contrib: `finmodel bench reasons --json`.

One decision at a time, over rows that change: exact contributions to a raw score and the four
reasons that they give, against pred_contrib alone, on the same rows and one core; then a thousand
rows at once. The contributions must sum to the score, and be LightGBM's.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from statistics import median
from time import perf_counter, thread_time

import lightgbm
import numpy as np
from _report import note, print_report
from scorer import FEATURES, SEED, TREES, seeded_model, seeded_rows

from finmodel.manifest import Calibration, ReasonGroup, Scaling
from finmodel.records import Float32s, Float64s
from finmodel.scorer import Scorer
from risk.reasons import ReasonTable, reason_table, reasons

ROWS, MANY, GROUPS = 300, 1_000, 9
CLOSE = 1e-9


def table_of(scorer: Scorer) -> ReasonTable:
    """The model's features in groups, as a card has them."""
    names = scorer.feature_names
    groups = [
        ReasonGroup(f"B{g:02}", f"原因{g}", f"reason {g}", tuple(names[g::GROUPS]))
        for g in range(GROUPS)
    ]
    return reason_table(names, groups, Calibration(), Scaling())


def measure(model: str) -> dict[str, float]:
    """Milliseconds of a decision's reasons, p50, how many times pred_contrib's, and the errors."""
    scorer, booster = Scorer.from_text(model), lightgbm.Booster(model_str=model)
    table = table_of(scorer)
    matrix = seeded_rows(MANY, len(scorer.feature_names), SEED)
    each = [matrix[row : row + 1] for row in range(ROWS)]

    def ours(row: Float32s) -> object:
        return reasons(scorer.contributions(row)[0], table)

    def theirs(rows: Float32s) -> Float64s:
        return np.asarray(booster.predict(rows, pred_contrib=True, num_threads=1))

    found, expected = scorer.contributions(matrix), theirs(matrix)
    ours_ms, theirs_ms = _p50_ms(ours, each), _p50_ms(theirs, each)
    return {
        "reasons_p50_ms": ours_ms,
        "pred_contrib_p50_ms": theirs_ms,
        "over_pred_contrib": theirs_ms / ours_ms,
        "over_pred_contrib_batch": _took(theirs, matrix)
        / _took(lambda rows: [reasons(row, table) for row in scorer.contributions(rows)], matrix),
        "sum_error": float(np.abs(found.sum(axis=1) - scorer.raw_many(matrix)).max()),
        "contribution_error": float(np.abs(found - expected).max()),
    }


def _p50_ms(function: Callable[[Float32s], object], rows: list[Float32s]) -> float:
    took = []
    for row in rows:
        begin = perf_counter()
        function(row)
        took.append(perf_counter() - begin)
    return median(took[len(took) // 10 :]) * 1e3


def _took(function: Callable[[Float32s], object], rows: Float32s) -> float:
    """Seconds of the thread's processor time, the least of five turns."""
    turns = []
    for _ in range(5):
        begin = thread_time()
        function(rows)
        turns.append(thread_time() - begin)
    return min(turns)


def main() -> None:
    """Print the figures; a difference in the numbers ends it without any."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="accepted for form: it is always JSON")
    parser.parse_args()
    figures: dict[str, float] = {}
    for name, leaves, depth in (("", 16, 4), ("_31_leaves", 31, -1)):
        note(f"{TREES} trees of {leaves} leaves" + (f", depth {depth}" if depth > 0 else ""))
        found = measure(seeded_model(TREES, leaves, FEATURES, SEED, depth))
        figures |= {f"{key}{name}": value for key, value in found.items()}
    worst = max(value for key, value in figures.items() if "_error" in key)
    if worst > CLOSE:
        raise SystemExit(f"contributions are {worst:g} off: no figure is worth printing")
    print_report("reasons", figures)


if __name__ == "__main__":
    main()
