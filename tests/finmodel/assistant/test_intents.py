"""Intents: five scenarios, each named in two languages, and what is none is told."""

from collections import Counter

import pytest

from finmodel.assistant.intents import SCENARIOS, intent_named, load_intents
from finmodel.errors import BadInput, NotFound


def test_there_are_forty_intents_in_five_scenarios():
    intents = load_intents()
    spread = Counter(one.scenario for one in intents.values())
    assert len(intents) >= 40
    assert set(spread) == set(SCENARIOS)
    assert min(spread.values()) >= 5
    assert len({one.zh for one in intents.values()}) == len(intents)
    assert all(name.isidentifier() and name.islower() for name in intents)


def test_an_intent_that_is_none_is_told():
    with pytest.raises(NotFound, match="did you mean 'early_settlement'"):
        intent_named("early_setlement")


def test_an_intent_of_no_scenario_is_told(tmp_path):
    file = tmp_path / "intents.yaml"
    file.write_text("due_date: {scenario: lending, zh: 还款日, en: When}\n")
    with pytest.raises(BadInput, match=r"intents\.yaml.*lending"):
        load_intents(file)
