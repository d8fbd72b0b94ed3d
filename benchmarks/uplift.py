"""Whom an e-mail moves: `finmodel bench uplift --json`.

Hillstrom's trial, the women's e-mail against none, visits: four learners, twenty seeds. Each seed
parts the customers anew: half teach, a quarter chooses the learner, a quarter judges. A customer's
score is the mean of those by models that did not see them; figures of these scores come with 95 %
intervals by drawing customers anew (definitions in marketing/effects/uplift_metrics.py). A random
order has Qini 0. The data may not be shipped: FINMODEL_DATA/hillstrom/hillstrom.csv is read.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy as np
import pandas as pd
from _report import note, print_report

from finmodel.errors import NotFound
from finmodel.records import Float64s, Int64s
from finmodel.settings import Settings
from marketing.effects.balance import require_randomised
from marketing.effects.uplift import KINDS, Given, Teaching, effect_of, teach
from marketing.effects.uplift_metrics import Trial, intervals, uplift_of

SEEDS = 20
NAMES = ("recency", "history", "mens", "womens", "newbie", "zip_code", "channel")
CATEGORICALS = ("zip_code", "channel")
PARAMS = {
    "learning_rate": 0.03,
    "num_leaves": 7,
    "max_depth": 3,
    "min_data_in_leaf": 400,
    "lambda_l2": 10.0,
    "feature_fraction": 0.8,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
}
ROUNDS = 100


@dataclass
class Scores:
    """Sums of what models that did not see a customer said, and how many they were."""

    total: Float64s
    count: Float64s

    def add(self, rows: Int64s, score: Float64s) -> None:
        """Ranks within the part, for models of other seeds have another scale."""
        self.total[rows] += score.argsort(kind="stable").argsort() / len(score)
        self.count[rows] += 1.0


def read_trial() -> Given:
    """Women's e-mail and no e-mail."""
    path = Settings.from_env().data / "hillstrom" / "hillstrom.csv"
    if not path.exists():
        raise NotFound(
            "Hillstrom's trial is not here", where=str(path), remedy="put it there: see docs"
        )
    table = pd.read_csv(path)
    table = table[table["segment"].isin(["Womens E-Mail", "No E-Mail"])]
    for name in CATEGORICALS:
        table[name] = table[name].astype("category").cat.codes
    matrix = np.ascontiguousarray(table[list(NAMES)].to_numpy(np.float32))
    treated = (table["segment"] == "Womens E-Mail").to_numpy()
    return Given(matrix, NAMES, Trial(treated, table["visit"].to_numpy(np.float64)), CATEGORICALS)


def part_of(given: Given, rows: Int64s) -> Given:
    """Some customers."""
    matrix = np.ascontiguousarray(given.matrix[rows])
    return Given(matrix, given.names, given.trial.only(rows), given.categoricals)


def measure() -> dict[str, float | str]:
    """Figures of each learner and of the chosen one, and how they spread over seeds."""
    given = read_trial()
    require_randomised(given.matrix, NAMES, given.trial.treated, "hillstrom")
    n = len(given.trial)
    scores = {kind: Scores(np.zeros(n), np.zeros(n)) for kind in (*KINDS, "chosen")}
    each: dict[str, list[tuple[float, float]]] = {kind: [] for kind in scores}
    chosen: list[str] = []
    for seed in range(SEEDS):
        note(f"seed {seed + 1} of {SEEDS}")
        order = np.random.default_rng(seed).permutation(n)
        parts = np.split(order, [n // 2, n * 3 // 4])
        train, valid, test = (part_of(given, rows) for rows in parts)
        teaching = Teaching({**PARAMS, "seed": seed}, ROUNDS)
        effects, worth = {}, {}
        for kind in KINDS:
            model = teach(kind, train, teaching)
            worth[kind] = uplift_of(effect_of(model, valid.matrix), valid.trial).qini
            effects[kind] = effect_of(model, test.matrix)
        chosen.append(max(worth, key=lambda kind: worth[kind]))
        effects["chosen"] = effects[chosen[-1]]
        for kind, effect in effects.items():
            scores[kind].add(parts[2], effect)
            told = uplift_of(effect, test.trial)
            each[kind].append((told.qini, told.at[30]))
    figures: dict[str, float | str] = {
        "trial_customers": n,
        "effect": uplift_of(np.zeros(n), given.trial).effect,
        "chosen": max(KINDS, key=chosen.count),
    }
    for kind, found in scores.items():
        seen = np.flatnonzero(found.count > 0)
        told = intervals(found.total[seen] / found.count[seen], given.trial.only(seen))
        for name, key in (("qini", "qini"), ("uplift_30", "uplift@30%")):
            one = told[key]
            figures |= {f"{name}_{kind}": one.value, f"{name}_{kind}_low": one.low}
            figures[f"{name}_{kind}_high"] = one.high
        spread = np.array(each[kind])
        figures |= {f"qini_{kind}_seeds": float(spread[:, 0].mean())}
        figures[f"qini_{kind}_seeds_sd"] = float(spread[:, 0].std())
    return figures


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="accepted for form: it is always JSON")
    parser.parse_args()
    print_report("uplift", measure())


if __name__ == "__main__":
    main()
