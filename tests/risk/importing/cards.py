"""Scorecards as other libraries write them, and rows that they score."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from optbinning import BinningProcess, Scorecard
from sklearn.linear_model import LogisticRegression

from finmodel.manifest import TableContract
from risk.frames.frame import TrainingFrame
from tests.risk.small_lender import loans

NAMES = ("income", "debt_total", "debt_count", "job")
ROWS = 10_000
SCALE = {"pdo": 20, "odds": 50, "scorecard_points": 600}


@cache
def rows() -> pd.DataFrame:
    """The small lender's loans; -9999 stands for a missing income."""
    return loans(ROWS)


def given() -> pd.DataFrame:
    """What another library reads: its missing values are NaN."""
    return rows()[list(NAMES)].replace({"income": {-9999: np.nan}})


@cache
def optbinnings(show_digits: int = 8, **more: Any) -> Scorecard:
    """A scorecard fitted by optbinning itself on these rows."""
    process = BinningProcess(list(NAMES), categorical_variables=["job"], max_n_bins=5)
    card = Scorecard(
        process,
        LogisticRegression(C=1e6),
        **({"scaling_method": "pdo_odds", "scaling_method_params": SCALE} | more),
    )
    labels = rows()["bad"].to_numpy()
    return card.fit(given(), labels, metric_missing="empirical", show_digits=show_digits)


def frame_of(table: pd.DataFrame, labels: np.ndarray, *categoricals: str) -> TrainingFrame:
    """Columns of numbers and of text as rows to judge by; text as codes in the order of letters."""
    names, matrix, known = tuple(table.columns), [], {}
    for name in names:
        column = table[name]
        if name in categoricals:
            known[name] = tuple(sorted(column.dropna().unique()))
            column = column.map({one: code for code, one in enumerate(known[name])})
        matrix.append(column.to_numpy(dtype=np.float32))
    return TrainingFrame(
        where="rows.csv",
        ids=np.arange(len(table)),
        names=names,
        matrix=np.column_stack(matrix),
        labels=labels.astype(np.float64),
        times=None,
        audit={},
        categoricals=categoricals,
        table=TableContract("id", names, known),
    )
