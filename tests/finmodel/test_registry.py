"""Gate, promotion, rollback and drift, on a real MLflow, audit log and signatures."""

from __future__ import annotations

import errno
import fcntl
import shutil
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import lightgbm as lgb
import mlflow
import mlflow.lightgbm
import msgspec
import numpy as np
import pytest
from mlflow import MlflowClient

from finmodel import moves, registry, tracking
from finmodel.audit import find, scan, verify
from finmodel.boosting import Lesson, fit
from finmodel.errors import BadInput, Damaged, NoRoom, NotFound, NotReady, Refused
from finmodel.export import load_export
from finmodel.manifest import Check, Manifest, Verdict
from finmodel.mlflow_file import aliases_in, database_of, runs_in, versions_in
from finmodel.pointers import export_folder, find_pointer, read_champion
from finmodel.records import Person
from finmodel.settings import Settings
from tests.finmodel.mlflow_home import settings_at
from tests.finmodel.test_export import ROWS, TEXT, manifest_of

ENGINEER = Person("eva", frozenset({"engineer"}))
VALIDATOR = Person("val", frozenset({"validator"}))
BOTH = Person("eva", frozenset({"engineer", "validator"}))
DEMO = Person("demo-val", frozenset({"validator"}), demo=True)
PASSED = Verdict(True, (Check("auc", 0.8, "≥ 0.7", True), Check("ks", 0.4, "≥ 0.3", True)), "folds")
FAILED = Verdict(False, (Check("auc", 0.6, "≥ 0.7", False),), "folds")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_at(tmp_path / "home")


def registered(
    settings: Settings, verdict: Verdict | None = PASSED, *, demo: bool = False, text: str = TEXT
) -> int:
    """Train by hand: a run, a model, a version and, unless none is given, a verdict."""
    with tracking.run(settings, "small", {"trained_by": "eva"}) as run:
        run.log({"rounds": 8}, {"auc": 0.8})
        source = run.log_model(text, ("a", "b", "c"))
    version = tracking.register(settings, "small", source, run.id, {"trained_by": "eva"})
    if verdict is not None:
        draft = manifest_of(text, version, run_id=run.id, trained_by="eva", demo=demo)
        registry.record_verdict(settings, draft, verdict, ENGINEER)
    return version


def promote(settings: Settings, version: int | None = None, **changed: object) -> registry.Pointer:
    asked = {"to": "champion", "approver": VALIDATOR, **changed}
    return registry.promote(settings, "small", version, **asked)


def served(settings: Settings) -> int:
    return read_champion(settings.exports, "small", settings.signing).version


def kinds(settings: Settings) -> list[str]:
    return [entry.kind for entry in scan(settings.audit)]


def test_the_newest_that_passed_is_served_signed_and_audited(settings):
    registered(settings)
    registered(settings)
    registered(settings, FAILED)
    pointer = promote(settings)
    assert (pointer.version, pointer.sequence, pointer.previous, pointer.by) == (2, 1, (), "val")
    assert read_champion(settings.exports, "small", settings.signing) == pointer
    model = load_export(export_folder(settings.exports, "small", 2), settings.signing)
    assert (model.manifest.trained_by, model.manifest.approved_by) == ("eva", "val")
    assert not model.manifest.demo
    expected = lgb.Booster(model_str=TEXT).predict(ROWS)
    assert model.scorer.score_many(ROWS).tobytes() == expected.tobytes()
    assert tracking.alias(settings, "small", "champion") == 2
    entry = find(settings.audit, pointer.audit_entry)
    assert entry.kind == "promotion"
    assert (entry.body["version"], entry.body["by"], entry.body["demo"]) == (2, "val", False)
    assert kinds(settings) == ["gate", "gate", "gate", "promotion"]
    verify(settings.audit)


def test_what_mlflow_computes_is_what_the_export_computes(settings):
    version = registered(settings)
    source = tracking.fetch(settings, "small", version).source
    expected = lgb.Booster(model_str=TEXT).predict(ROWS)
    said = tracking.predict(settings, source, ROWS, ("a", "b", "c"))
    assert said.tobytes() == expected.tobytes()


@pytest.mark.parametrize(
    ("approver", "says"),
    [
        (ENGINEER, "eva is no validator"),
        (BOTH, "eva trained it.*two pairs of eyes"),
        (DEMO, "demo-val was made by the demo"),
    ],
)
def test_who_may_not_approve(settings, approver, says):
    registered(settings)
    with pytest.raises(Refused, match=says):
        promote(settings, approver=approver)
    assert not settings.exports.exists()


def test_what_the_demo_does_is_recorded_as_demo_everywhere(settings):
    version = registered(settings)
    pointer = promote(settings, approver=DEMO, demo=True)
    manifest = load_export(
        export_folder(settings.exports, "small", version), settings.signing
    ).manifest
    assert manifest.demo
    assert pointer.demo
    assert find(settings.audit, pointer.audit_entry).body["demo"] is True


