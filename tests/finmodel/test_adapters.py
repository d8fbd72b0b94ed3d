"""An adapter is promoted as a model is: gated, by two people, signed, and taken back."""

from pathlib import Path

import pytest

from finmodel import adapters, registry, retirement, tracking
from finmodel.adapters import is_adapter
from finmodel.audit import scan, verify
from finmodel.errors import BadInput, Damaged, NotReady, Refused
from finmodel.manifest import Check, Verdict
from finmodel.pointers import export_folder
from finmodel.records import Person
from finmodel.signed_adapters import (
    GGUF,
    WEIGHTS,
    About,
    champions_of,
    load_adapter,
    served_adapter,
    weights_digest,
)
from tests.finmodel.mlflow_home import settings_at

ENGINEER = Person("eva", frozenset({"engineer"}))
VALIDATOR = Person("val", frozenset({"validator"}))
BOTH = Person("eva", frozenset({"engineer", "validator"}))
BASE = "ab" * 32
PASSED = Verdict(True, (Check("general rise", 0.01, "≤ 0.05", True),), "held-out")
FAILED = Verdict(False, (Check("canaries recovered", 2.0, "≤ 0", False),), "held-out")


@pytest.fixture
def settings(tmp_path):
    return settings_at(tmp_path / "home")


def tuned(settings, verdict=PASSED, *, demo=False, words="one", name="scripts"):
    """A run that kept an adapter's files, a version, and unless none is given a verdict."""
    aside = settings.home / "aside"
    aside.mkdir(exist_ok=True)
    for file in WEIGHTS:
        (aside / file).write_text(f"{file} {words}")
    tags = {"kind": "adapter", "base": BASE}
    with tracking.run(settings, name, tags) as run:
        source = run.log_folder(aside, "adapter")
    version = tracking.register(settings, name, source, run.id, tags)
    if verdict is not None:
        told = About(name, version, BASE, weights_digest(aside), verdict, "eva", run.id, demo)
        adapters.record_verdict(settings, told, ENGINEER)
    return version


def test_what_passed_is_served_signed_once_a_second_person_approves(settings):
    assert tuned(settings) == 1
    assert is_adapter(settings, "scripts")
    pointer = adapters.promote(settings, "scripts", None, VALIDATOR)
    assert (pointer.version, pointer.by, pointer.sequence) == (1, "val", 1)
    served = served_adapter(settings, "scripts")
    about = served.about
    assert (about.trained_by, about.approved_by, about.base) == ("eva", "val", BASE)
    assert served.label == "scripts/1"
    assert served.files[WEIGHTS[0]] == f"{WEIGHTS[0]} one".encode()
    assert champions_of(settings, BASE) == ["scripts"]
    assert champions_of(settings, "cd" * 32) == []
    assert tracking.alias(settings, "scripts", "champion") == 1
    (row,) = registry.versions(settings)
    assert (row.status, row.served_as, row.trained_by) == ("passed", "champion", "eva")
    assert registry.alias_drift(settings) == []
    assert [one.kind for one in scan(settings.audit)] == ["gate", "promotion"]
    assert verify(settings.audit)


def test_the_one_before_is_served_again_and_a_retired_one_is_not(settings):
    for words in ("one", "two"):
        tuned(settings, words=words)
        adapters.promote(settings, "scripts", None, VALIDATOR)
    back = adapters.rollback(settings, "scripts", VALIDATOR, "it answers oddly")
    assert (back.version, back.sequence) == (1, 3)
    assert served_adapter(settings, "scripts").about.version == 1
    retirement.retire(settings, "scripts", 2, VALIDATOR, "no more")
    with pytest.raises(Refused, match="it was retired by val: no more"):
        adapters.promote(settings, "scripts", 2, VALIDATOR)
    with pytest.raises(Refused, match="it was retired by val: no more"):
        served_adapter(settings, "scripts", 2)
    with pytest.raises(Refused, match="it is served as champion"):
        retirement.retire(settings, "scripts", 1, VALIDATOR, "no more")


@pytest.mark.parametrize(
    ("verdict", "person", "demo", "says"),
    [
        (None, VALIDATOR, False, "it was never gated; tune it again"),
        (FAILED, VALIDATOR, False, r"its gates did not pass: canaries recovered 2 \(needs ≤ 0\)"),
        (PASSED, BOTH, False, "eva trained it; ask another validator"),
        (PASSED, ENGINEER, False, "eva is no validator"),
        (PASSED, VALIDATOR, True, "by the demo's people"),
    ],
)
def test_what_may_not_be_promoted_is_refused_and_nothing_is_exported(
    settings, verdict, person, demo, says
):
    version = tuned(settings, verdict, demo=demo)
    with pytest.raises(Refused, match=says):
        adapters.promote(settings, "scripts", version, person)
    assert not settings.adapters.exists()


def test_weights_that_were_changed_after_the_gate_are_refused(settings):
    tuned(settings)
    (kept,) = Path(settings.home / "mlflow").rglob(WEIGHTS[0])
    kept.write_text("others")
    with pytest.raises(Damaged, match="its weights in MLflow are not those that were gated"):
        adapters.promote(settings, "scripts", 1, VALIDATOR)


def test_a_tag_of_another_versions_gate_is_no_gate(settings):
    tuned(settings)
    tuned(settings, FAILED, words="two")
    theirs = tracking.tags(settings, "scripts", 1)[registry.GATE_ENTRY]
    tracking.tag(settings, "scripts", 2, {registry.GATE_ENTRY: theirs})
    with pytest.raises(Damaged, match="which is no gate of this version"):
        adapters.promote(settings, "scripts", 2, VALIDATOR)


def _beside(folder):
    return {GGUF: b"of " + (folder / WEIGHTS[0]).read_bytes()}


def test_another_form_is_signed_beside_and_what_was_changed_is_refused(settings):
    tuned(settings)
    with pytest.raises(NotReady, match="no champion was ever promoted"):
        served_adapter(settings, "scripts")
    adapters.promote(settings, "scripts", None, VALIDATOR, forms=_beside)
    served = served_adapter(settings, "scripts")
    aside = settings.home / "laid"
    aside.mkdir()
    assert (served.write_to(aside) / GGUF).read_bytes() == b"of adapter_model.safetensors one"
    assert "of adapter" not in repr(served)
    with pytest.raises(BadInput, match="it was never promoted"):
        load_adapter(settings, "scripts", 7)
    (export_folder(settings.adapters, "scripts", 1) / GGUF).write_text("others")
    with pytest.raises(Damaged, match=r"adapter\.gguf: it was changed after it was signed"):
        served_adapter(settings, "scripts")


def test_a_champion_that_was_changed_leaves_those_of_other_names_in_service(settings, caplog):
    for name in ("good", "scripts"):
        tuned(settings, name=name)
        adapters.promote(settings, name, None, VALIDATOR)
    for name, data in (("changed", b"{}"), ("garbled", b"\xff")):
        (settings.adapters / name).mkdir()
        (settings.adapters / name / "champion.json").write_bytes(data)
    with (export_folder(settings.adapters, "scripts", 1) / WEIGHTS[0]).open("a") as file:
        file.write("and more")
    with pytest.raises(Damaged):
        served_adapter(settings, "scripts")
    assert champions_of(settings, BASE) == ["good"]
    told = [one for one in caplog.messages if "not served" in one]
    assert told == [
        f"the champion of {name} is not served: Damaged"
        for name in ("changed", "garbled", "scripts")
    ]
