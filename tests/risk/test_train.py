"""From a recipe to a registered version: on a small lender's table, and on the shipped data."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import msgspec
import numpy as np
import pytest
from mlflow import MlflowClient

from feature_store import history, store
from feature_store.event_log import FileEventLog, append_all
from finmodel import registry, tracking
from finmodel.audit import scan
from finmodel.errors import BadInput, Refused
from finmodel.export import load_export
from finmodel.gate import NO_OUT_OF_TIME
from finmodel.lender import credit_default
from finmodel.manifest import Manifest, PricingPd
from finmodel.pointers import export_folder
from finmodel.records import Person
from finmodel.settings import Settings
from risk.monitor.reference import read_reference
from risk.recipe import load_recipe
from risk.train import cross_validate, train
from tests.finmodel.mlflow_home import settings_at
from tests.risk.small_lender import RECIPE, loans, table_recipe

ENGINEER = Person("eva", frozenset({"engineer"}))
ANALYST = Person("ann", frozenset({"analyst"}))
VALIDATOR = Person("val", frozenset({"validator"}))
SHIPPED = Path(__file__).parents[2] / "risk" / "behaviour_risk.yaml"
NO_TIME = table_recipe(time=None, exclude=["note", "applied_on"])


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_at(tmp_path / "home")


def test_a_table_becomes_a_served_model_by_its_recipe_alone(lender, settings):
    recipe = load_recipe(lender())
    trained = train(recipe, settings, ANALYST)
    assert (trained.name, trained.version, trained.passed) == ("small_lender", 1, True)
    assert (trained.sample, trained.notes) == ("out of time", ())
    assert 0.6 < trained.metrics["auc"] < 0.9
    registry.promote(settings, trained.name, None, to="champion", approver=VALIDATOR)
    folder = export_folder(settings.exports, trained.name, 1)
    manifest = load_export(folder, settings.signing).manifest
    assert manifest.table is not None
    assert manifest.table.categories == {"job": ("clerk", "driver", "nurse")}
    assert manifest.table.special_values["income"] == (-9999.0, -1.0)
    assert (manifest.trained_by, manifest.approved_by) == ("ann", "val")
    assert manifest.verdict is not None
    assert manifest.verdict.sample == "out of time"
    assert [group.reference != 0.0 for group in manifest.reasons] == [True, True, True]
    told = {check.name: check for check in manifest.verdict.checks}
    assert told["gini"].value == pytest.approx(2 * told["auc"].value - 1)
    reported = {name for name, check in told.items() if check.needs == "reported"}
    # By age there is one group of 100 rows, and it has nobody to be compared with.
    assert reported == {"gini", "latency ms", "approval ratio by sex", "psi of scores"}
    again = train(recipe, settings, ANALYST)
    (note,) = again.notes
    assert note.startswith("swap set against version 1: 0 in (bad not available), 0 out (bad not")


def test_what_a_recipe_asks_and_nobody_can_measure_is_told(lender, settings):
    """Folds judge and nobody is approved: no drift, no swap set, and no group is treated alike."""
    asked = RECIPE["gate"] | {"psi": 0.1, "swap_bad_rate": 0.0, "approval_ratio": 0.8}
    nobody = {"approve_points": 9_000, "refer_points": 500}
    recipe = load_recipe(lender(source=NO_TIME, gate=asked, policy=nobody))
    trained = train(recipe, settings, ANALYST)
    assert trained.notes == (
        NO_OUT_OF_TIME,
        "psi: not available, no out-of-time part",
        "swap_bad_rate: not available, no out-of-time part",
        "approval_ratio by sex: not available, nobody is approved",
        "approval_ratio by age: not available, nobody is approved",
    )
    assert not trained.passed
    assert trained.failures == (
        "approval ratio by sex not available (needs ≥ 0.8), "
        "approval ratio by age not available (needs ≥ 0.8)"
    )
    assert not {"psi_of_scores", "approval_ratio_by_sex"} & set(trained.metrics)
    with pytest.raises(Refused, match="its gate did not pass: approval ratio by sex not available"):
        registry.promote(settings, trained.name, 1, to="champion", approver=VALIDATOR)


def test_what_mlflow_keeps_of_a_run(lender, settings):
    recipe = load_recipe(lender())
    trained = train(recipe, settings, ENGINEER)
    client = MlflowClient(settings.mlflow_uri)
    run = client.get_run(trained.run_id)
    assert run.info.status == "FINISHED"
    assert run.data.params["num_leaves"] == "7"
    assert run.data.metrics["auc"] == pytest.approx(trained.metrics["auc"])
    assert len(run.data.tags["data_hash"]) == 64
    assert run.data.tags["card"] == "A"
    assert tracking.kept(settings, trained.run_id, "recipe.yaml").decode() == recipe.text
    reference = tracking.kept(settings, trained.run_id, "reference.json")
    kept = read_reference(reference, "the run")
    assert kept.n == sum(kept.points_counts) > 0
    assert [sum(one.counts) for one in kept.features] == [kept.n] * trained.features
    assert all(one.contribution is not None for one in kept.features)
    groups = msgspec.json.decode(tracking.kept(settings, trained.run_id, "groups.json"))
    assert {row["attribute"] for row in groups} == {"sex", "age"}
    draft = msgspec.json.decode(
        tracking.kept(settings, trained.run_id, "manifest-1.json"), type=Manifest
    )
    assert draft.data_hash == run.data.tags["data_hash"]
    version = client.get_model_version("small_lender", "1")
    assert version.tags["validation_status"] == "passed"
    assert tracking.fetch(settings, "small_lender", 1).signature == draft.features
    (gate,) = scan(settings.audit, "gate")
    assert (gate.body["by"], gate.body["model"]) == ("eva", draft.digests.model)


def test_the_same_recipe_and_rows_give_the_same_model(lender, settings):
    recipe = load_recipe(lender())
    first, second = (train(recipe, settings, ENGINEER) for _ in range(2))
    texts = [tracking.fetch(settings, first.name, v).text for v in (first.version, second.version)]
    assert texts[0] == texts[1]
    assert first.metrics == second.metrics


def test_a_base_rate_and_a_pd_for_prices_go_into_the_signed_manifest(lender, settings):
    asked = {"calibration": "base_rate", "base_rate": 0.08, "pricing_pd": "isotonic"}
    trained = train(load_recipe(lender(**asked)), settings, ANALYST)
    assert trained.passed, "the gate judges at the sample's own bad rate"
    registry.promote(settings, trained.name, None, to="champion", approver=VALIDATOR)
    folder = export_folder(settings.exports, trained.name, 1)
    line = load_export(folder, settings.signing).manifest.calibration
    assert (line.method, line.base_rate) == ("base_rate", 0.08)
    assert isinstance(line.pricing, PricingPd)
    # One in three defaults in the table, one in twelve in the population.
    assert line.pricing.pds[0] < 0.08 < line.pricing.pds[-1]
    table = msgspec.json.decode(tracking.kept(settings, trained.run_id, "calibration.json"))
    assert sum(row["mean_pd"] for row in table) == pytest.approx(
        sum(row["bad_rate"] for row in table), rel=0.2
    )


def test_without_a_time_nothing_is_called_out_of_time(lender, settings):
    trained = train(load_recipe(lender(source=NO_TIME)), settings, ENGINEER)
    assert trained.sample == "2 × 5 folds"
    assert trained.notes == (NO_OUT_OF_TIME,)
    validated = cross_validate(load_recipe(lender(source=NO_TIME)), settings)
    assert (validated.sample, validated.out_of_time) == ("2 × 5 folds", NO_OUT_OF_TIME)
    assert validated.auc == trained.metrics["auc"], "the same folds judge both"
    once = cross_validate(load_recipe(lender(source=NO_TIME)), settings, repeats=1)
    assert once.sample == "1 × 5 folds"
    assert abs(validated.auc - trained.metrics["auc"]) < 0.03
    assert len(tracking.versions(settings)) == 1


def test_a_model_that_fails_its_gate_is_registered_and_never_promoted(lender, settings):
    gate = {**RECIPE["gate"], "auc": 0.99}
    trained = train(load_recipe(lender(gate=gate)), settings, ENGINEER)
    assert not trained.passed
    assert "auc" in trained.failures
    with pytest.raises(Refused, match=r"its gate did not pass: auc .* \(needs ≥ 0.99\)"):
        registry.promote(settings, trained.name, 1, to="champion", approver=VALIDATOR)


@pytest.mark.parametrize("during", ["rounds of the model", "folds"])
def test_ctrl_c_leaves_a_killed_run_and_nothing_registered(lender, settings, during):
    recipe = load_recipe(lender(source=NO_TIME))

    def press_ctrl_c(what: str, done: int, _total: int) -> None:
        if (what, done) == (during, 3):
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        train(recipe, settings, ENGINEER, progress=press_ctrl_c)
    client = MlflowClient(settings.mlflow_uri)
    experiment = client.get_experiment_by_name("small_lender")
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.status == "KILLED"
    assert run.data.metrics["core_hours"] > 0
    assert tracking.versions(settings) == []
    assert not settings.audit.exists()
    assert train(recipe, settings, ENGINEER).version == 1


def test_who_may_not_train(lender, settings):
    with pytest.raises(Refused, match="val may not train"):
        train(load_recipe(lender()), settings, VALIDATOR)


def test_monotone_features_are_proven(lender, settings):
    recipe = load_recipe(lender(monotone={"debt_total": 1, "income": -1}))
    trained = train(recipe, settings, ENGINEER)
    assert trained.metrics["monotone_breaks"] == 0
    with pytest.raises(BadInput, match="monotone: 'note' is no feature"):
        train(load_recipe(lender(monotone={"note": 1})), settings, ENGINEER)


def test_an_application_card_may_not_read_own_repayments(lender, settings):
    source = table_recipe(own_repayments=["debt_count"])
    with pytest.raises(Refused, match=r"own repayments \(debt_count\)"):
        train(load_recipe(lender(source=source)), settings, ENGINEER)
    as_b = load_recipe(lender(source=source, card="B", decision_point="支用"))
    assert train(as_b, settings, ENGINEER).version == 1
    excluded = table_recipe(own_repayments=["debt_count"], exclude=["note", "debt_count"])
    assert train(load_recipe(lender(source=excluded)), settings, ENGINEER).version == 2


def test_audit_only_columns_never_become_features(lender, settings):
    trained = train(load_recipe(lender()), settings, ENGINEER)
    assert trained.features == 4
    twin = loans().assign(SEX=loans().sex)
    with pytest.raises(Refused, match=r"audit_only attributes are features \(SEX\)"):
        train(load_recipe(lender(twin)), settings, ENGINEER)


@pytest.mark.slow
def test_the_shipped_recipe_reaches_its_figures_on_the_shipped_data(tmp_path):
    home = tmp_path / "home"
    settings = settings_at(home)
    table = credit_default.load()
    with FileEventLog(settings.events, write=True) as log:
        append_all(log, credit_default.history(table))
    history.build(settings, FileEventLog(settings.events))
    store.apply(settings)
    trained = train(load_recipe(SHIPPED), settings, ENGINEER, repeats=1)
    assert trained.passed
    assert trained.metrics["auc"] >= 0.783
    assert trained.metrics["ks"] >= 0.435
    assert trained.comparison["auc"]["scorecard"] >= 0.767
    assert trained.comparison["ks"]["scorecard"] >= 0.41
    assert trained.comparison["brier"]["scorecard"] <= 0.138
    assert trained.metrics["parity_with_MLflow"] == 0.0
    assert trained.notes == (NO_OUT_OF_TIME,)
    tags = tracking.versions(settings)[0].tags
    assert tags["feast.feature_service"] == "behaviour_risk_v1"
    groups = msgspec.json.decode(tracking.kept(settings, trained.run_id, "groups.json"))
    assert {row["attribute"] for row in groups} == {"sex", "education", "marriage", "age"}
    assert np.isclose(sum(row["rows"] for row in groups if row["attribute"] == "sex"), 30_000)
