"""Rounding and showing money against Decimal's own half up."""

from decimal import ROUND_HALF_UP, Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finmodel.assistant.money import half_up, percent, read_percent, yuan
from finmodel.errors import BadInput


@given(st.integers(-(10**14), 10**14), st.sampled_from([1, 2, 4, 5, 8, 10, 1000]))
def test_half_up_is_decimals(numerator, denominator):
    exact = Decimal(numerator) / denominator
    assert half_up(Fraction(numerator, denominator)) == int(
        exact.quantize(Decimal(1), ROUND_HALF_UP)
    )


@given(st.integers(-(10**14), 10**14))
def test_money_is_shown_as_python_shows_decimals(fen):
    assert yuan(fen) == f"{Decimal(fen) / 100:,.2f}元"


@given(st.integers(0, 10**9), st.integers(1, 10**6), st.integers(2, 6))
def test_a_rate_is_shown_rounded_half_up(numerator, denominator, most):
    with localcontext() as context:
        context.prec = 40
        exact = Decimal(numerator) / denominator * 100
        wanted = exact.quantize(Decimal(1).scaleb(-most), ROUND_HALF_UP)
    text = percent(Fraction(numerator, denominator), most)
    assert Decimal(text.rstrip("%")) == wanted
    assert len(text.rstrip("%").partition(".")[2]) >= 2


@pytest.mark.parametrize("text", ["", "18", "1e5%", "-1%", "18.25 %%", "１８%x"])
def test_what_is_no_rate_is_refused(text):
    with pytest.raises(BadInput, match="is no rate"):
        read_percent(text)
