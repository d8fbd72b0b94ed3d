"""Models registered from a notebook: judged by a recipe, or told all that they lack."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightgbm as lgb
import mlflow
import mlflow.lightgbm
import numpy as np
import pandas as pd
import pytest
from mlflow.models import infer_signature

from finmodel import registry, tracking
from finmodel.audit import scan
from finmodel.errors import Refused
from finmodel.export import load_export
from finmodel.pointers import export_folder
from finmodel.records import Person
from finmodel.settings import Settings
from finmodel.waivers import waive
from risk.adopt import adopt
from risk.frames.load import load_frame
from risk.recipe import Recipe, load_recipe
from tests.finmodel.mlflow_home import settings_at
from tests.risk.small_lender import RECIPE, table_recipe

VALIDATOR = Person("val", frozenset({"validator"}))
NO_TIME = table_recipe(time=None, exclude=["note", "applied_on"])
STRICT = {**RECIPE["gate"], "calibration_intercept": [-0.3, 0.3]}
PARAMS = {"objective": "binary", "num_leaves": 5, "learning_rate": 0.1, "verbosity": -1}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_at(tmp_path / "home")


@pytest.fixture
def recipe(lender) -> Recipe:
    return load_recipe(lender(source=NO_TIME))


def rows_of(recipe: Recipe, settings: Settings) -> tuple[pd.DataFrame, np.ndarray]:
    frame = load_frame(recipe, settings)
    return pd.DataFrame(frame.matrix, columns=list(frame.names)), frame.labels


def log(settings: Settings, model: Any, rows: pd.DataFrame | None, name: str) -> None:
    """A notebook's own lines."""
    mlflow.set_tracking_uri(settings.mlflow_uri)
    mlflow.set_registry_uri(settings.mlflow_uri)
    place = (settings.home / "notebook").as_uri()
    found = mlflow.get_experiment_by_name("nb")
    made = found.experiment_id if found else mlflow.create_experiment("nb", place)
    signature = None if rows is None else infer_signature(rows, np.zeros(len(rows)))
    with mlflow.start_run(experiment_id=made):
        mlflow.lightgbm.log_model(
            model, name="model", registered_model_name=name, signature=signature,
            pip_requirements=[],
        )  # fmt: skip


def taught(rows: pd.DataFrame, labels: np.ndarray, rounds: int = 30, **params: Any) -> lgb.Booster:
    return lgb.train({**PARAMS, **params}, lgb.Dataset(rows, labels), rounds)


def test_a_plain_notebook_model_is_gated_and_served(recipe, settings):
    rows, labels = rows_of(recipe, settings)
    booster = taught(rows, labels)
    log(settings, booster, rows, recipe.name)
    adopted = adopt(recipe, settings, 1, VALIDATOR)
    assert adopted.passed, adopted.failures
    assert adopted.sample == "2 × 5 folds"
    assert adopted.metrics["auc_of_the_model_itself"] > adopted.metrics["auc"]
    with pytest.raises(Refused, match=r"version 1: out-of-time: not available; say why it may"):
        registry.promote(settings, recipe.name, None, to="champion", approver=VALIDATOR)
    waive(settings, recipe.name, 1, VALIDATOR, "one observation date")
    pointer = registry.promote(settings, recipe.name, None, to="champion", approver=VALIDATOR)
    assert pointer.version == 1
    assert "waived by val: one observation date" in pointer.reason
    model = load_export(export_folder(settings.exports, recipe.name, 1), settings.signing)
    matrix = rows.to_numpy(dtype=np.float32)
    assert model.scorer.score_many(matrix).tobytes() == booster.predict(matrix).tobytes()
    assert model.manifest.trained_by == tracking.fetch(settings, recipe.name, 1).run_user


def test_with_a_time_its_way_of_teaching_is_judged_on_later_rows(lender, settings):
    recipe = load_recipe(lender())
    rows, labels = rows_of(recipe, settings)
    log(settings, taught(rows, labels), rows, recipe.name)
    assert adopt(recipe, settings, 1, VALIDATOR).sample == "out of time"


def test_a_model_that_learnt_its_rows_by_heart_does_not_pass(lender, settings):
    gate = {**RECIPE["gate"], "auc": 0.9}
    recipe = load_recipe(lender(source=NO_TIME, gate=gate))
    rows, labels = rows_of(recipe, settings)
    log(settings, taught(rows, labels, 300, num_leaves=63, min_data_in_leaf=2), rows, recipe.name)
    adopted = adopt(recipe, settings, 1, VALIDATOR)
    assert adopted.metrics["auc_of_the_model_itself"] > 0.95
    assert not adopted.passed
    assert adopted.failures.startswith("auc ")


