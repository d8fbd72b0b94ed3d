"""A model of each quarter out of the quarters before it, with settings chosen there too.

Rows with their quarter, and settings to choose among, come in; scores of each quarter's rows by a
model that knew none of them go out. For a quarter to be tested, each setting is judged by how it
foretold the earlier quarters, each from those before it; the newest of them counts most. Nothing of
the tested quarter, not even how many rows it has, moves the choice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler

from finmodel.boosting import Lesson, fit
from finmodel.records import Float32s, Float64s, Int64s
from finmodel.scorer import Scorer

Flags: TypeAlias = npt.NDArray[np.bool_]
FORGETS = 0.5
"""What a quarter's AUC counts in the choice, for each quarter that it is older than the newest.

Set before any tested quarter was seen by this rule; the bench also tells what 1 would have given.
"""
TREES = {
    "learning_rate": 0.05,
    "num_leaves": 15,
    "min_data_in_leaf": 60,
    "feature_fraction": 0.5,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l2": 10.0,
    "num_threads": 2,
}
ROUNDS = 120
SEEDS = 3


@dataclass(frozen=True)
class Setting:
    """One way of teaching a quarter."""

    half_life: float | None
    """Quarters; None: every row counts alike."""
    calendar: bool
    """Whether the model knows the day and the month."""
    learner: str
    """`trees`, `line` (logistic regression) or `both`, the sum of their log-odds."""

    def __str__(self) -> str:
        life = "no half-life" if self.half_life is None else f"half-life {self.half_life:g} q"
        return f"{self.learner}, {life}{', calendar' if self.calendar else ''}"


HALF_LIVES = (None, 2.0, 1.0, 0.5)
SETTINGS = tuple(
    Setting(half_life, calendar, learner)
    for half_life in HALF_LIVES
    for calendar in (False, True)
    for learner in ("trees", "line", "both")
)


@dataclass(frozen=True, eq=False)
class Calls:
    """n calls in order of date."""

    matrix: Float32s
    names: tuple[str, ...]
    categoricals: tuple[str, ...]
    labels: Float64s
    quarter: Int64s
    """(n,) counted from the first."""
    calendar: tuple[str, ...] = ("day", "month")

    def columns(self, calendar: bool) -> list[int]:
        """Places of the features, with the calendar's or without."""
        return [p for p, name in enumerate(self.names) if calendar or name not in self.calendar]


def scores_of(
    calls: Calls, half_life: float | None, calendar: bool, quarter: int
) -> dict[Setting, Float64s]:
    """Log-odds of a quarter's rows by models of the quarters before it, by each learner."""
    rows = calls.quarter < quarter, calls.quarter == quarter
    age = quarter - 1 - calls.quarter[rows[0]]
    weight = None if half_life is None else 0.5 ** (age / half_life)
    columns = calls.columns(calendar)
    trees, line = (by(calls, columns, rows, weight) for by in (_by_trees, _by_line))
    told = {"trees": trees, "line": line, "both": trees + line}
    return {Setting(half_life, calendar, learner): found for learner, found in told.items()}


def _by_trees(
    calls: Calls, columns: list[int], rows: tuple[Flags, Flags], weight: Float64s | None
) -> Float64s:
    """Mean over seeds: a seed alone moves the AUC of a small quarter by a hundredth."""
    train, test = (np.ascontiguousarray(calls.matrix[part][:, columns]) for part in rows)
    names = tuple(calls.names[p] for p in columns)
    categoricals = tuple(name for name in calls.categoricals if name in names)
    lesson = Lesson(train, calls.labels[rows[0]], names, categoricals, weight=weight)
    texts = (fit(lesson, {**TREES, "seed": seed}, ROUNDS) for seed in range(SEEDS))
    found: Float64s = np.mean([Scorer.from_text(t).raw_many(test) for t in texts], axis=0)
    return found


def _by_line(
    calls: Calls, columns: list[int], rows: tuple[Flags, Flags], weight: Float64s | None
) -> Float64s:
    wide = np.hstack([_wide(calls, place) for place in columns])
    scaled = StandardScaler().fit(wide[rows[0]])
    model = LogisticRegression(C=0.05, max_iter=400)
    model.fit(scaled.transform(wide[rows[0]]), calls.labels[rows[0]], sample_weight=weight)
    found: Float64s = model.decision_function(scaled.transform(wide[rows[1]]))
    return found


def _wide(calls: Calls, place: int) -> Float64s:
    """A column as a line reads it: one of each category; a number's log, and if it is there."""
    column, name = calls.matrix[:, place].astype(np.float64), calls.names[place]
    if name in calls.categoricals or name == "month":
        return np.asarray(column[:, None] == np.unique(column[~np.isnan(column)]), np.float64)
    there = ~np.isnan(column)
    log = np.sign(column) * np.log1p(np.abs(column))
    return np.column_stack([np.where(there, log, 0.0), np.where(there, log, 0.0) ** 2, there])


def chosen(
    auc: dict[tuple[Setting, int], float], quarter: int, forgets: float = FORGETS
) -> Setting:
    """The setting that foretold the quarters before this one best."""
    earlier = range(min(q for _, q in auc), quarter)
    weight = np.array([forgets ** (quarter - 1 - q) for q in earlier])

    def worth(setting: Setting) -> float:
        return float(np.average([auc[setting, q] for q in earlier], weights=weight))

    return max(SETTINGS, key=worth)


def auc_of(calls: Calls, quarter: int, scores: Float64s) -> float:
    """AUC of one quarter."""
    return float(roc_auc_score(calls.labels[calls.quarter == quarter], scores))
