"""A small lender: a table, and the recipe that onboards it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

RECIPE: dict[str, Any] = {
    "name": "small_lender",
    "card": "A",
    "decision_point": "授信",
    "source": {
        "table": {
            "path": "loans.csv",
            "entity": "loan_id",
            "time": "applied_on",
            "exclude": ["note"],
            "categoricals": ["job"],
            "special_values": {"all": [-9999], "income": [-1]},
        }
    },
    "label": "bad",
    "audit_only": ["sex", "age"],
    "audit_bands": {"age": [30, 45]},
    "params": {"rounds": 30, "learning_rate": 0.1, "num_leaves": 7, "min_data_in_leaf": 20},
    "policy": {"approve_points": 540, "refer_points": 500},
    "gate": {
        "auc": 0.6,
        "ks": 0.15,
        "brier": 0.25,
        "calibration_slope": [0.3, 3.0],
        "calibration_intercept": [-1.5, 1.5],
        "parity_rows": 200,
    },
    "reasons": [
        {"code": "R1", "zh": "收入偏低", "en": "Income is low", "features": ["income"]},
        {"code": "R2", "zh": "负债偏高", "en": "Debt is high", "features": ["debt_*"]},
        {"code": "R3", "zh": "职业", "en": "Occupation", "features": ["job"]},
    ],
}


def loans(rows: int = 1200, seed: int = 5) -> pd.DataFrame:
    """Applications over a year, whose outcome depends on income, debt and job."""
    random = np.random.default_rng(seed)
    income, debt = random.lognormal(9, 0.5, rows), random.lognormal(8, 0.8, rows)
    job = random.choice(["clerk", "driver", "nurse"], rows, p=[0.5, 0.3, 0.2])
    risk = -1.2 + 1.2 * np.log(debt / income) + 0.9 * (job == "driver") + 1.2
    frame = pd.DataFrame(
        {
            "loan_id": [f"{place:05d}" for place in range(rows)],
            "applied_on": pd.Timestamp("2024-01-01")
            + pd.to_timedelta(random.integers(0, 360, rows), "D"),
            "income": income.round(2),
            "debt_total": debt.round(2),
            "debt_count": random.integers(0, 9, rows),
            "job": job,
            "sex": random.integers(1, 3, rows),
            "age": random.integers(20, 66, rows),
            "note": "free text",
            "bad": (random.random(rows) < 1 / (1 + np.exp(-risk))).astype(int),
        }
    )
    frame.loc[random.random(rows) < 0.05, "income"] = -9999
    frame.loc[random.random(rows) < 0.05, "debt_total"] = np.nan
    return frame


def table_recipe(**changes: Any) -> dict[str, Any]:
    """The source of the recipe with changes to its table."""
    return {"table": {**RECIPE["source"]["table"], **changes}}
