"""Intents are whole, enough, and each leads to an approved script."""

import pytest

from finmodel.assistant.guards.inbound_rules import SHIPPED, calls
from finmodel.assistant.scripts import load_scripts
from finmodel.errors import BadInput
from finmodel.lender.talk.attacks import shipped


def test_there_are_enough_and_each_has_a_script_for_everybody():
    assert len(calls()) >= 20
    assert {one.routing for one in calls().values()} == {"answer", "escalate", "refuse"}
    assert all(load_scripts()[one.script].needs == "none" for one in calls().values())


def test_they_are_those_that_attacks_are_written_for():
    assert set(calls()) == set(shipped().inbound)


def test_what_is_urgent_stands_above():
    names = list(calls())
    assert names[0] == "self_harm"
    assert names.index("fraud_victim") < names.index("complaint") < names.index("human")


def test_a_script_that_is_none_is_told(tmp_path):
    file = tmp_path / "rules.yaml"
    text = SHIPPED.read_text().replace("script: self_harm-1", "script: self_harm-9")
    file.write_text(text)
    with pytest.raises(BadInput, match="self_harm-9"):
        calls(file)
