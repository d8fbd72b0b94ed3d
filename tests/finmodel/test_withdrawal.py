"""A challenger that was withdrawn challenges nobody, and another may take its place."""

from __future__ import annotations

import pytest

from finmodel import registry, tracking, withdrawal
from finmodel.audit import find, scan
from finmodel.errors import BadInput, NotReady, Refused
from finmodel.pointers import find_pointer, read_champion
from finmodel.retirement import retire
from finmodel.version_acts import acts_of
from finmodel.withdrawal import withdraw
from tests.finmodel.mlflow_home import settings_at
from tests.finmodel.test_registry import DEMO, ENGINEER, VALIDATOR, promote, registered


@pytest.fixture
def settings(tmp_path):
    here = settings_at(tmp_path / "home")
    for version in (1, 2):
        registered(here)
        promote(here, version, to="champion" if version == 1 else "challenger")
    return here


def served(settings) -> dict[int, str]:
    return {row.version: row.served_as for row in registry.versions(settings)}


def test_it_is_served_no_more_and_the_log_says_who_withdrew_it_and_why(settings):
    version, pointer = withdraw(settings, "small", VALIDATOR, "it parts worse")
    assert (version, pointer.version, pointer.sequence) == (2, 0, 2)
    assert served(settings) == {1: "champion", 2: ""}
    assert find_pointer(settings.exports, "small", settings.signing, "challenger") is None
    with pytest.raises(NotReady, match="its challenger was withdrawn by val: it parts worse"):
        read_champion(settings.exports, "small", settings.signing, "challenger")
    assert tracking.alias(settings, "small", "challenger") is None
    assert registry.alias_drift(settings) == []
    entry = find(settings.audit, pointer.audit_entry)
    told = entry.body
    assert entry.kind == "withdrawal"
    assert (told["from"], told["by"], told["reason"]) == (2, "val", "it parts worse")
    for whole_log in (False, True):
        kinds = [one.kind for one in acts_of(settings, "small", 2, whole_log=whole_log)]
        assert kinds == ["gate", "promotion", "withdrawal"]


def test_another_or_the_same_may_challenge_again_under_a_greater_number(settings):
    withdraw(settings, "small", VALIDATOR, "a pause")
    again = promote(settings, 2, to="challenger")
    assert (again.version, again.sequence, again.previous) == (2, 3, (2,))
    assert find(settings.audit, again.audit_entry).body["from"] is None
    assert served(settings) == {1: "champion", 2: "challenger"}
    withdraw(settings, "small", VALIDATOR, "for good")
    assert retire(settings, "small", 2, VALIDATOR, "worse").version == 2


def test_a_challenger_is_withdrawn_before_it_is_retired(settings):
    with pytest.raises(Refused, match="served as challenger; withdraw it first: finmodel withdraw"):
        retire(settings, "small", 2, VALIDATOR, "worse")


@pytest.mark.parametrize(
    ("name", "person", "reason", "error", "says"),
    [
        ("small", VALIDATOR, " ", BadInput, "withdraw small: no reason is given; say why"),
        ("small", ENGINEER, "worse", Refused, "eva is no validator"),
        ("small", DEMO, "worse", Refused, "was made by the demo"),
        (
            "large",
            VALIDATOR,
            "worse",
            Refused,
            "large: it has no challenger; see `finmodel models`",
        ),
    ],
)
def test_what_may_not_be_withdrawn(settings, name, person, reason, error, says):
    with pytest.raises(error, match=says):
        withdraw(settings, name, person, reason)
    assert served(settings)[2] == "challenger"
    assert "withdrawal" not in [entry.kind for entry in scan(settings.audit)]


def test_nobody_is_withdrawn_twice(settings):
    withdraw(settings, "small", VALIDATOR, "worse")
    with pytest.raises(Refused, match="it has no challenger"):
        withdraw(settings, "small", VALIDATOR, "worse")


def test_what_mlflow_did_not_hear_of_is_ended_by_asking_again(settings, monkeypatch):
    def away(*_):
        raise NotReady("it does not answer", where="MLflow")

    with monkeypatch.context() as patched:
        patched.setattr(withdrawal.tracking, "drop_alias", away)
        with pytest.raises(NotReady, match="version 2 is withdrawn, but MLflow's alias could not"):
            withdraw(settings, "small", VALIDATOR, "worse")
    assert served(settings)[2] == ""
    assert tracking.alias(settings, "small", "challenger") == 2
    withdraw(settings, "small", VALIDATOR, "worse")
    assert tracking.alias(settings, "small", "challenger") is None
    assert [entry.kind for entry in scan(settings.audit)].count("withdrawal") == 1