def test_what_the_demo_trained_is_promoted_in_the_demo_only(settings):
    registered(settings, demo=True)
    with pytest.raises(Refused, match="by the demo's people"):
        promote(settings)
    assert promote(settings, demo=True).demo


def test_a_failed_gate_is_told_with_its_figures(settings):
    version = registered(settings, FAILED)
    with pytest.raises(Refused, match=r"auc 0.6 \(needs ≥ 0.7\)"):
        promote(settings, version)
    with pytest.raises(Refused, match="no version of it passed"):
        promote(settings)


def test_names_and_versions_that_are_not_there(settings):
    with pytest.raises(NotFound, match="no such model"):
        registry.promote(settings, "absent", None, to="champion", approver=VALIDATOR)
    registered(settings)
    with pytest.raises(NotFound, match="small version 9"):
        promote(settings, 9)
    with pytest.raises(BadInput, match="'winner' is no alias"):
        promote(settings, to="winner")


def test_a_tag_set_by_hand_does_not_pass_for_a_verdict(settings):
    version = registered(settings, None)
    tracking.tag(settings, "small", version, {"validation_status": "passed"})
    with pytest.raises(Refused, match="it was never gated"):
        promote(settings)


def test_the_verdict_of_another_version_does_not_pass(settings):
    registered(settings)
    version = registered(settings, FAILED)
    entry = next(row.tags for row in tracking.versions(settings) if row.version == 1)["gate_entry"]
    tracking.tag(settings, "small", version, {"gate_entry": entry})
    with pytest.raises(Damaged, match="no gate of this version"):
        promote(settings, version)


@pytest.mark.parametrize("what", ["model.lgb", "manifest-1.json"])
def test_what_was_changed_in_mlflow_after_the_gate_is_not_served(settings, what):
    registered(settings)
    (path,) = settings.home.rglob(what)
    path.write_bytes(path.read_bytes().replace(b"0.", b"1.", 1))
    with pytest.raises(Damaged, match=r"in MLflow is not the one that was gated"):
        promote(settings)
    assert not (settings.exports / "small" / "champion.json").exists()


def test_rollback_goes_back_one_by_one(settings):
    for version in (1, 2, 3):
        registered(settings)
        promote(settings, version)
    pointer = registry.rollback(settings, "small", VALIDATOR, "bad rate doubled")
    assert (pointer.version, pointer.sequence, pointer.previous) == (2, 4, (1,))
    assert tracking.alias(settings, "small", "champion") == 2
    assert find(settings.audit, pointer.audit_entry).body["reason"] == "bad rate doubled"
    assert registry.rollback(settings, "small", VALIDATOR, "again").version == 1
    with pytest.raises(Refused, match="no champion before this one"):
        registry.rollback(settings, "small", VALIDATOR, "once more")
    assert promote(settings, 3).sequence == 6


@pytest.mark.parametrize(
    ("person", "reason", "says"),
    [(ENGINEER, "x", "no validator"), (VALIDATOR, " ", "no reason"), (DEMO, "x", "by the demo")],
)
def test_a_rollback_needs_a_validator_and_a_reason(settings, person, reason, says):
    for version in (1, 2):
        registered(settings)
        promote(settings, version)
    with pytest.raises((Refused, BadInput), match=says):
        registry.rollback(settings, "small", person, reason)
    assert served(settings) == 2


def test_an_alias_moved_by_hand_is_seen_and_changes_nothing_served(settings):
    for version in (1, 2):
        registered(settings)
        promote(settings, version)
    assert registry.alias_drift(settings) == []
    MlflowClient(settings.mlflow_uri).set_registered_model_alias("small", "champion", "1")
    MlflowClient(settings.mlflow_uri).set_registered_model_alias("small", "challenger", "2")
    assert registry.alias_drift(settings) == [
        registry.AliasDrift("small", "champion", 2, 1),
        registry.AliasDrift("small", "challenger", None, 2),
    ]
    said = aliases_in(database_of(settings))  # without MLflow, out of its own file
    assert registry.drift_from(settings, said) == registry.alias_drift(settings)
    assert versions_in(database_of(settings)) == tracking.versions(settings)
    runs = runs_in(database_of(settings), ("auc", "ks"), 1)
    assert [(one.experiment, one.status, one.figures) for one in runs] == [
        ("small", "FINISHED", {"auc": 0.8})
    ]
    assert runs[0].ended_ms >= runs[0].started_ms > 0
    assert served(settings) == 2
    assert promote(settings, 2).sequence == 2
    assert [drift.alias for drift in registry.alias_drift(settings)] == ["challenger"]


