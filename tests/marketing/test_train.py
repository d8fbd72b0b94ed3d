"""From a recipe to what serving loads: taught, gated, approved, signed, with the same figures."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import lightgbm as lgb
import msgspec
import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, roc_auc_score

from finmodel import registry, retirement, tracking
from finmodel.errors import BadInput, Damaged, NotReady, Refused
from finmodel.export import load_export
from finmodel.gate import NO_OUT_OF_TIME
from finmodel.pointers import export_folder
from finmodel.records import Person
from finmodel.settings import Settings
from finmodel.waivers import waive
from marketing.effects.uplift_metrics import uplift_of
from marketing.frame import Frame
from marketing.frames import load_frame
from marketing.models import open_model
from marketing.recipe import MarketingRecipe, load_recipe
from marketing.report import FILE, MarketingReport
from marketing.train import Trained, train
from risk.document.keeping import keep_document
from serving.training import train_recipe
from tests.finmodel.mlflow_home import settings_at
from tests.finmodel.test_registry import ENGINEER, VALIDATOR
from tests.marketing.small_lender import TRIAL, small_recipe, trial_table, written


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return settings_at(tmp_path_factory.mktemp("models") / "home")


def trial_recipe(folder: Path, chosen: float = 0.0, **changes: Any) -> MarketingRecipe:
    trial_table(chosen=chosen).to_csv(folder / "trial.csv", index=False)
    return load_recipe(written(folder, TRIAL | changes))


@pytest.fixture(scope="module")
def trial(home: Settings, tmp_path_factory: pytest.TempPathFactory) -> MarketingRecipe:
    return trial_recipe(tmp_path_factory.mktemp("trial"))


@pytest.fixture(scope="module")
def trained(trial: MarketingRecipe, home: Settings) -> Trained:
    return train(trial, home, ENGINEER)


@pytest.fixture(scope="module")
def frame(trial: MarketingRecipe, home: Settings) -> Frame:
    return load_frame(trial, home)


@pytest.fixture(scope="module")
def promoted(trained: Trained, home: Settings) -> registry.Pointer:
    return registry.promote(home, trained.name, None, to="champion", approver=VALIDATOR)


def test_an_order_by_effect_that_is_worth_more_than_chance_passes(trained, home):
    assert (trained.passed, trained.sample, trained.failures) == (True, "out of time", "")
    assert trained.treatments == ("sms", "call")
    assert trained.learner in ("t", "class")
    assert trained.metrics["qini_lower_bound"] > 0.0
    assert trained.metrics["uplift_at_30_over_mean"] > 0.05
    assert trained.metrics["parity_with_MLflow"] == 0.0
    kept = tracking.kept(home, trained.run_id, FILE)
    report = msgspec.json.decode(kept, type=MarketingReport)
    assert [one.treatment for one in report.uplift] == ["all treatments", "sms", "call"]
    assert report.uplift[2].figures["qini"].low > report.uplift[1].figures["qini"].low
    assert set(report.chosen_by) == {"t", "class"}
    assert sum(one.rows for one in report.deciles) > 500
    assert not any(one.alarm for one in report.balance)
    assert report.label == {"zh": "到访", "en": "visits"}


def test_what_is_served_is_what_was_judged(promoted, trained, frame, trial, home):
    model = open_model(home.exports, trained.name, home.signing)
    assert (model.manifest.version, model.treatments) == (promoted.version, ("sms", "call"))
    assert model.manifest.card is None
    assert model.plan is None
    rows = frame.parts(trial.split).oot
    matrix = np.ascontiguousarray(frame.matrix[rows])
    given, labels = frame.treatments.given[rows], frame.labels[rows]
    probability = model.propensity(matrix)
    treated = given > 0
    assert roc_auc_score(labels[treated], probability[treated]) == pytest.approx(
        trained.metrics["auc"], abs=1e-12
    )
    assert brier_score_loss(labels[treated], probability[treated]) == pytest.approx(
        trained.metrics["brier"], abs=1e-12
    )
    effects = model.effects(matrix)
    assert effects.shape == (len(rows), 2)
    moved = matrix[:, 0]
    high, low = effects[moved > 0.5, 1].mean(), effects[moved < -0.5, 1].mean()
    assert high - low > 0.15  # a call's true effect rises with `moved` from 0 to 0.35
    told = frame.given(rows, 2)
    assert uplift_of(model.effects(told.matrix)[:, 1], told.trial).qini > 0.0
    booster = lgb.Booster(model_str=tracking.fetch(home, trained.name, trained.version).text)
    raw = booster.predict(matrix, raw_score=True)
    line = model.manifest.calibration
    expected = 1.0 / (1.0 + np.exp(-(line.intercept + line.slope * raw)))
    np.testing.assert_allclose(probability, expected, rtol=0, atol=1e-15)


def test_rows_of_other_features_are_refused(promoted, home):
    model = open_model(home.exports, "small_trial", home.signing)
    for asked in (model.propensity, model.effects):
        with pytest.raises(BadInput, match="small_trial: rows have 2 features; give its 3"):
            asked(np.zeros((4, 2), np.float32))


def test_uplift_that_was_changed_is_not_opened(promoted, home, tmp_path):
    copy = tmp_path / "exports"
    shutil.copytree(home.exports, copy)
    file = export_folder(copy, "small_trial", promoted.version) / "uplift.json"
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    with pytest.raises(Damaged, match=r"uplift.json: it was changed after it was signed"):
        open_model(copy, "small_trial", home.signing)


def test_it_lives_and_ends_as_every_model_does(promoted, trial, home):
    again = train(trial, home, ENGINEER)
    both = Person("eva", frozenset({"validator"}))
    with pytest.raises(Refused, match="eva trained it"):
        registry.promote(home, trial.name, again.version, to="champion", approver=both)
    moved = registry.promote(home, trial.name, again.version, to="champion", approver=VALIDATOR)
    keep_document(home, trial.name, moved.version)
    back = registry.rollback(home, trial.name, VALIDATOR, "it was worse")
    assert back.version == promoted.version
    retirement.retire(home, trial.name, moved.version, VALIDATOR, "its end")
    folder = export_folder(home.exports, trial.name, moved.version)
    assert load_export(folder, home.signing).uplift
    assert open_model(home.exports, trial.name, home.signing).manifest.version == back.version


def test_a_gate_that_is_not_reached_registers_and_promotes_nothing(trial, home, tmp_path):
    needs = {"qini_low": 0.5, "uplift_30_over_mean": 0.9}
    found = train(trial_recipe(tmp_path, name="weak", uplift_gate=needs), home, ENGINEER)
    assert not found.passed
    assert "qini lower bound" in found.failures
    assert "uplift at 30 over mean" in found.failures
    with pytest.raises(Refused, match="no version of it passed its gate"):
        registry.promote(home, "weak", None, to="champion", approver=VALIDATOR)
    with pytest.raises(NotReady, match="no champion was ever promoted"):
        open_model(home.exports, "weak", home.signing)


def test_a_trial_that_chance_did_not_decide_is_refused_and_says_by_how_much(home, tmp_path):
    with pytest.raises(
        BadInput,
        match=r"treatment \w+: treated and control differ before the treatment: moved by"
        r" [+-]\d\.\d\d sd; randomise who is treated; or say `observational: true`",
    ):
        train(trial_recipe(tmp_path, chosen=0.3), home, ENGINEER)
    assert tracking.versions(home, "chosen") == []
    seen = trial_recipe(tmp_path, chosen=0.3, name="chosen", observational=True)
    found = train(seen, home, ENGINEER)
    (note,) = (one for one in found.notes if one.startswith("observational"))
    assert "largest difference moved by" in note
    draft = tracking.kept(home, found.run_id, f"manifest-{found.version}.json")
    assert note in msgspec.json.decode(draft)["verdict"]["notes"]
    assert msgspec.json.decode(draft)["observational"] is True
    report = msgspec.json.decode(tracking.kept(home, found.run_id, FILE), type=MarketingReport)
    assert note in report.notes
    assert report.balance[0].alarm


def test_without_a_time_nothing_is_out_of_time_and_promotion_needs_a_waiver(home, tmp_path):
    table = {k: v for k, v in TRIAL["source"]["table"].items() if k != "time"}
    anything = {"qini_low": -1.0, "uplift_30_over_mean": -1.0}
    recipe = trial_recipe(tmp_path, name="timeless", source={"table": table}, uplift_gate=anything)
    found = train(recipe, home, ENGINEER)
    assert found.sample == "rows drawn apart"
    assert NO_OUT_OF_TIME in found.notes
    with pytest.raises(Refused, match=NO_OUT_OF_TIME):
        registry.promote(home, "timeless", None, to="champion", approver=VALIDATOR)
    waive(home, "timeless", found.version, VALIDATOR, "a trial of one day")
    assert registry.promote(home, "timeless", None, to="champion", approver=VALIDATOR).version


def test_who_may_not_train_and_what_folds_cannot_judge(trial, home):
    agent = Person("ann", frozenset({"agent"}))
    with pytest.raises(Refused, match="ann may not train"):
        train(trial, home, agent)
    with pytest.raises(BadInput, match=r"--cv: it is judged on later rows alone: folds would"):
        train_recipe(home, Path(trial.file), True, lambda *_: None)


def test_a_model_of_events_reads_the_services_vector(tmp_path):
    home = settings_at(tmp_path / "home")
    recipe = load_recipe(small_recipe(tmp_path, "borrowing_intent"))
    found = train(recipe, home, ENGINEER)
    assert found.passed
    assert found.features == 135
    assert any("rows not mature" in note for note in found.notes)
    registry.promote(home, recipe.name, None, to="champion", approver=VALIDATOR)
    model = open_model(home.exports, recipe.name, home.signing)
    assert model.plan is not None
    assert model.plan.service == "customer_behaviour_v1"
    assert model.plan.names == model.manifest.features
    nothing = np.full((3, 135), np.nan, np.float32)
    assert model.effects(nothing).shape == (3, 0)
    assert (model.propensity(nothing) > 0.0).all()
