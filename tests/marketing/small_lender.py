"""Shipped recipes on a small simulated lender, and a small table of a trial."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

SHIPPED = Path(__file__).parents[2] / "marketing"
SMALL = {"customers": 2_500, "days": 520, "seed": 3}
"""The small lender of tests/risk: January 2024 to early June 2025."""
EASY_GATE = {
    "auc": 0.3,
    "ks": 0.0,
    "brier": 0.3,
    "calibration_slope": [-9, 9],
    "calibration_intercept": [-9, 9],
    "parity_rows": 200,
}
TREES = {"rounds": 25, "learning_rate": 0.1, "num_leaves": 7, "min_data_in_leaf": 20}


def small_recipe(folder: Path, shipped: str, **changes: Any) -> Path:
    """A shipped recipe at a small size, with changes; the path it is written to."""
    recipe = yaml.safe_load((SHIPPED / f"{shipped}.yaml").read_text(encoding="utf-8"))
    recipe["source"]["lender"] = dict(SMALL)
    recipe["split"] = {"valid_from": "2025-01-01", "oot_from": "2025-03-01"}
    recipe |= {"params": TREES | {"early_stopping": 5}, "gate": EASY_GATE}
    return written(folder, recipe | changes)


def written(folder: Path, recipe: dict[str, Any]) -> Path:
    """A recipe as a file; what is None is left out."""
    path = folder / f"{recipe.get('name', 'recipe')}.yaml"
    kept = {key: value for key, value in recipe.items() if value is not None}
    path.write_text(yaml.safe_dump(kept, allow_unicode=True, sort_keys=False), encoding="utf-8")
    return path


TRIAL: dict[str, Any] = {
    "name": "small_trial",
    "model": "uplift",
    "title": {"zh": "试验", "en": "A trial"},
    "source": {
        "table": {
            "path": "trial.csv",
            "features": ["moved", "base", "town"],
            "categoricals": ["town"],
            "time": "sent_on",
            "treatment": {
                "column": "arm",
                "control": "none",
                "treatments": {"sms": "SMS", "call": "CALL"},
            },
        }
    },
    "label": {
        "words": {"zh": "到访", "en": "visits"},
        "column": {"name": "visit", "yes": 1},
    },
    "learners": ["t", "class"],
    "params": TREES,
    "gate": EASY_GATE,
    "audit_only": ["years"],
}


def trial_table(rows: int = 6_000, seed: int = 2, chosen: float = 0.0) -> pd.DataFrame:
    """A trial in which `moved` says whom a call moves; with `chosen`, also who is called."""
    random = np.random.default_rng(seed)
    moved, base = random.normal(size=rows), random.normal(size=rows)
    lot = random.random(rows) + chosen * moved
    arm = np.select([lot < 0.34, lot < 0.67], ["none", "SMS"], "CALL")
    effect = np.where(arm == "CALL", 0.35 / (1 + np.exp(-3 * moved)), 0.0)
    effect += np.where(arm == "SMS", 0.05, 0.0)
    response = random.random(rows) < 0.25 / (1 + np.exp(-base)) + effect
    days = pd.to_timedelta(random.integers(0, 300, rows), "D")
    return pd.DataFrame(
        {
            "sent_on": pd.Timestamp("2025-01-01") + days,
            "moved": moved.round(3),
            "base": base.round(3),
            "town": random.choice(["A", "B"], rows),
            "years": random.integers(18, 70, rows),
            "arm": arm,
            "visit": response.astype(int),
        }
    )
