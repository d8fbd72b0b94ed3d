"""Chinese numerals against a writer of them that goes the other way."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finmodel.assistant.numerals import value_of

FORMAL = str.maketrans("一二三四五六七八九十百千", "壹贰叁肆伍陆柒捌玖拾佰仟")


def four(number):
    """As people write a number below ten thousand."""
    text, gap = "", False
    for unit, sign in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
        digit = number // unit % 10
        if digit:
            text += ("零" if gap and text else "") + "零一二三四五六七八九"[digit] + sign
        gap = digit == 0
    return text


def written(number):
    parts = []
    for unit, sign in ((10**8, "亿"), (10**4, "万"), (1, "")):
        part = number // unit % 10**4
        if part:
            zero = "零" if parts and part < 1000 else ""
            parts.append(zero + four(part) + sign)
    return "".join(parts)


@given(st.integers(1, 10**12 - 1))
def test_what_is_written_is_read(number):
    text = written(number)
    assert value_of(text) == number
    assert value_of(text.translate(FORMAL)) == number
    if text.startswith("一十"):
        assert value_of(text[1:]) == number


@given(st.integers(1, 9), st.integers(1, 9), st.sampled_from("百千万亿"))
def test_the_last_digit_may_lack_its_unit(big, small, unit):
    """三千二 is 3,200."""
    worth = {"百": 100, "千": 1000, "万": 10**4, "亿": 10**8}[unit]
    digits = "零一二三四五六七八九"
    assert value_of(f"{digits[big]}{unit}{digits[small]}") == big * worth + small * worth // 10
    assert value_of(f"{digits[big]}{unit}零{digits[small]}") == big * worth + small


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1,234,567.89", Fraction(123_456_789, 100)),
        ("1.2万", 12_000),
        ("1万2", 12_000),
        ("12万5千", 125_000),
        ("1.2w", 12_000),
        ("50K", 50_000),
        ("3千2百", 3_200),
        ("两万五", 25_000),
        ("二〇二六", 2026),
        ("四零零", 400),
        ("三点一四", Fraction(314, 100)),
        ("一点二万", 12_000),
        ("七八", None),
        ("三五千", None),
        ("十七八", None),
    ],
)
def test_mixed_forms(text, value):
    assert value_of(text) == value