def test_a_model_of_something_else_does_not_pass(recipe, settings):
    rows, labels = rows_of(recipe, settings)
    shuffled = np.random.default_rng(1).permutation(labels)
    log(settings, taught(rows, shuffled), rows, recipe.name)
    adopted = adopt(recipe, settings, 1, VALIDATOR)
    assert "auc of the model itself" in adopted.failures


@pytest.mark.parametrize("weight", [6.0, 1 / 6])
def test_a_model_taught_with_weights_has_other_probabilities_and_does_not_pass(
    lender, settings, weight
):
    recipe = load_recipe(lender(source=NO_TIME, gate=STRICT))
    rows, labels = rows_of(recipe, settings)
    data = lgb.Dataset(rows, labels, weight=np.where(labels == 1, weight, 1.0))
    log(settings, lgb.train(PARAMS, data, 30), rows, recipe.name)
    adopted = adopt(recipe, settings, 1, VALIDATOR)
    assert "shift of probabilities of the model itself" in adopted.failures


def test_a_model_that_starts_from_other_scores_does_not_pass(lender, settings):
    recipe = load_recipe(lender(source=NO_TIME, gate=STRICT))
    rows, labels = rows_of(recipe, settings)
    data = lgb.Dataset(rows, labels, init_score=np.full(len(labels), 2.0))
    log(settings, lgb.train(PARAMS, data, 30), rows, recipe.name)
    assert "shift of probabilities" in adopt(recipe, settings, 1, VALIDATOR).failures


def test_its_trainer_may_not_approve_it(recipe, settings):
    rows, labels = rows_of(recipe, settings)
    log(settings, taught(rows, labels), rows, recipe.name)
    adopt(recipe, settings, 1, VALIDATOR)
    trainer = tracking.fetch(settings, recipe.name, 1).run_user
    with pytest.raises(Refused, match="trained it"):
        registry.promote(
            settings, recipe.name, 1, to="champion",
            approver=Person(trainer, frozenset({"validator"})),
        )  # fmt: skip


def test_all_that_it_lacks_is_told_at_once(recipe, settings):
    rows, labels = rows_of(recipe, settings)
    wrong = rows.rename(columns={"income": "salary"})
    booster = taught(wrong, labels, objective="regression")
    log(settings, booster, None, recipe.name)
    with pytest.raises(Refused, match="small_lender version 1: it lacks: ") as caught:
        adopt(recipe, settings, 1, VALIDATOR)
    for part in (
        "the objective binary (it has 'regression')",
        "features of",
        "income",
        "a source for its own features salary",
        "a signature",
    ):
        assert part in str(caught.value)
    assert not settings.audit.exists() or not list(scan(settings.audit, "gate"))


def test_a_model_without_names_or_in_another_order(recipe, settings):
    rows, labels = rows_of(recipe, settings)
    nameless = lgb.train(PARAMS, lgb.Dataset(rows.to_numpy(), labels), 5)
    log(settings, nameless, rows, recipe.name)
    with pytest.raises(Refused, match="own features Column_0, Column_1, Column_2, Column_3"):
        adopt(recipe, settings, 1, VALIDATOR)
    turned = rows[rows.columns[::-1]]
    log(settings, taught(turned, labels), turned, recipe.name)
    with pytest.raises(Refused, match="the order of features that the source gives"):
        adopt(recipe, settings, 2, VALIDATOR)


def test_models_of_other_kinds_say_what_to_log(recipe, settings):
    rows, labels = rows_of(recipe, settings)
    log(
        settings,
        lgb.LGBMClassifier(n_estimators=2, verbosity=-1).fit(rows, labels),
        rows,
        recipe.name,
    )
    with pytest.raises(Refused, match=r"native lightgbm\.Booster .*LGBMClassifier.*booster_"):
        adopt(recipe, settings, 1, VALIDATOR)
    pandas_made = rows.assign(job=rows.job.astype("category"))
    log(settings, taught(pandas_made, labels), rows, recipe.name)
    with pytest.raises(Refused, match="categoricals as codes"):
        adopt(recipe, settings, 2, VALIDATOR)
    log(settings, taught(rows.drop(columns="job"), labels, linear_tree=True), None, recipe.name)
    with pytest.raises(Refused, match=r"linear trees.*features of .*job"):
        adopt(recipe, settings, 3, VALIDATOR)
