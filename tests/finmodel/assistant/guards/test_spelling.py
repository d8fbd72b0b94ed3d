"""Guarded words are known by their sound, ordinary words are left alone."""

import pytest

from finmodel.assistant.guards.spelling import WORDS, respelt
from finmodel.assistant.scripts import load_scripts
from finmodel.chinese_sounds import syllables


@pytest.mark.parametrize(
    ("text", "word"), [("保正", "保证"), ("zhengxin", "征信"), ("银航卡", ""), ("薇信", "微信")]
)
def test_what_is_sounded_out(text, word):
    assert [one.word for one in respelt(text)] == ([word] if word else [])


def test_every_guarded_word_is_of_known_sounds():
    words = [word.removeprefix("-") for word in WORDS.read_text().split()]
    assert len(words) > 100
    assert [word for word in words if len(word) < 2 or set(word) - set(syllables())] == []


def test_a_word_across_a_gap_is_none():
    assert list(respelt("保，正")) == []
    assert list(respelt("x" * 10_000)) == []


def test_no_approved_script_sounds_out_a_guarded_word():
    scripts = load_scripts()
    assert len(scripts) > 200
    assert {one.id: found for one in scripts.values() if (found := list(respelt(one.text)))} == {}
