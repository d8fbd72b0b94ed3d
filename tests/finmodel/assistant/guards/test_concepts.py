"""A concept is known by any of its words, written or spelt, and by nothing else."""

import pytest

from finmodel.assistant.guards.concepts import SHIPPED, concepts
from finmodel.assistant.guards.words import words


@pytest.mark.parametrize("text", ["我去找律师", "我去找lvshi", "大状已经请好了", "已经交给法务"])
def test_words_of_one_meaning_are_one_concept(text):
    assert "law" in concepts(text)


def test_an_ordinary_word_is_not_read_as_another_of_its_sound():
    assert concepts("绿石头") == concepts("天气") == concepts("") == ()


def test_each_is_told_once_in_the_order_of_the_text():
    assert concepts("律师说要起诉，记者也来，律师") == ("law", "media")


def test_lists_hold_normalised_words_each_once():
    for name, some in words(SHIPPED).items():
        assert len(some) == len(set(some)), name
        assert all(one == one.lower() for one in some), name
