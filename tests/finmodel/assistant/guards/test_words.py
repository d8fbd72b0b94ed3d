"""Lists of words are whole, and rules name only those that there are."""

import re

import pytest

from finmodel.assistant.guards.patterns import expanded
from finmodel.assistant.guards.words import words
from finmodel.errors import BadInput


def test_every_word_is_a_pattern_of_its_own_and_stands_once():
    for name, some in words().items():
        assert len(some) == len(set(some)), name
        assert all(re.compile(one) for one in some)


def test_a_list_that_there_is_none_of_is_told():
    with pytest.raises(BadInput, match="no list 'nobody'"):
        expanded("找<nobody>")
    assert re.fullmatch(expanded("找<kin>"), "找父母")
