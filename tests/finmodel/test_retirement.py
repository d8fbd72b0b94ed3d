"""A version that was ended is served no more, whatever is asked; what it decided still stands."""

from __future__ import annotations

import pytest

from finmodel import registry, tracking
from finmodel.audit import find, scan
from finmodel.errors import BadInput, Damaged, NotFound, Refused
from finmodel.export import load_export
from finmodel.gate import NO_OUT_OF_TIME
from finmodel.manifest import Verdict
from finmodel.pointers import export_folder
from finmodel.records import Person
from finmodel.retired import retired_path, retired_versions
from finmodel.retirement import retire
from finmodel.waivers import WAIVER_ENTRY, waive
from tests.finmodel.mlflow_home import settings_at
from tests.finmodel.test_registry import DEMO, ENGINEER, PASSED, VALIDATOR, promote, registered

NO_OOT = Verdict(True, PASSED.checks, "5 folds", (NO_OUT_OF_TIME,))


@pytest.fixture
def settings(tmp_path):
    return settings_at(tmp_path / "home")


def test_a_retired_version_is_served_no_more_and_stays_replayable(settings):
    for version in (registered(settings), registered(settings)):
        promote(settings, version)
    retired = retire(settings, "small", 1, VALIDATOR, "bads rose in its segment")
    entry = find(settings.audit, retired.audit_entry)
    assert (entry.kind, entry.body["version"], entry.body["by"]) == ("retirement", 1, "val")
    with pytest.raises(Refused, match="version 1: it was retired by val: bads rose in its segment"):
        promote(settings, 1)
    with pytest.raises(Refused, match="it was retired"):
        registry.rollback(settings, "small", VALIDATOR, "back")
    rows = {row.version: row.status for row in registry.versions(settings)}
    assert rows == {2: "passed", 1: "retired"}
    model = load_export(export_folder(settings.exports, "small", 1), settings.signing)
    assert model.manifest.version == 1


def test_a_rollback_goes_past_the_versions_that_were_retired(settings):
    for version in (1, 2, 3, 4):
        registered(settings)
        promote(settings, version)
    for version in (2, 3):
        retire(settings, "small", version, VALIDATOR, "a mistake in its label")
    pointer = registry.rollback(settings, "small", VALIDATOR, "bad rate doubled")
    assert (pointer.version, pointer.previous, pointer.sequence) == (1, (), 5)
    assert find(settings.audit, pointer.audit_entry).body["from"] == 4
    assert tracking.alias(settings, "small", "champion") == 1
    with pytest.raises(Refused, match="no champion before this one"):
        registry.rollback(settings, "small", VALIDATOR, "again")


def test_a_version_retired_while_another_promotes_it_is_not_served(settings, monkeypatch):
    registered(settings)
    make_key = registry.ensure_key

    def and_another_retires_it(keys):
        retire(settings, "small", 1, VALIDATOR, "a mistake in its label")
        return make_key(keys)

    monkeypatch.setattr(registry, "ensure_key", and_another_retires_it)
    with pytest.raises(Refused, match="it was retired by val: a mistake in its label"):
        promote(settings, 1)
    assert not export_folder(settings.exports, "small", 1).exists()


@pytest.mark.parametrize(
    ("version", "person", "reason", "error", "says"),
    [
        (1, VALIDATOR, "old", Refused, "it is served as champion; promote or roll back"),
        (2, VALIDATOR, "old", Refused, "it is served as challenger"),
        (3, VALIDATOR, " ", BadInput, "no reason is given; say why"),
        (9, VALIDATOR, "old", NotFound, "no such version is registered"),
        (3, ENGINEER, "old", Refused, "eva is no validator"),
        (3, DEMO, "old", Refused, "was made by the demo"),
    ],
)
def test_what_may_not_be_retired(settings, version, person, reason, error, says):
    for _ in range(3):
        registered(settings)
    promote(settings, 1)
    promote(settings, 2, to="challenger")
    with pytest.raises(error, match=says):
        retire(settings, "small", version, person, reason)
    assert retired_versions(settings.exports, "small", settings.signing) == {}
    assert "retirement" not in [entry.kind for entry in scan(settings.audit)]


def test_a_list_that_was_altered_lets_nothing_be_promoted(settings):
    registered(settings)
    registered(settings)
    promote(settings, 2)
    retire(settings, "small", 1, VALIDATOR, "old")
    path = retired_path(settings.exports, "small")
    path.write_bytes(path.read_bytes().replace(b'"version":1', b'"version":7'))
    with pytest.raises(Damaged, match="the signature does not hold"):
        promote(settings, 2)


def test_without_an_out_of_time_part_a_waiver_with_reason_and_approver_is_needed(settings):
    version = registered(settings, NO_OOT)
    with pytest.raises(Refused, match=f"small version 1: {NO_OUT_OF_TIME}; say why"):
        promote(settings, version)
    with pytest.raises(BadInput, match="no reason is given"):
        waive(settings, "small", version, VALIDATOR, "")
    with pytest.raises(Refused, match="eva is no validator"):
        waive(settings, "small", version, ENGINEER, "one date")
    trainer = Person("eva", frozenset({"validator"}))
    with pytest.raises(Refused, match="eva trained it; ask another validator"):
        waive(settings, "small", version, trainer, "one date")
    entry = find(settings.audit, waive(settings, "small", version, VALIDATOR, "one date"))
    assert (entry.body["approver"], entry.body["reason"]) == ("val", "one date")
    pointer = promote(settings, version)
    assert pointer.reason.endswith("waived by val: one date")


def test_a_waiver_of_another_version_counts_for_nothing(settings):
    first, second = registered(settings, NO_OOT), registered(settings, NO_OOT)
    entry = waive(settings, "small", first, VALIDATOR, "one date")
    tracking.tag(settings, "small", second, {WAIVER_ENTRY: entry})
    with pytest.raises(Damaged, match="which is no waiver of this version"):
        promote(settings, second)
