"""A second judge answers with the number of a rule; one that does not has judged nothing."""

import pytest

from finmodel.assistant.engines.scripted import Scripted
from finmodel.assistant.guards.judge import Judge, judged
from finmodel.assistant.guards.outbound_rules import rules
from finmodel.errors import NotReady

SAID = "这事您放心交给我。"


@pytest.mark.parametrize(
    ("answer", "rule"), [("0", None), ("1", "promise"), (" 4。", "collection"), ("9", "abuse")]
)
def test_a_number_is_the_rule_at_that_place_and_nought_is_none(answer, rule):
    assert Judge(Scripted(lambda asked: answer)).rule_of(SAID) == rule


@pytest.mark.parametrize("answer", ["", "好的", "10", "-1", "99"])
def test_whatever_is_no_rules_number_is_no_judgement(answer):
    with pytest.raises(NotReady, match="the judge gave no number of a rule"):
        Judge(Scripted(lambda asked: answer)).rule_of(SAID)


def test_it_is_asked_with_every_rule_the_sentence_and_a_grammar_where_one_holds():
    asked = []
    engine = Scripted(lambda one: asked.append(one) or "0", grammars=True)
    Judge(engine, adapter="judge/2", seconds=3).rule_of(SAID)
    (one,) = asked
    assert all(rules()[name].zh in one.messages[0].text for name in judged())
    assert one.messages[1].text.endswith(SAID)
    assert one.grammar.startswith('root ::= "0" | "1" | ')
    assert one.grammar.endswith(f'"{len(judged())}"')
    assert (one.adapter, one.seconds, one.temperature) == ("judge/2", 3, 0.0)
    assert SAID not in repr(one)
