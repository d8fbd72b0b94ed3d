"""Yearly rates against published examples and a root-finder that was not written here."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq

from finmodel.assistant.money import percent
from finmodel.assistant.rates import compound_yearly, monthly_irr, simple_yearly, yearly_of_daily
from finmodel.errors import BadInput


@pytest.mark.parametrize(
    ("received", "instalments", "published"),
    [
        # 12 CFR 1026, Appendix J, (c)(1)(i): $5,000, 24 payments of $230
        (500_000, [23_000] * 24, "9.69%"),
        # Microsoft's example of RATE: 48 payments of 200 on 8,000
        (800_000, [20_000] * 48, "9.24%"),
        # what card issuers print beside 12 instalments at 0.60 % a month
        (1_200_000, [107_200] * 12, "13.03%"),
    ],
)
def test_published_yearly_rates(received, instalments, published):
    assert percent(simple_yearly(monthly_irr(received, instalments))) == published


def test_a_daily_rate_is_stated_on_the_products_own_year():
    daily = Fraction(5, 10_000)
    assert percent(yearly_of_daily(daily, 360)) == "18.00%"
    assert percent(yearly_of_daily(daily, 365)) == "18.25%"


flows = st.lists(st.integers(0, 10**8), min_size=1, max_size=60).filter(lambda all_: sum(all_) > 0)


@given(flows, st.floats(0.2, 1))
def test_the_monthly_rate_is_the_root_that_scipy_finds(instalments, share):
    received = max(int(sum(instalments) * share), 1)

    def worth(rate):
        months = np.arange(1, len(instalments) + 1)
        return float(np.sum(np.array(instalments) / (1 + rate) ** months)) - received

    irr = monthly_irr(received, instalments)
    if worth(10.0) < 0:
        assert float(irr) == pytest.approx(brentq(worth, -1e-9, 10, xtol=1e-14), abs=1e-9)
    assert float(compound_yearly(irr)) == pytest.approx((1 + float(irr)) ** 12 - 1, rel=1e-9)


def test_the_cut_is_exact_at_twelve_decimals():
    irr = monthly_irr(1_000_000, [91_799] * 12)
    step = Fraction(1, 10**12)

    def worth(rate):
        return sum(91_799 / (1 + rate) ** month for month in range(1, 13))

    assert worth(irr) >= 1_000_000 > worth(irr + step)


@given(st.integers(0, 10**13), st.integers(2, 9))
def test_a_compound_rate_is_short_and_shown_as_the_whole_one_is(units, decimals):
    irr = Fraction(units, 10**12)
    whole, short = (1 + irr) ** 12 - 1, compound_yearly(irr)
    assert percent(short, decimals) == percent(whole, decimals)
    assert 0 <= whole - short < Fraction(1, 10**24)
    assert short.denominator <= 10**24


@pytest.mark.parametrize(("received", "paid"), [(0, [1]), (100, [99]), (100, [-1, 200]), (1, [])])
def test_what_has_no_rate_is_refused(received, paid):
    with pytest.raises(BadInput, match="have no rate"):
        monthly_irr(received, paid)
