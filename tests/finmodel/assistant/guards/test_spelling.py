"""Words are known by their sound where they look misspelt, ordinary words are left alone."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finmodel.assistant.guards.spelling import by_sound, heard
from finmodel.assistant.scripts import load_scripts


@pytest.mark.parametrize("text", ["征信", "正信", "zhengxin", "zheng信", "征xin"])
def test_a_word_is_known_by_its_sound(text):
    assert re.search(by_sound("(?:征信|[秒必]过)"), heard(f"看{text}的").text)


@pytest.mark.parametrize("text", ["同时", "体现", "机票", "余期", "其实", "iphone", "x" * 10_000])
def test_ordinary_words_are_never_others(text):
    pattern = by_sound("同事|提现|嫖|逾期|歧视")
    assert re.search(pattern, heard(f"我们{text}可以").text) is None or text == "余期"


def test_brackets_and_escapes_keep_their_meaning():
    assert re.fullmatch(by_sound(r"\[保[^证]\]"), "[保过]")
    assert not re.fullmatch(by_sound(r"\[保[^证]\]"), "[保证]")


def test_approved_scripts_are_spelt_right():
    scripts = load_scripts()
    wrong = [one.id for one in scripts.values() if heard(one.text).text != one.text]
    assert len(scripts) > 200
    assert [name for name in wrong if not re.search("[a-zA-Z]", scripts[name].text)] == []


@given(st.text(alphabet="保正证通过的，baozhengx ", max_size=30))
def test_places_climb_and_stay_within(text):
    told = heard(text)
    assert len(told.starts) == len(told.text) + 1
    assert list(told.starts) == sorted(told.starts)
    assert told.starts[-1] == len(text)
