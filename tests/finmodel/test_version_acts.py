"""What was done with a version: as the whole log has it, and as its tags lead to it."""

from __future__ import annotations

import pytest
from mlflow import MlflowClient

from finmodel import registry, tracking
from finmodel.acts import ACT, act_tag
from finmodel.audit import scan
from finmodel.errors import Damaged
from finmodel.gate import NO_OUT_OF_TIME
from finmodel.manifest import Verdict
from finmodel.retirement import retire
from finmodel.version_acts import acts_of
from finmodel.waivers import waive
from tests.finmodel.mlflow_home import settings_at
from tests.finmodel.test_registry import PASSED, VALIDATOR, promote, registered

NO_OOT = Verdict(True, PASSED.checks, "5 folds", (NO_OUT_OF_TIME,))


@pytest.fixture(scope="module")
def lived(tmp_path_factory):
    """Version 1 waived, promoted, replaced by 2, brought back, replaced again and retired."""
    settings = settings_at(tmp_path_factory.mktemp("acts") / "home")
    registered(settings, NO_OOT)
    waive(settings, "small", 1, VALIDATOR, "one date")
    promote(settings, 1)
    registered(settings)
    promote(settings, 2)
    registry.rollback(settings, "small", VALIDATOR, "too many declined")
    promote(settings, 2)
    retire(settings, "small", 1, VALIDATOR, "its segment is closed")
    return settings


def by_hand(settings, version):
    return [
        one.id
        for one in scan(settings.audit)
        if version in (one.body.get("version"), one.body.get("from"))
    ]


@pytest.mark.parametrize("whole_log", [False, True])
def test_every_act_is_found_also_the_move_that_replaced_a_version(lived, whole_log):
    first = acts_of(lived, "small", 1, whole_log=whole_log)
    kinds = ["gate", "waiver", "promotion", "promotion", "rollback", "promotion", "retirement"]
    assert [one.kind for one in first] == kinds
    assert [one.id for one in first] == by_hand(lived, 1)
    second = acts_of(lived, "small", 2, whole_log=whole_log)
    assert [one.id for one in second] == by_hand(lived, 2)
    assert len(second) == 4


def test_mlflows_own_client_sees_the_tags_that_lead_to_the_log(lived):
    version = MlflowClient(lived.mlflow_uri, lived.mlflow_uri).get_model_version("small", "1")
    named = [key.removeprefix(ACT) for key in version.tags if key.startswith(ACT)]
    assert sorted(named) == sorted(by_hand(lived, 1))


def test_a_move_that_was_cut_short_before_mlflow_is_named_when_asked_again(tmp_path, monkeypatch):
    settings = settings_at(tmp_path / "home")
    registered(settings)
    with monkeypatch.context() as broken:
        broken.setattr(tracking, "set_alias", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            promote(settings)
    promote(settings)
    assert [one.kind for one in acts_of(settings, "small", 1)] == ["gate", "promotion"]


def test_a_tag_that_names_an_entry_of_another_version_counts_for_nothing(tmp_path):
    settings = settings_at(tmp_path / "home")
    registered(settings)
    registered(settings)
    (of_another,) = by_hand(settings, 2)
    tracking.tag(settings, "small", 1, act_tag("gate", of_another))
    with pytest.raises(Damaged, match=f"small version 1: its tags name audit entry {of_another}"):
        acts_of(settings, "small", 1)
    assert [one.id for one in acts_of(settings, "small", 1, whole_log=True)] == by_hand(settings, 1)
