"""Texts with choices in them."""

from collections import Counter
from random import Random

import pytest

from finmodel.errors import BadInput
from finmodel.lender.talk.templates import Grammar, weighted

GRAMMAR = Grammar({"when": ["几号", "哪天"], "deep": ["[在|于]<when>"]})


def test_every_way_of_saying_it_is_said():
    chance = Random(1)
    said = {
        GRAMMAR.say("[请问|]<deep>还{it}", chance, {"it": "款"}.__getitem__) for _ in range(200)
    }
    assert said == {
        f"{a}{b}{c}还款" for a in ("请问", "") for b in ("在", "于") for c in ("几号", "哪天")
    }


def test_names_are_told_wherever_they_stand():
    assert GRAMMAR.places("[{name}|他]欠{amount_due}") == {"name", "amount_due"}


@pytest.mark.parametrize("text", ["[a|b", "a]b", "{a", "<when", "[a|[b]]"])
def test_a_bracket_that_stands_alone_is_told(text):
    with pytest.raises(BadInput, match="stands alone"):
        GRAMMAR.say(text, Random(1), str)


def test_a_list_that_is_none_is_told():
    with pytest.raises(BadInput, match="<who> is no list; name one of when, deep"):
        GRAMMAR.say("<who>", Random(1), str)


def test_weights_are_kept():
    chance = Random(2)
    drawn = Counter(weighted({"a": 3, "b": 1, "c": 0}, chance) for _ in range(8_000))
    assert drawn["c"] == 0
    assert abs(drawn["a"] / 8_000 - 0.75) < 0.02