def test_lost_exports_are_made_again_with_a_number_that_a_running_service_takes(settings):
    registered(settings)
    registered(settings)
    promote(settings, 1)
    before = promote(settings, 2)
    shutil.rmtree(settings.exports)
    again = promote(settings, 2)
    assert again.sequence > before.sequence
    load_export(export_folder(settings.exports, "small", 2), settings.signing)


def test_a_damaged_export_is_put_aside_and_made_again(settings):
    registered(settings)
    promote(settings)
    folder = export_folder(settings.exports, "small", 1)
    (folder / "model.txt").write_text("tree\n")
    promote(settings)
    load_export(folder, settings.signing)
    assert kinds(settings)[-1] == "export_damaged"
    (aside,) = folder.parent.glob(".1.damaged-*")
    assert (aside / "model.txt").read_text() == "tree\n"


def test_a_real_validator_does_not_roll_back_to_the_demos(settings):
    registered(settings, demo=True)
    promote(settings, approver=DEMO, demo=True)
    registered(settings)
    promote(settings)
    with pytest.raises(Refused, match="by the demo's people"):
        registry.rollback(settings, "small", VALIDATOR, "a test")
    assert served(settings) == 2


def test_a_database_that_is_none_is_told_in_a_sentence(settings):
    (settings.home / "mlflow.db").write_bytes(b"not a database, but as long as one" * 100)
    with pytest.raises(NotReady, match="MLflow's database cannot be read"):
        registry.versions(settings)


def test_a_challenger_has_a_pointer_of_its_own(settings):
    for _ in (1, 2):
        registered(settings)
    promote(settings, 1)
    promote(settings, 2, to="challenger")
    assert served(settings) == 1
    pointer = read_champion(settings.exports, "small", settings.signing, "challenger")
    assert pointer.version == 2
    rows = registry.versions(settings, "small")
    assert [(row.version, row.served_as, row.status) for row in rows] == [
        (2, "challenger", "passed"),
        (1, "champion", "passed"),
    ]


def test_the_champion_does_not_challenge_itself(settings):
    registered(settings)
    promote(settings)
    said = "small version 1: it is the champion, and nobody challenges itself; name another"
    for version in (None, 1):
        with pytest.raises(Refused, match=said):
            promote(settings, version, to="challenger")
    assert [row.served_as for row in registry.versions(settings)] == ["champion"]
    assert find_pointer(settings.exports, "small", settings.signing, "challenger") is None
    registered(settings)
    assert promote(settings, to="challenger").version == 2


def failing_once(error: Exception, real: Callable[..., object]) -> Callable[..., object]:
    calls = []

    def fail(*given: object, **named: object) -> object:
        calls.append(given)
        if len(calls) == 1:
            raise error
        return real(*given, **named)

    return fail


def test_a_move_cut_short_before_the_pointer_is_completed_by_asking_again(settings, monkeypatch):
    registered(settings)
    cut = failing_once(KeyboardInterrupt(), moves.set_champion)
    monkeypatch.setattr(moves, "set_champion", cut)
    with pytest.raises(KeyboardInterrupt):
        promote(settings)
    assert not (settings.exports / "small" / "champion.json").exists()
    assert tracking.alias(settings, "small", "champion") is None
    pointer = promote(settings)
    assert pointer.sequence == 2  # the log holds a first move, which never ended
    assert kinds(settings) == ["gate", "promotion", "promotion"]
    assert find(settings.audit, pointer.audit_entry).body["sequence"] == 2


def test_a_move_cut_short_before_the_alias_is_completed_by_asking_again(settings, monkeypatch):
    registered(settings)
    down = NotReady("MLflow does not answer")
    monkeypatch.setattr(tracking, "set_alias", failing_once(down, tracking.set_alias))
    with pytest.raises(NotReady, match=r"version 1 is served, but .*finmodel promote small"):
        promote(settings)
    assert served(settings) == 1
    assert [drift.mlflow for drift in registry.alias_drift(settings)] == [None]
    assert promote(settings).sequence == 1
    assert registry.alias_drift(settings) == []


