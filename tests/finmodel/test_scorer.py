"""The scorer against LightGBM: random models of every kind, rows at the edges, the same bits."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import lightgbm
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from finmodel.errors import BadInput, Damaged, FinmodelError
from finmodel.records import Float32s
from finmodel.scorer import FEW_ROWS, Scorer

PROBABILITIES = ["binary", "cross_entropy", "cross_entropy_lambda"]
AMOUNTS = ["regression", "regression_l1", "huber", "fair", "quantile", "mape"]
RATES = ["poisson", "gamma", "tweedie"]
SPECIAL = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-35, -1e-35, 1.0000001e-35, 1e-38, 1e-45, -1e-45]
SPECIAL += [3.4028235e38, -3.4028235e38, -0.5, -0.99, -1.0, 0.5, 2.7, 31, 32, 63, 64, 299.9]
SPECIAL += [2147483520.0, 2147483648.0, 4e9, 1e20, -1e20]


@st.composite
def recipes(draw: st.DrawFn) -> dict[str, Any]:
    """LightGBM settings over everything that changes how a model scores."""
    objective = draw(st.sampled_from(PROBABILITIES + AMOUNTS + RATES))
    boosting = draw(
        st.sampled_from(
            [
                {},
                {"boosting": "dart", "drop_rate": 0.5},
                {"boosting": "rf", "bagging_fraction": 0.6, "bagging_freq": 1},
                {"data_sample_strategy": "goss", "learning_rate": 0.5},
            ]
        )
    )
    return {
        "objective": objective,
        "num_leaves": draw(st.sampled_from([2, 3, 8, 31, 32, 33, 63, 64, 65, 120])),
        "max_depth": draw(st.sampled_from([-1, -1, 1, 4])),
        "use_missing": draw(st.booleans()),
        "zero_as_missing": draw(st.booleans()),
        "max_cat_to_onehot": draw(st.sampled_from([1, 4])),
        "max_bin": draw(st.sampled_from([15, 255])),
        "min_data_in_leaf": draw(st.sampled_from([1, 5])),
        "sigmoid": draw(st.sampled_from([1.0, 1.14, 1 / 3, 0.007, 2.5])),
        "is_unbalance": objective == "binary" and draw(st.booleans()),
        "reg_sqrt": objective in AMOUNTS and draw(st.booleans()),
        "seed": draw(st.integers(0, 1000)),
        **boosting,
    }


def lender(seed: int) -> tuple[Float32s, list[int]]:
    """Rows with holes, zeros, whole numbers, categories, and values huge and tiny."""
    rng = np.random.default_rng(seed)
    rows, features = int(rng.integers(40, 250)), int(rng.integers(1, 8))
    matrix = rng.normal(size=(rows, features)).astype(np.float32)
    categorical = [f for f in range(features) if rng.random() < 0.3]
    for f in range(features):
        if f in categorical:
            matrix[:, f] = rng.integers(0, rng.choice([3, 20, 70, 300]), rows)
        elif rng.random() < 0.3:
            matrix[:, f] = np.round(matrix[:, f])
        elif rng.random() < 0.3:
            matrix[:, f] *= np.float32(10.0) ** rng.integers(-37, 37)
        elif rng.random() < 0.2:
            matrix[:, f] = rng.choice([np.inf, -np.inf, 1, 0, -1, 3e38, 1e-35, 1e-40], rows)
        matrix[rng.random(rows) < rng.random() * 0.5, f] = np.nan
        matrix[rng.random(rows) < rng.random() * 0.5, f] = 0
    return matrix, categorical


def train(recipe: dict[str, Any], seed: int, rounds: int = 6) -> tuple[str, Float32s]:
    """A model's text, and rows whose values lie on, just above and just below its thresholds."""
    rng = np.random.default_rng(seed)
    matrix, categorical = lender(seed)
    signal = np.sin(np.nan_to_num(matrix[:, 0], posinf=1, neginf=-1)) + rng.normal(size=len(matrix))
    label = (signal > 0).astype(float) if recipe["objective"] in PROBABILITIES else abs(signal) + 1
    fixed = {
        "verbose": -1,
        "num_threads": 1,
        "min_data_in_bin": 1,
        "min_sum_hessian_in_leaf": 1e-9,
        "cat_smooth": 1,
        "cat_l2": 1,
        "min_data_per_group": 1,
    }
    data = lightgbm.Dataset(matrix.astype(np.float64), label, categorical_feature=categorical)
    model = lightgbm.train(fixed | recipe, data, rounds).model_to_string()
    thresholds = [
        float(word)
        for line in model.splitlines()
        if line.startswith("threshold=")
        for word in line.removeprefix("threshold=").split()
    ]
    with np.errstate(over="ignore"):
        on = np.array(thresholds[:200] or [0.0]).astype(np.float32)
    beside = [np.nextafter(on, np.float32(np.inf)), np.nextafter(on, np.float32(-np.inf))]
    edges = np.concatenate([on, *beside, np.array(SPECIAL, np.float32)])
    rows = matrix[rng.integers(0, len(matrix), 100)]
    moved = rng.random(rows.shape) < 0.5
    rows[moved] = rng.choice(edges, int(moved.sum()))
    return model, rows


