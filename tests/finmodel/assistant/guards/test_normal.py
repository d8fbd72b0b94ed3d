"""What hides words is taken away, and every span leads back to what was written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finmodel.assistant.guards.normal import normalise

HIDDEN = [
    "保证通过",
    "保\u200b证\u2060通过",
    "保 证 通 过",
    "保*证*通*过",
    "保☆证☆通☆过",
    "保證通過",
    "保—证通过",
    "保——證通·過",
]


@pytest.mark.parametrize("text", HIDDEN)
def test_disguises_are_read_through(text):
    seen = normalise(f"您好，{text}，好的")
    at = seen.text.index("保证通过")
    start, end = seen.span(at, at + 4)
    assert f"您好，{text}，好的"[start:end] == text


@pytest.mark.parametrize(
    "text",
    [
        "其实可以",
        "2026-06-03",
        "http://a.b/c-d",
        "A/B/C/D",
        "iphone",
        "您好 请 问",
        "a b",
        "三—五天",
        "3-5月",
    ],
)
def test_ordinary_texts_stay(text):
    assert normalise(text).text == text.lower()


@given(st.text(alphabet="保正证通过 .-*|baozhengABC１２\u200b，。😀", max_size=40))
def test_places_climb_and_stay_within(text):
    seen = normalise(text)
    assert len(seen.places) == len(seen.text) + 1
    assert seen.places == sorted(seen.places)
    assert seen.places[-1] == len(text)
    for at in range(len(seen.text)):
        start, end = seen.span(at, at + 1)
        assert 0 <= start < end <= len(text)
