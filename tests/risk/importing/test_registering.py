"""What was built elsewhere is gated, signed, served and watched as what is trained here."""

from __future__ import annotations

import lightgbm as lgb
import msgspec
import numpy as np
import pytest
import yaml
from mlflow import MlflowClient

from finmodel import registry, tracking
from finmodel.audit import scan
from finmodel.errors import BadInput, Refused
from finmodel.export import load_export
from finmodel.manifest import Manifest
from finmodel.pointers import export_folder
from finmodel.records import Person
from finmodel.scorer import Scorer
from risk.frames.load import load_frame
from risk.importing.card import Asked
from risk.importing.registering import File, Imported, import_booster, import_card
from risk.importing.written import read_card
from risk.monitor.reference import read_reference
from risk.recipe import Recipe, load_recipe
from risk.report.kept import load_report
from risk.scaling import points_many
from risk.scorecard.card import decode, points_of
from risk.scorecard.columns import columns_for
from risk.scorecard.side_by_side import load_card
from tests.finmodel.mlflow_home import settings_at
from tests.risk.importing.cards import ROWS, given, optbinnings, rows
from tests.risk.small_card import NO_TIME, recipe_of
from tests.risk.small_lender import RECIPE, loans

ENGINEER = Person("eva", frozenset({"engineer"}))
VALIDATOR = Person("val", frozenset({"validator"}))


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    return settings_at(tmp_path_factory.mktemp("importing") / "home")


@pytest.fixture(scope="module")
def recipe(tmp_path_factory) -> Recipe:
    """The small lender's, by time; its own calibration stays out of an import."""
    folder = tmp_path_factory.mktemp("lender")
    return recipe_of(folder, rows(), calibration="platt", gate=RECIPE["gate"] | {"scorecard": {}})


def bring(recipe: Recipe, settings, text: str, person: Person = ENGINEER) -> Imported:
    written = read_card(text, "champion.csv")
    file = File("champion.csv", text, written.form, "ab" * 32)
    return import_card(recipe, settings, person, (file, written, Asked()))


@pytest.fixture(scope="module")
def imported(recipe, settings) -> Imported:
    return bring(recipe, settings, optbinnings().table(style="detailed").to_csv())


def test_a_card_of_optbinning_is_gated_promoted_and_scores_as_there(imported, recipe, settings):
    assert imported.passed, imported.failures
    assert (imported.format, imported.variables) == ("optbinning", 4)
    assert imported.woe == "ln(good share / bad share)"
    assert imported.sample == "out of time"
    assert "the recipe's calibration is left out: the card's own points are kept" in imported.notes
    assert imported.metrics["auc"] == imported.metrics["scorecard_auc"]
    with pytest.raises(Refused, match="trained it"):
        registry.promote(settings, recipe.name, 1, to="champion",
                         approver=Person("eva", frozenset({"validator"})))  # fmt: skip
    registry.promote(settings, recipe.name, None, to="champion", approver=VALIDATOR)
    served = load_export(export_folder(settings.exports, recipe.name, 1), settings.signing)
    matrix = load_frame(recipe, settings).matrix
    points = points_many(served.scorer.raw_many(matrix), served.manifest.scaling)
    theirs = optbinnings().score(given())
    assert len(theirs) == ROWS == 10_000
    np.testing.assert_allclose(points, theirs, rtol=0, atol=1e-8)
    assert (points >= theirs - 1e-10).all()
    card = decode(served.card)
    np.testing.assert_allclose(
        points_of(card, columns_for(card, rows())), theirs, rtol=0, atol=1e-9
    )


def test_it_keeps_what_monitoring_reports_and_the_auditor_ask_for(imported, settings):
    reference = read_reference(tracking.kept(settings, imported.run_id, "reference.json"), "run")
    assert {one.name: one.contribution is not None for one in reference.features} == dict.fromkeys(
        ("income", "debt_total", "debt_count", "job"), True
    )
    assert load_card(settings, imported.name, imported.version)[0] == imported.version
    report = {sheet.zh: sheet for sheet in load_report(settings, imported.name, 1)[1].sheets}
    assert len(report["评分卡"].tables[0].rows) > 10
    assert len(report["分箱明细"].tables) == 4
    tags = MlflowClient(settings.mlflow_uri).get_model_version(imported.name, "1").tags
    assert tags["import.format"] == "optbinning"
    assert tags["import.woe"] == "ln(good share / bad share)"
    assert tracking.kept(settings, imported.run_id, "imported.csv").startswith(b",Variable")
    (entry,) = [one for one in scan(settings.audit, "import") if one.body["version"] == 1]
    assert (entry.body["by"], entry.body["import.sha256"]) == ("eva", "ab" * 32)
    document = tracking.kept(settings, imported.run_id, "document-1.md").decode()
    assert "| 导入自 | optbinning：champion.csv |" in document
    assert f"optbinning：champion.csv，SHA-256 {'ab' * 32}" in document