def assert_same_bits(scorer: Scorer, model: str, rows: Float32s, **iterations: int) -> None:
    booster = lightgbm.Booster(model_str=model)
    for raw, score in ((True, scorer.raw_many), (False, scorer.score_many)):
        expected = booster.predict(rows, raw_score=raw, num_threads=1, **iterations)
        doubled = booster.predict(rows.astype(np.float64), raw_score=raw, **iterations)
        one_by_one = np.concatenate([score(rows[r : r + 1]) for r in range(min(len(rows), 40))])
        assert np.array_equal(score(rows), expected, equal_nan=True)
        assert np.array_equal(score(rows), doubled, equal_nan=True)
        assert np.array_equal(one_by_one, expected[:40], equal_nan=True)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(recipe=recipes(), seed=st.integers(0, 2**31), start=st.integers(0, 3))
def test_random_models_score_with_lightgbms_bits(
    recipe: dict[str, Any], seed: int, start: int
) -> None:
    model, rows = train(recipe, seed)
    scorer = Scorer.from_text(model)
    assert scorer.engine in ("bitvector", "traversal")
    assert scorer.why_booster == ""
    assert_same_bits(scorer, model, rows)
    if start < lightgbm.Booster(model_str=model).current_iteration():
        part = Scorer.from_text(model, start_iteration=start, num_iteration=2)
        assert_same_bits(part, model, rows, start_iteration=start, num_iteration=2)


@pytest.mark.parametrize("objective", PROBABILITIES + AMOUNTS + RATES)
def test_each_objective_ends_a_score_as_lightgbm_does(objective: str) -> None:
    model, rows = train({"objective": objective, "num_leaves": 31}, seed=5)
    assert f"objective={objective}" in model
    assert_same_bits(Scorer.from_text(model), model, rows)


@pytest.mark.parametrize("leaves", [2, 31, 32, 33, 64, 65, 200])
def test_any_number_of_leaves(leaves: int) -> None:
    rng = np.random.default_rng(leaves)
    matrix = rng.normal(size=(2_000, 5)).astype(np.float32)
    matrix[rng.random(matrix.shape) < 0.1] = np.nan
    label = np.nan_to_num(matrix) @ rng.normal(size=5) + rng.normal(size=2_000)
    recipe = {"num_leaves": leaves, "min_data_in_leaf": 2, "verbose": -1, "num_threads": 1}
    model = lightgbm.train(recipe, lightgbm.Dataset(matrix, label), 5).model_to_string()
    assert f"num_leaves={leaves}\n" in model
    scorer = Scorer.from_text(model)
    assert scorer.engine == ("bitvector" if leaves <= 64 else "traversal")
    assert_same_bits(scorer, model, matrix)


@pytest.mark.parametrize("rows", [0, 1, FEW_ROWS - 1, FEW_ROWS, 31, 63, 64, 65, 100])
def test_any_number_of_rows(rows: int) -> None:
    model, matrix = train({"objective": "binary", "num_leaves": 8}, seed=11)
    expected = lightgbm.Booster(model_str=model).predict(matrix)
    assert np.array_equal(Scorer.from_text(model).score_many(matrix[:rows]), expected[:rows])


def test_a_constant_label_makes_trees_of_one_leaf() -> None:
    matrix = np.random.default_rng(0).normal(size=(60, 2))
    model = lightgbm.train({"verbose": -1}, lightgbm.Dataset(matrix, np.full(60, 2.5)), 3)
    text = model.model_to_string()
    assert "num_leaves=1\n" in text
    assert_same_bits(Scorer.from_text(text), text, matrix.astype(np.float32))


def test_a_split_of_the_missing_alone_does_not_catch_infinity() -> None:
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(300, 1)).astype(np.float32)
    gone = rng.random(300) < 0.4
    matrix[gone] = np.nan
    recipe = {"verbose": -1, "num_leaves": 2, "num_threads": 1}
    model = lightgbm.train(recipe, lightgbm.Dataset(matrix, gone), 2).model_to_string()
    assert "threshold=inf\n" in model
    matrix[:6, 0] = [np.inf, -np.inf, np.nan, 3.4028235e38, -3.4028235e38, 0.0]
    assert_same_bits(Scorer.from_text(model), model, matrix)


