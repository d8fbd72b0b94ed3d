"""Both scorers on the same rows: what the answer shows, what MLflow keeps, what is exported."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from mlflow import MlflowClient
from sklearn.metrics import brier_score_loss, roc_auc_score

from finmodel import registry, tracking
from finmodel.errors import BadInput, NotFound, Refused
from finmodel.export import load_export
from finmodel.pointers import export_folder
from finmodel.records import Person
from risk.recipe import load_recipe
from risk.report.kept import load_report
from risk.scaling import probability
from risk.scorecard.card import decode, log_odds_of
from risk.scorecard.columns import columns_of
from risk.scorecard.side_by_side import comparison, exports, learn_side, load_card
from risk.train import cross_validate, train
from tests.finmodel.mlflow_home import settings_at
from tests.risk.small_card import NO_TIME, developed, recipe_of
from tests.risk.small_lender import RECIPE, loans

ENGINEER = Person("eva", frozenset({"engineer"}))
VALIDATOR = Person("val", frozenset({"validator"}))


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    return settings_at(tmp_path_factory.mktemp("side") / "home")


@pytest.fixture(scope="module")
def trained(tmp_path_factory, settings):
    recipe = recipe_of(tmp_path_factory.mktemp("lender"), loans())
    return train(recipe, settings, ENGINEER)


def test_the_answer_shows_both_by_the_same_rows(trained):
    assert trained.sample == "out of time"
    figures = ["auc", "gini", "ks", "brier", "calibration_slope", "calibration_intercept"]
    assert list(trained.comparison) == figures
    for name in ("auc", "ks", "brier"):
        assert trained.comparison[name]["lightgbm"] == trained.metrics[name]
    assert trained.comparison["auc"]["scorecard"] > 0.7
    gini, auc = trained.comparison["gini"], trained.comparison["auc"]
    assert gini["scorecard"] == pytest.approx(2 * auc["scorecard"] - 1)


def test_mlflow_keeps_the_card_its_exports_and_its_figures(trained, settings):
    run = MlflowClient(settings.mlflow_uri).get_run(trained.run_id)
    for name, pair in trained.comparison.items():
        assert run.data.metrics[f"scorecard_{name}"] == pytest.approx(pair["scorecard"])
    kept = tracking.files(settings, trained.run_id)
    assert kept >= {"scorecard.json", "scorecard.sql", "scorecard.pmml", "report.json"}
    card = decode(tracking.kept(settings, trained.run_id, "scorecard.json"))
    assert (card.name, len(card.variables)) == (
        "small_lender",
        run.data.metrics["scorecard_variables"],
    )
    assert card.data_hash == run.data.tags["data_hash"]
    assert load_card(settings, "small_lender", None) == (1, card)
    for file, text in exports(card).items():
        assert tracking.kept(settings, trained.run_id, file).decode() == text


def test_the_card_goes_into_the_signed_export_of_its_model(trained, settings):
    registry.promote(settings, trained.name, trained.version, to="champion", approver=VALIDATOR)
    folder = export_folder(settings.exports, trained.name, trained.version)
    kept = tracking.kept(settings, trained.run_id, "scorecard.json")
    assert load_export(folder, settings.signing).card == kept


def test_a_card_below_its_threshold_keeps_its_model_out_of_service(tmp_path, settings):
    gate = {**RECIPE["gate"], "scorecard": {"auc": 0.95, "ks": 0.1}}
    recipe = recipe_of(tmp_path, loans(), name="weak_card", gate=gate)
    answer = train(recipe, settings, ENGINEER)
    weak = answer.comparison["auc"]["scorecard"]
    assert (answer.passed, answer.failures) == (False, f"scorecard auc {weak:.4g} (needs ≥ 0.95)")
    with pytest.raises(Refused, match="scorecard auc"):
        registry.promote(settings, "weak_card", 1, to="champion", approver=VALIDATOR)
    _, report = load_report(settings, "weak_card", None)
    (sheet,) = [one for one in report.sheets if one.zh == "模型表现"]
    (gate_table,) = [one for one in sheet.tables if one.title == "门控 Gate"]
    told = {row[0]: row[1:] for row in gate_table.rows}
    assert told["评分卡AUC scorecard auc"] == (weak, "≥ 0.95", "未通过")
    assert told["评分卡KS scorecard ks"][1:] == ("≥ 0.1", "通过")


def test_figures_are_scikit_learns_on_the_rows_that_judge():
    development = developed()
    side, parts, frame = development.side, development.parts, development.frame
    log_odds = log_odds_of(side.learned.card, columns_of(frame, side.learned.entered, parts.oot))
    labels, both = frame.labels[parts.oot], comparison(development.judged, development.judged_side)
    assert both["auc"]["scorecard"] == pytest.approx(roc_auc_score(labels, log_odds), abs=1e-12)
    pds = probability(log_odds)
    assert both["brier"]["scorecard"] == pytest.approx(brier_score_loss(labels, pds), abs=1e-12)
    trees = development.judged.log_odds
    assert both["auc"]["lightgbm"] == pytest.approx(roc_auc_score(labels, trees), abs=1e-12)


def test_by_folds_both_are_judged_on_the_same_rows(tmp_path, settings):
    split = {"folds": 2, "repeats": 1}
    recipe = recipe_of(tmp_path, loans(), source=NO_TIME, split=split)
    found = cross_validate(recipe, settings)
    assert found.comparison["auc"]["lightgbm"] == found.auc
    assert abs(found.comparison["auc"]["scorecard"] - found.auc) < 0.05
    development = developed(by_time=False)
    np.testing.assert_array_equal(development.judged.rows, development.judged_side.rows)
    assert development.judged.sample == development.judged_side.sample


def test_without_the_block_there_is_no_card_and_nothing_is_said(lender, settings):
    recipe = load_recipe(lender(name="plain"))
    answer = train(recipe, settings, ENGINEER)
    assert answer.comparison == {}
    assert "scorecard.json" not in tracking.files(settings, answer.run_id)
    with pytest.raises(NotFound, match="plain version 1: no scorecard was trained with it"):
        load_card(settings, "plain", 1)
    with pytest.raises(NotFound, match="nobody version 3: there is no such model"):
        load_card(settings, "nobody", 3)
    _, report = load_report(settings, "plain", None)
    assert "未训练评分卡" in msgspec.json.encode(report).decode()


def test_a_broken_edit_leaves_no_run(tmp_path, settings):
    edits = {"cuts": {"debt_count": [1, 3, 5]}}
    recipe = recipe_of(tmp_path, loans(), name="broken", scorecard=edits)
    with pytest.raises(BadInput, match="move or drop a cut"):
        train(recipe, settings, ENGINEER)
    assert MlflowClient(settings.mlflow_uri).get_experiment_by_name("broken") is None


def test_a_recipe_without_the_block_teaches_none(tmp_path):
    development = developed()
    plain = msgspec.structs.replace(development.recipe, scorecard=None)
    assert learn_side(plain, development.frame, development.parts, print) is None
