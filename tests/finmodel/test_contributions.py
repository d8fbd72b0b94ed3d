"""Contributions against LightGBM's pred_contrib, and against the raw score that they make up."""

from __future__ import annotations

from typing import Any

import lightgbm
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from finmodel.errors import BadInput
from finmodel.records import Float32s
from finmodel.scorer import Scorer

RECIPES: list[dict[str, Any]] = [
    {"objective": "binary"},
    {"objective": "regression", "zero_as_missing": True},
    {"objective": "poisson", "use_missing": False},
    {"objective": "binary", "boosting": "dart", "drop_rate": 0.5},
    {"objective": "binary", "boosting": "rf", "bagging_fraction": 0.6, "bagging_freq": 1},
]


def rows_of(seed: int, features: int, rows: int = 300) -> Float32s:
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(rows, features)).astype(np.float32)
    matrix[:, 0] = rng.integers(0, 40, rows)
    matrix[rng.random(matrix.shape) < 0.1] = np.nan
    matrix[rng.random(matrix.shape) < 0.1] = 0
    return matrix


def train(recipe: dict[str, Any], seed: int, features: int) -> str:
    rng = np.random.default_rng(seed)
    matrix = rows_of(seed, features)
    signal = np.nan_to_num(matrix) @ rng.normal(size=features) / 8 + rng.normal(size=len(matrix))
    label = (signal > 0).astype(float)
    fixed = {"verbose": -1, "num_threads": 1, "min_data_in_leaf": 2, "min_data_per_group": 2}
    data = lightgbm.Dataset(matrix, label, categorical_feature=[0])
    return lightgbm.train(fixed | recipe, data, 6).model_to_string()


def assert_as_lightgbm(model: str, rows: Float32s, **iterations: int) -> None:
    scorer = Scorer.from_text(model, **iterations)
    found = scorer.contributions(rows)
    expected = lightgbm.Booster(model_str=model).predict(rows, pred_contrib=True, **iterations)
    assert found.shape == (len(rows), len(scorer.feature_names) + 1)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9)
    np.testing.assert_allclose(found.sum(axis=1), scorer.raw_many(rows), rtol=0, atol=1e-9)
    np.testing.assert_array_equal(found[:1], scorer.contributions(rows[:1]))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    recipe=st.sampled_from(RECIPES),
    leaves=st.sampled_from([2, 5, 16, 31, 90]),
    depth=st.sampled_from([-1, 4]),
    features=st.integers(1, 12),
    seed=st.integers(0, 2**31),
)
def test_random_models_are_explained_as_lightgbm_does(
    recipe: dict[str, Any], leaves: int, depth: int, features: int, seed: int
) -> None:
    shape = {"num_leaves": leaves, "max_depth": depth, "seed": seed % 1000}
    assert_as_lightgbm(train(recipe | shape, seed, features), rows_of(seed + 1, features, 60))


def test_a_range_of_iterations_is_explained() -> None:
    model = train({"objective": "binary"}, seed=1, features=4)
    assert_as_lightgbm(model, rows_of(2, 4, 30), start_iteration=2, num_iteration=3)


def test_a_path_of_many_features_takes_more_points() -> None:
    """One leaf splits off at each level, so that a path tests every feature.

    At 40 features LightGBM itself is 3e-10 off the sum in rational numbers, this 2e-15.
    """
    rng = np.random.default_rng(3)
    matrix = (rng.random((4_000, 24)) < 0.9).astype(np.float32)
    label = np.cumprod(matrix, axis=1).sum(axis=1)
    recipe = {"num_leaves": 25, "min_data_in_leaf": 1, "verbose": -1, "num_threads": 1}
    model = lightgbm.train(recipe, lightgbm.Dataset(matrix, label), 2).model_to_string()
    assert_as_lightgbm(model, matrix[:50])


def test_trees_of_one_leaf_give_only_a_base() -> None:
    matrix = rows_of(4, 3)
    data = lightgbm.Dataset(matrix, np.full(len(matrix), 2.5))
    model = lightgbm.train({"verbose": -1}, data, 2).model_to_string()
    assert_as_lightgbm(model, matrix)
    assert (Scorer.from_text(model).contributions(matrix)[:, :-1] == 0).all()


def test_a_text_without_row_counts_scores_and_explains_nothing() -> None:
    model = train({"objective": "binary"}, seed=1, features=4)
    kept = [line for line in model.split("\n") if not line.startswith(("tree_sizes", "leaf_count"))]
    scorer, rows = Scorer.from_text("\n".join(kept)), rows_of(5, 4)
    assert np.array_equal(scorer.raw_many(rows), Scorer.from_text(model).raw_many(rows))
    with pytest.raises(BadInput, match="leaf_count"):
        scorer.contributions(rows)


def test_lightgbm_explains_what_it_scores() -> None:
    matrix = rows_of(6, 3)
    label = np.nan_to_num(matrix[:, 0]) % 3
    recipe = {"objective": "multiclass", "num_class": 3, "verbose": -1, "num_threads": 1}
    booster = lightgbm.train(recipe, lightgbm.Dataset(matrix, label), 2)
    scorer = Scorer.from_text(booster.model_to_string())
    assert np.array_equal(scorer.contributions(matrix), booster.predict(matrix, pred_contrib=True))


def test_linear_trees_have_no_contributions() -> None:
    matrix = np.random.default_rng(0).normal(size=(200, 3)).astype(np.float32)
    recipe = {"linear_tree": True, "verbose": -1, "num_threads": 1}
    model = lightgbm.train(
        recipe, lightgbm.Dataset(matrix, matrix[:, 0].copy()), 2
    ).model_to_string()
    with pytest.raises(BadInput, match="linear"):
        Scorer.from_text(model).contributions(matrix)