@pytest.fixture(scope="module")
def other(recipe, settings) -> Imported:
    """The same card at thrice the points, and with a trade that nobody of the rows has."""
    table = optbinnings().table(style="summary").copy()
    table["Points"] = 150 + (table["Points"] - 150) * 3
    text = table.to_csv().replace("'driver'", "'driver' 'pilot'")
    strict = RECIPE["gate"] | {"calibration_slope": [0.8, 1.25]}
    return bring(load_recipe(_with(recipe, gate=strict)), settings, text)


def test_a_card_on_another_scale_does_not_pass_and_is_told_its_own(other):
    assert not other.passed
    assert "calibration slope 0.3" in other.failures
    (told,) = [note for note in other.notes if "scaling" in note]
    assert told.startswith("on these rows the points are about those of scaling: {base_points: 6")
    assert 55 < float(told.split("pdo: ")[1].rstrip("}")) < 65


def test_a_category_that_only_the_card_knows_is_in_the_contract(other, settings):
    draft = msgspec.json.decode(
        tracking.kept(settings, other.run_id, f"manifest-{other.version}.json"), type=Manifest
    )
    assert draft.table is not None
    assert draft.table.categories == {"job": ("clerk", "driver", "nurse", "pilot")}
    scorer = Scorer.from_text(tracking.fetch(settings, other.name, other.version).text)
    driver, pilot = np.float32([[9000, 3000, 2, 1], [9000, 3000, 2, 3]])
    assert scorer.raw_many(driver[None]) == scorer.raw_many(pilot[None])
    nurse = np.float32([[9000, 3000, 2, 2]])
    assert scorer.raw_many(nurse) != scorer.raw_many(pilot[None])


def _with(recipe: Recipe, **changes):
    file = recipe.folder / "other.yaml"
    text = yaml.safe_load(recipe.text) | changes
    file.write_text(yaml.safe_dump(text, allow_unicode=True), encoding="utf-8")
    return file


def test_what_is_refused_leaves_no_version_and_no_run(recipe, settings):
    runs = len(_runs(settings))
    before = len(registry.versions(settings))
    text = optbinnings().table(style="summary").to_csv().replace("income", "salary")
    with pytest.raises(BadInput, match="'salary' is no feature of"):
        bring(recipe, settings, text)
    with pytest.raises(Refused, match="val may not train"):
        bring(recipe, settings, text, VALIDATOR)
    assert (len(_runs(settings)), len(registry.versions(settings))) == (runs, before)


def _runs(settings) -> list:
    client = MlflowClient(settings.mlflow_uri)
    return client.search_runs([one.experiment_id for one in client.search_experiments()])


def test_a_lightgbm_file_in_another_order_is_judged_as_it_was_taught(tmp_path, settings):
    recipe = recipe_of(tmp_path, loans(), name="boosted", source=NO_TIME)
    frame = load_frame(recipe, settings)
    names = ["debt_total", "income"]
    columns = [frame.names.index(name) for name in names]
    params = {"objective": "binary", "num_leaves": 5, "learning_rate": 0.1, "verbosity": -1}
    data = lgb.Dataset(frame.matrix[:, columns], frame.labels, feature_name=names)
    booster = lgb.train(params, data, 30)
    file = File("champion.txt", booster.model_to_string(), "lightgbm", "cd" * 32)
    answer = import_booster(recipe, settings, ENGINEER, file)
    assert answer.passed, answer.failures
    assert (answer.format, answer.variables, answer.woe) == ("lightgbm", 2, "")
    assert answer.sample == "2 × 5 folds"
    assert answer.notes[0].endswith("in another order than the recipe's: matched by name")
    assert answer.metrics["auc_of_the_model_itself"] > answer.metrics["auc"]
    kept = tracking.fetch(settings, recipe.name, answer.version)
    assert kept.signature == frame.names
    scored = lgb.Booster(model_str=kept.text).predict(frame.matrix)
    assert scored.tobytes() == booster.predict(frame.matrix[:, columns]).tobytes()