def test_one_promotion_at_a_time(settings):
    registered(settings)
    promote(settings)
    with (settings.exports / "small" / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(NotReady, match="another promotion is under way"):
            promote(settings)


def test_a_version_exported_with_another_policy_needs_a_new_version(settings):
    registered(settings)
    promote(settings)
    draft = msgspec.json.decode(
        tracking.kept(settings, tracking.fetch(settings, "small", 1).run_id, "manifest-1.json"),
        type=Manifest,
    )
    digests = msgspec.structs.replace(draft.digests, policy="0" * 64)
    changed = msgspec.structs.replace(draft, digests=digests)
    registry.record_verdict(settings, changed, PASSED, ENGINEER)
    with pytest.raises(Refused, match="with another policy or calibration"):
        promote(settings)


@pytest.mark.parametrize(
    ("error", "status"), [(KeyboardInterrupt, "KILLED"), (RuntimeError, "FAILED")]
)
def test_an_interrupted_run_is_marked_and_registers_nothing(settings, error, status):
    with pytest.raises(error), tracking.run(settings, "small", {}) as run:
        raise error
    assert MlflowClient(settings.mlflow_uri).get_run(run.id).info.status == status
    assert tracking.versions(settings) == []


def test_what_went_wrong_is_told_though_mlflow_cannot_be_told(settings, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    ended = mlflow.end_run
    monkeypatch.setattr(mlflow, "end_run", full)
    try:
        with pytest.raises(Refused, match="wrong"), tracking.run(settings, "small", {}):
            raise Refused("wrong")
        with pytest.raises(NoRoom, match="no room left"), tracking.run(settings, "small", {}):
            pass
    finally:
        while mlflow.active_run():
            ended("FAILED")


def logged_in_a_notebook(settings: Settings, model: object) -> str:
    """What an engineer's notebook does, without a word of ours."""
    mlflow.set_tracking_uri(settings.mlflow_uri)
    mlflow.set_registry_uri(settings.mlflow_uri)
    place = (settings.home / "notebook").as_uri()
    with mlflow.start_run(experiment_id=mlflow.create_experiment("nb", artifact_location=place)):
        logged = mlflow.lightgbm.log_model(
            model, name="model", registered_model_name="small", pip_requirements=[]
        )
    return str(logged.model_uri)


def test_a_model_of_a_notebook_is_listed_and_not_promoted_ungated(settings):
    logged_in_a_notebook(settings, lgb.Booster(model_str=TEXT))
    assert [row.status for row in registry.versions(settings)] == ["not gated"]
    with pytest.raises(Refused, match="never gated; name its recipe: --recipe"):
        promote(settings, 1)
    assert tracking.fetch(settings, "small", 1).text.startswith("tree\n")


def test_what_is_not_a_plain_booster_is_neither_read_nor_loaded(settings):
    model = lgb.LGBMClassifier(n_estimators=2, verbosity=-1).fit(ROWS, ROWS[:, 0] > 0)
    source = logged_in_a_notebook(settings, model)
    candidate = tracking.fetch(settings, "small", 1)
    assert (candidate.text, candidate.flavour) == ("", "lightgbm.sklearn.LGBMClassifier")
    with pytest.raises(BadInput, match="not a native LightGBM model"):
        tracking.predict(settings, source, ROWS, ("a", "b", "c"))


def test_the_same_lesson_gives_the_same_trees_with_any_number_of_threads():
    lesson = Lesson(ROWS, (ROWS[:, 1] > 0) * 1.0, ("a", "b", "c"))
    params = {"num_leaves": 7, "seed": 3, "bagging_fraction": 0.7, "bagging_freq": 1}
    one, two = (fit(lesson, {**params, "num_threads": threads}, 20) for threads in (1, 2))
    assert one.partition("parameters:")[0] == two.partition("parameters:")[0]


def test_a_server_that_is_not_there(settings, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    away = replace(settings, mlflow_tracking_uri="http://user:secret@127.0.0.1:9")
    with pytest.raises(NotReady, match="MLflow does not answer") as caught:
        registry.versions(away)
    assert "secret" not in str(caught.value)


def test_no_array_of_mlflow_is_not_a_number(settings):
    version = registered(settings)
    source = tracking.fetch(settings, "small", version).source
    rows = np.full((1, 3), np.nan, dtype=np.float32)
    assert np.isfinite(tracking.predict(settings, source, rows, ("a", "b", "c"))).all()


def test_a_scorecard_that_was_changed_in_mlflow_is_not_served(settings):
    with tracking.run(settings, "small", {"trained_by": "eva"}) as run:
        source = run.log_model(TEXT, ("a", "b", "c"))
    tracking.keep(settings, run.id, "scorecard.json", "{}")
    version = tracking.register(settings, "small", source, run.id, {"trained_by": "eva"})
    digest = sha256(b"{}").hexdigest()
    draft = manifest_of(TEXT, version, run_id=run.id, trained_by="eva", card_sha256=digest)
    registry.record_verdict(settings, draft, PASSED, ENGINEER)
    tracking.keep(settings, run.id, "scorecard.json", '{"base_points": 900}')
    with pytest.raises(Damaged, match="its scorecard in MLflow is not the one that was gated"):
        promote(settings, version)
    tracking.keep(settings, run.id, "scorecard.json", "{}")
    promote(settings, version)
    model = load_export(export_folder(settings.exports, "small", version), settings.signing)
    assert model.card == b"{}"
