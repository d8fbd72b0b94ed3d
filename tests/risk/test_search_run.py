"""A search over a small lender's recipe: what it looks at, what it keeps, what it answers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
import yaml
from mlflow import MlflowClient

from finmodel.errors import BadInput, Refused
from finmodel.progress import silent
from finmodel.records import Person
from finmodel.settings import Settings
from risk import learning
from risk.learning import (
    judge_by_folds,
    teaching_of,
)
from risk.recipe import Params, load_recipe
from risk.search_run import Search, search
from risk.train import prepare
from tests.finmodel.mlflow_home import settings_at
from tests.risk.small_lender import RECIPE, loans, table_recipe

ANALYST = Person("ann", frozenset({"analyst"}))
NO_TIME = table_recipe(time=None, exclude=["note", "applied_on"])
STOPPING = {"params": {**RECIPE["params"], "early_stopping": 5}}
FEW = (3, 11)
"""Trials, and the seed."""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_at(tmp_path / "home")


def plain(found: Search) -> Search:
    return replace(found, run_id="", seconds=0.0)


def test_the_same_seed_gives_the_same_answer(lender, settings):
    recipe = load_recipe(lender(source=NO_TIME))
    first, again = (search(recipe, settings, ANALYST, FEW) for _ in range(2))
    assert plain(first) == plain(again)
    assert (first.trials, first.asked, first.sample) == (3, 3, "1 × 5 folds")
    other = search(recipe, settings, ANALYST, (3, 12))
    assert other.best[0].params != first.best[0].params
    aucs = [one.auc for one in first.best]
    assert aucs == sorted(aucs, reverse=True)
    assert [one.trial for one in first.best if one.gain == 0.0] == [0]
    (own,) = (one for one in first.best if one.trial == 0)
    ready = prepare(recipe, settings)
    judged = judge_by_folds(ready.frame, ready.parts.train, teaching_of(recipe), 1)
    assert (own.auc, own.auc_sd) == (judged.figures.auc, judged.spread.auc)
    assert first.gain == pytest.approx(first.best[0].gain, abs=1e-12)
    block = msgspec.convert(yaml.safe_load(first.params)["params"], Params)
    assert msgspec.structs.asdict(block) == first.best[0].params


@pytest.mark.parametrize("changes", [{}, STOPPING], ids=["", "early stopping"])
def test_rows_out_of_time_are_never_looked_at(lender, settings, changes):
    table = loans()
    found = search(load_recipe(lender(table, **changes)), settings, ANALYST, FEW)
    assert (found.sample, found.best[0].auc_sd) == ("validation part, by time", None)
    late = table["applied_on"] >= table["applied_on"].sort_values().iloc[int(len(table) * 0.8)]
    table.loc[late, "bad"] = np.random.default_rng(1).integers(0, 2, late.sum())
    table.loc[late, ["income", "debt_total"]] = 1.0
    again = search(load_recipe(lender(table, **changes)), settings, ANALYST, FEW)
    assert plain(found) == plain(again)
    assert found.rows < 0.2 * len(table)


def test_monotone_constraints_and_shallow_trees_are_kept(lender, settings, monkeypatch):
    seen = []
    real = learning.fit

    def noting(lesson, params, rounds, **more):
        seen.append((lesson.monotone, params["max_depth"], more.get("stopping")))
        return real(lesson, params, rounds, **more)

    monkeypatch.setattr(learning, "fit", noting)
    recipe = load_recipe(lender(monotone={"debt_total": 1}, calibration="platt", **STOPPING))
    search(recipe, settings, ANALYST, FEW)
    assert len(seen) == 4, "one model a trial: a calibration would cost more, and changes no AUC"
    assert all(monotone == {"debt_total": 1} for monotone, _, _ in seen)
    assert all(depth <= 4 for _, depth, _ in seen)
    ready = prepare(recipe, settings)
    judging = {row.tobytes() for row in ready.frame.matrix[ready.parts.valid]}
    for _, _, stopping in seen:
        stops = {row.tobytes() for row in stopping.matrix}
        assert len(stops) > 100, "who judges does not stop, but others do"
        assert not judging & stops


def test_every_trial_is_a_run_below_the_searchs_own(lender, settings):
    found = search(load_recipe(lender(source=NO_TIME)), settings, ANALYST, FEW)
    client = MlflowClient(settings.mlflow_uri)
    parent = client.get_run(found.run_id)
    assert (parent.info.status, parent.data.tags["searched_by"]) == ("FINISHED", "ann")
    assert parent.data.metrics["best_auc"] == found.best[0].auc
    children = client.search_runs(
        [parent.info.experiment_id], f"tags.mlflow.parentRunId = '{found.run_id}'"
    )
    told = {int(one.data.tags["trial"]): one.data.metrics for one in children}
    assert sorted(told) == [0, 1, 2, 3]
    for one in found.best:
        assert told[one.trial]["auc"] == one.auc
        assert told[one.trial]["auc_sd"] == one.auc_sd
    assert client.search_registered_models() == []


def test_interrupted_it_answers_by_what_it_has(lender, settings):
    def stop(what: str, done: int, _total: int) -> None:
        if what == "trials" and done == 2:
            raise KeyboardInterrupt

    recipe = load_recipe(lender(source=NO_TIME))
    found = search(recipe, settings, ANALYST, FEW, stop)
    assert (found.interrupted, found.trials, found.asked) == (True, 1, 3)
    assert MlflowClient(settings.mlflow_uri).get_run(found.run_id).info.status == "KILLED"
    whole = search(recipe, settings, ANALYST, (1, FEW[1]))
    assert found.best == whole.best


def test_interrupted_before_any_trial_it_has_no_answer(lender, settings, monkeypatch):
    def stop(*_args, **_more):
        raise KeyboardInterrupt

    monkeypatch.setattr(learning, "fit", stop)
    with pytest.raises(KeyboardInterrupt):
        search(load_recipe(lender(source=NO_TIME)), settings, ANALYST, FEW)


def test_who_may_not_train_may_not_search(lender, settings):
    validator, recipe = Person("val", frozenset({"validator"})), load_recipe(lender())
    with pytest.raises(Refused, match="val may not train"):
        search(recipe, settings, validator, FEW, silent)


def test_a_part_that_cannot_be_parted_to_stop_early_is_told(lender, settings):
    table = loans()
    ordered = table["applied_on"].sort_values()
    early, late = ordered.iloc[int(len(table) * 0.45)], ordered.iloc[int(len(table) * 0.65)]
    table.loc[(table["applied_on"] >= early) & (table["applied_on"] < late), "bad"] = 0
    with pytest.raises(BadInput, match=r"cannot be parted at .* have an earlier split.valid_from"):
        search(load_recipe(lender(table, **STOPPING)), settings, ANALYST, FEW)
