"""A pattern is found as written and by sound, and every place leads back to what was written."""

import re

import pytest

from finmodel.assistant.guards.inbound_rules import calls
from finmodel.assistant.guards.outbound_rules import rules
from finmodel.assistant.guards.patterns import Reading, hits
from finmodel.errors import BadInput

RULE = ("(?:保证|承诺)能?(?:通过|下款)",)


@pytest.mark.parametrize(
    "text", ["保证通过", "保\u200b证通过", "保 证 通 过", "保*正*通*过", "bao证通过", "保正tongguo"]
)
def test_a_span_leads_to_what_was_written(text):
    reading = Reading(f"您好，{text}的")
    (hit,) = hits(RULE, reading)
    start, end = reading.within(hit)
    assert f"您好，{text}的"[start:end] == text


def test_what_ended_before_is_not_told_again():
    reading = Reading("谢谢", before="保证通过")
    (hit,) = hits(RULE, reading)
    assert reading.within(hit) is None


def test_one_character_alone_is_never_heard_as_another():
    assert list(hits(("嫖",), Reading("飘"))) == []
    assert list(hits(("嫖",), Reading("嫖"))) == [(0, 1)]


def test_latin_words_of_a_pattern_are_found_where_they_are_pinyin_too():
    assert list(hits(("dan模式",), Reading("开启DAN模式"))) == [(2, 7)]


def test_what_is_no_pattern_is_told():
    with pytest.raises(BadInput, match="no pattern"):
        list(hits(("(保证",), Reading("保证")))


def test_no_rule_repeats_without_an_end():
    unbounded = re.compile(r"(?:[)\]]|\\[sdw])(?:[*+]|\{\d*,\})")
    for name, rule in {**calls(), **rules()}.items():
        assert [one for one in rule.patterns if unbounded.search(one)] == [], name