def test_early_stopping_keeps_the_best_iterations() -> None:
    rng = np.random.default_rng(3)
    matrix = rng.normal(size=(600, 4)).astype(np.float32)
    label = matrix[:, 0] + rng.normal(size=600) > 0
    data = lightgbm.Dataset(matrix[:300], label[:300])
    booster = lightgbm.train(
        {"objective": "binary", "verbose": -1, "num_threads": 1, "learning_rate": 0.5},
        data,
        50,
        valid_sets=[lightgbm.Dataset(matrix[300:], label[300:], reference=data)],
        callbacks=[lightgbm.early_stopping(3, verbose=False)],
        keep_training_booster=True,
    )
    assert 0 < booster.best_iteration < booster.current_iteration()
    scorer = Scorer.from_text(booster.model_to_string())
    assert np.array_equal(scorer.score_many(matrix), booster.predict(matrix))


def test_a_custom_objective_leaves_the_raw_score() -> None:
    rng = np.random.default_rng(4)
    matrix, label = rng.normal(size=(200, 3)).astype(np.float32), rng.normal(size=200)
    squared = lambda scores, data: (scores - data.get_label(), np.ones(len(scores)))  # noqa: E731
    recipe = {"objective": squared, "verbose": -1, "num_threads": 1}
    model = lightgbm.train(recipe, lightgbm.Dataset(matrix, label), 3).model_to_string()
    assert "objective=" not in model.split("Tree=0")[0]
    assert_same_bits(Scorer.from_text(model), model, matrix)


@pytest.mark.parametrize(
    ("recipe", "why"),
    [
        ({"objective": "regression", "linear_tree": True}, "linear"),
        ({"objective": "multiclass", "num_class": 3}, "several scores"),
        ({"objective": "lambdarank"}, "objective"),
        ({"objective": "binary", "sigmoid": 1e-5}, "objective"),
    ],
)
def test_what_is_not_sure_goes_to_lightgbm_itself(recipe: dict[str, Any], why: str) -> None:
    rng = np.random.default_rng(6)
    matrix = rng.normal(size=(300, 3)).astype(np.float32)
    classes = recipe.get("num_class", 2)
    group = [30] * 10 if recipe["objective"] == "lambdarank" else None
    label = np.digitize(matrix[:, 0] + rng.normal(size=300), np.arange(1, classes) - classes / 2)
    data = lightgbm.Dataset(matrix, label, group=group)
    common = {"verbose": -1, "num_threads": 1, "num_leaves": 4}
    booster = lightgbm.train(common | recipe, data, 4)
    model = booster.model_to_string()
    scorer = Scorer.from_text(model, num_iteration=2)
    assert scorer.engine == "booster"
    assert why in scorer.why_booster
    expected = lightgbm.Booster(model_str=model).predict(matrix, num_iteration=2)
    assert np.array_equal(scorer.score_many(matrix), expected)


@pytest.mark.parametrize(
    "rows",
    [
        np.zeros((3, 4), np.float32),
        np.zeros((3, 3), np.float64),
        np.zeros(3, np.float32),
        np.zeros((3, 3), ">f4"),
        [[0.0, 0.0, 0.0]],
    ],
)
def test_rows_of_another_kind_are_refused(rows: Any) -> None:
    matrix = np.random.default_rng(0).normal(size=(60, 3)).astype(np.float32)
    model = lightgbm.train({"verbose": -1}, lightgbm.Dataset(matrix, matrix[:, 0].copy()), 2)
    scorer = Scorer.from_text(model.model_to_string())
    for method in (scorer.raw_many, scorer.score_many, scorer.contributions):
        with pytest.raises(BadInput, match=r"float32 \(n, 3\)"):
            method(rows)


def test_strided_and_read_only_rows_score_alike() -> None:
    model, matrix = train({"objective": "binary", "num_leaves": 8}, seed=11)
    scorer, expected = Scorer.from_text(model), lightgbm.Booster(model_str=model).predict(matrix)
    wide = np.repeat(matrix, 2, axis=1)
    frozen = np.frombuffer(matrix.tobytes(), np.float32).reshape(matrix.shape)
    assert np.array_equal(scorer.score_many(wide[:, ::2]), expected)
    assert np.array_equal(scorer.score_many(np.asfortranarray(matrix)), expected)
    assert np.array_equal(scorer.score_many(frozen), expected)


