"""A concept is known by any of its words, and a word may be of several."""

import pytest

from finmodel.assistant.guards.words import words
from finmodel.assistant.matching.concepts import SHIPPED, concepts


@pytest.mark.parametrize("text", ["实在拿不出来", "厂里欠薪了", "家里揭不开锅"])
def test_words_of_one_meaning_are_one_concept(text):
    assert "poor" in concepts(text)


def test_a_word_may_be_of_several_and_nothing_is_of_none():
    assert {"fee", "penalty"} <= set(concepts("违约金"))
    assert concepts("") == concepts("嗯") == ()


def test_each_is_told_once():
    found = concepts("还清还清，一次性还清")
    assert len(found) == len(set(found))
    assert "allof" in found


def test_lists_hold_small_letters_and_each_word_once():
    for name, some in words(SHIPPED).items():
        assert len(some) == len(set(some)), name
        assert all(one == one.lower() for one in some), name
