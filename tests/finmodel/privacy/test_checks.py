"""Checksums against published numbers, and against the standards' sums written out another way."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finmodel.privacy.checks import (
    id_check,
    is_bank_card,
    is_id_card,
    is_landline,
    is_mobile,
    luhn,
)

DIGITS17 = st.text(st.sampled_from("0123456789"), min_size=17, max_size=17)


@pytest.mark.parametrize("number", ["11010519491231002X", "440524188001010014"])
def test_the_standards_own_examples(number):
    """GB 11643-1999, section 4."""
    assert is_id_card(number)


@given(DIGITS17)
def test_the_check_character_is_iso_7064_mod_11_2(first):
    """The pure system's definition: digits times powers of two come to 1 modulo 11."""
    check = id_check(first)
    value = 10 if check == "X" else int(check)
    total = sum(int(one) * 2 ** (17 - nth) for nth, one in enumerate(first)) + value
    assert total % 11 == 1


@given(DIGITS17)
def test_one_wrong_digit_never_passes(first):
    whole = "110105" + "19491231" + first[:3]
    good = whole + id_check(whole)
    assert is_id_card(good)
    other = "0123456789".replace(good[16], "")[int(first[3]) % 9]
    assert not is_id_card(good[:16] + other + good[17])


def test_a_day_or_a_province_that_is_none():
    assert not is_id_card("110105194902300021", strict=False)
    assert not is_id_card("991010519491231002"[:18], strict=False)
    assert not is_id_card("110105991332002")


@pytest.mark.parametrize("number", ["79927398713", "4111111111111111", "6250941006528599"])
def test_published_luhn_numbers(number):
    assert luhn(number)
    assert not luhn(number[:-1] + str((int(number[-1]) + 1) % 10))


@given(st.text(st.sampled_from("0123456789"), min_size=13, max_size=18))
def test_luhn_has_one_check_digit_for_all(first):
    assert [luhn(first + digit) for digit in "0123456789"].count(True) == 1


def test_what_a_card_begins_with_and_how_long_it_is():
    assert is_bank_card("6200000000000005")
    assert not is_bank_card("79927398713")
    assert not is_bank_card("1" * 16)


@pytest.mark.parametrize(
    ("digits", "so"),
    [
        ("13800138000", True),
        ("8613800138000", True),
        ("008613800138000", True),
        ("12345678901", False),
        ("1380013800", False),
    ],
)
def test_mobiles(digits, so):
    assert is_mobile(digits) == so


@pytest.mark.parametrize(
    ("digits", "so"),
    [
        ("01062345678", True),
        ("075526123456", True),
        ("02112345678", False),
        ("0062345678", False),
        ("4001234567", False),
    ],
)
def test_landlines(digits, so):
    assert is_landline(digits) == so