def test_threads_share_a_scorer() -> None:
    model, matrix = train({"objective": "binary", "num_leaves": 31}, seed=12)
    scorer, expected = Scorer.from_text(model), lightgbm.Booster(model_str=model).predict(matrix)
    with ThreadPoolExecutor(4) as threads:
        for scores in threads.map(lambda _: scorer.score_many(matrix), range(200)):
            assert np.array_equal(scores, expected)


def test_an_iteration_beyond_the_model_is_refused() -> None:
    model, _ = train({"objective": "binary", "num_leaves": 4}, seed=1)
    with pytest.raises(BadInput, match="start_iteration"):
        Scorer.from_text(model, start_iteration=1_000)


def test_what_lightgbm_cannot_read_is_damaged() -> None:
    model, _ = train({"objective": "binary", "num_leaves": 4}, seed=1)
    with pytest.raises(Damaged, match="LightGBM cannot read it"):
        Scorer.from_text(model.replace("objective=binary", "objective=ternary"))


NUMBERS = ["num_leaves", "num_cat", "split_feature", "threshold", "decision_type", "left_child"]
NUMBERS += ["right_child", "leaf_value", "leaf_count", "internal_count", "cat_boundaries"]
NUMBERS += ["cat_threshold", "shrinkage"]


@settings(max_examples=300, deadline=None)
@given(seed=st.integers(0, 5), data=st.data())
def test_a_forged_number_is_refused_or_harmless(seed: int, data: st.DataObject) -> None:
    """The sizes are kept true, so only the checks of the numbers stand before the kernels."""
    recipe = {"objective": "binary", "num_leaves": 12, "max_cat_to_onehot": 1}
    model, rows = train(recipe, seed, rounds=2)
    head, *trees = model.split("\n\nTree=")
    lines = trees[0].split("\n")
    which = data.draw(
        st.sampled_from([k for k, line in enumerate(lines) if line.split("=")[0] in NUMBERS])
    )
    key, _, value = lines[which].partition("=")
    words = value.split(" ")
    at = data.draw(st.integers(0, len(words) - 1))
    forged = ["-1", "0", "1", "5", "11", "12", "13", "-13", "255", "2147483648", "-2147483649"]
    words[at] = data.draw(st.sampled_from([*forged, "1e300", "nan", "inf", "0.5", "", "9" * 400]))
    lines[which] = f"{key}={' '.join(words)}"
    grown = len(lines[which]) - len(f"{key}={value}")
    trees[0] = "\n".join(lines)
    sizes = head[head.index("tree_sizes=") :].removeprefix("tree_sizes=").split(" ")
    head = head[: head.index("tree_sizes=")] + "tree_sizes="
    head += " ".join([str(int(sizes[0]) + grown), *sizes[1:]])
    try:
        scorer = Scorer.from_text("\n\nTree=".join([head, *trees]))
        scores = scorer.score_many(rows)
        scorer.contributions(rows[:4])
    except FinmodelError:
        return
    assert scores.shape == (len(rows),)


def test_serving_starts_without_lightgbm(tmp_path: Any) -> None:
    model, _ = train({"objective": "binary", "num_leaves": 4}, seed=1)
    path = tmp_path / "model.txt"
    path.write_text(model)
    code = (
        "import sys, numpy; from finmodel.scorer import Scorer;"
        f"scorer = Scorer.from_text(open({str(path)!r}).read());"
        "scorer.score_many(numpy.zeros((9, len(scorer.feature_names)), 'f4'));"
        "sys.exit('lightgbm' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.slow
@pytest.mark.parametrize(("lanes", "cpu"), [(8, "x86-64"), (32, "x86-64-v3"), (12, "")])
def test_another_cpu_and_lane_count_score_alike(
    lanes: int, cpu: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import platform

    if cpu and platform.machine() != "x86_64":
        pytest.skip("names CPUs of another architecture")
    model, matrix = train({"objective": "binary", "num_leaves": 64}, seed=2)
    (tmp_path / "model.txt").write_text(model)
    np.save(tmp_path / "rows.npy", matrix)
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    if cpu:
        monkeypatch.setenv("NUMBA_CPU_NAME", cpu)
        monkeypatch.setenv("NUMBA_CPU_FEATURES", "")
    code = (
        f"import finmodel.lanes as lanes; lanes.LANES = {lanes};"
        "import sys, numpy; from finmodel.scorer import Scorer;"
        "folder = sys.argv[1]; scorer = Scorer.from_text(open(folder + '/model.txt').read());"
        "rows = numpy.load(folder + '/rows.npy');"
        "numpy.save(folder + '/scores.npy', scorer.score_many(rows))"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
    expected = lightgbm.Booster(model_str=model).predict(matrix)
    assert np.array_equal(np.load(tmp_path / "scores.npy"), expected)
