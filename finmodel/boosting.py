"""Teaching boosted trees: rows and parameters in, LightGBM's model text out.

The same rows, parameters and seed give the same trees, however many threads. Models leave as text,
so that nobody else holds a LightGBM object. Imports LightGBM when it is first asked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from finmodel.errors import BadInput
from finmodel.records import Float32s, Float64s

OnRound = Callable[[int, int], None]
"""Called after each round with how many are done, of how many."""

REPRODUCIBLE: Mapping[str, Any] = {
    "objective": "binary",
    "metric": "binary_logloss",
    "deterministic": True,
    "force_row_wise": True,
    "verbosity": -1,
}
_AMOUNTS: Mapping[str, Any] = {"objective": "regression", "metric": "l2"}
_TAUGHT = re.compile(
    r"boosting|learning_rate|num_leaves|max_depth|min_\w+|feature_fraction\w*|lambda_\w+|max_bin"
    r"|bagging_(fraction|freq|seed)|path_smooth|scale_pos_weight|drop_rate|max_drop|skip_drop"
    r"|top_rate|other_rate|data_sample_strategy|max_delta_step|cat_\w+|max_cat_\w+|seed"
)
_SWITCHES = frozenset({"extra_trees", "is_unbalance"})
"""What of a model's parameters shapes its trees: enough to teach another such model."""
_PARAMETER = re.compile(r"^\[(\w+): (.*)\]$", re.M)


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """What a model learns from."""

    matrix: Float32s
    labels: Float64s
    names: tuple[str, ...]
    categoricals: tuple[str, ...] = ()
    monotone: Mapping[str, int] | None = None
    weight: Float64s | None = None
    amounts: bool = False
    """Labels are amounts to be met in the mean of squares, not 1 and 0."""


@dataclass(frozen=True, slots=True, eq=False)
class Stopping:
    """Rows that say when to stop: after `rounds` rounds without gain on them."""

    matrix: Float32s
    labels: Float64s
    rounds: int


def fit(
    lesson: Lesson,
    params: Mapping[str, Any],
    rounds: int,
    *,
    stopping: Stopping | None = None,
    on_round: OnRound | None = None,
) -> str:
    """The text of a model of at most `rounds` trees, up to the best round where it stops early."""
    import lightgbm as lgb

    learning = lgb.Dataset(
        lesson.matrix,
        lesson.labels,
        weight=lesson.weight,
        feature_name=list(lesson.names),
        categorical_feature=list(lesson.categoricals),
    )
    judging, callbacks = [], [_progress(on_round, rounds)] if on_round else []
    if stopping is not None:
        judging = [lgb.Dataset(stopping.matrix, stopping.labels, reference=learning)]
        callbacks.append(lgb.early_stopping(stopping.rounds, verbose=False))
    try:
        booster = lgb.train(
            {
                **params,
                **REPRODUCIBLE,
                **(_AMOUNTS if lesson.amounts else {}),
                **_constraints(lesson),
            },
            learning,
            num_boost_round=rounds,
            valid_sets=judging,
            callbacks=callbacks,
        )
    except lgb.basic.LightGBMError as error:
        raise BadInput(
            f"LightGBM refuses: {error}", where="params", remedy="mend that parameter"
        ) from error
    return str(booster.model_to_string(num_iteration=booster.best_iteration))


def parameters_in(text: str) -> tuple[dict[str, str], int]:
    """What a model's text says of how it was taught: its parameters, and its number of trees.

    >>> parameters_in("Tree=0\\n\\nparameters:\\n[learning_rate: 0.1]\\n[data: x.csv]\\n")
    ({'learning_rate': '0.1'}, 1)
    """
    named = dict(_PARAMETER.findall(text))
    taught = {name: value for name, value in named.items() if value and _TAUGHT.fullmatch(name)}
    # LightGBM writes switches as 0 and 1, and does not read them so.
    taught |= {name: "true" for name in _SWITCHES if named.get(name) == "1"}
    return taught, len(re.findall(r"^Tree=\d+$", text, re.M))


def header_of(text: str) -> dict[str, str]:
    """The head of a model's text: `feature_names`, `objective` and so on.

    >>> header_of("tree\\nobjective=binary sigmoid:1\\nfeature_names=a b\\n\\nTree=0")["objective"]
    'binary sigmoid:1'
    """
    head = text.split("\n\n", 1)[0]
    return dict(line.split("=", 1) for line in head.splitlines() if "=" in line)


def settled(text: str) -> str:
    """A model's text as LightGBM itself writes it, however it was made; BadInput if it is none.

    What is logged in MLflow is written by LightGBM: a text that it would change has no digest.
    """
    import lightgbm as lgb

    try:
        return str(lgb.Booster(model_str=text).model_to_string())
    except lgb.basic.LightGBMError as error:
        raise BadInput(
            f"LightGBM cannot read it ({error})", where="model text", remedy="export it again"
        ) from error


def version() -> str:
    """LightGBM's version."""
    import lightgbm

    return str(lightgbm.__version__)


def _constraints(lesson: Lesson) -> dict[str, Any]:
    if not lesson.monotone:
        return {}
    return {"monotone_constraints": [lesson.monotone.get(name, 0) for name in lesson.names]}


def _progress(on_round: OnRound, rounds: int) -> Callable[[Any], None]:
    def after_round(environment: Any) -> None:
        on_round(environment.iteration + 1, rounds)

    return after_round
