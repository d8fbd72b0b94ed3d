"""Plans against published tables and an amortisation in decimals, and what holds for every plan."""

import calendar
from datetime import date, timedelta
from decimal import Decimal, localcontext
from fractions import Fraction

import msgspec
import pytest
from dateutil.relativedelta import relativedelta
from hypothesis import given
from hypothesis import strategies as st

from finmodel.assistant.products import load_products, product_named
from finmodel.assistant.schedules import equal_payment, month_after, plan, total_interest

DRAWN, FIRST = date(2026, 1, 10), date(2026, 2, 10)


def terms(**changes):
    return msgspec.structs.replace(product_named("cash_loan"), **changes)


def test_numpys_published_payment():
    """numpy.pmt(0.075/12, 12*15, 200000) = -1854.0247200054619."""
    assert equal_payment(20_000_000, Fraction(75, 12_000), 180) == 185_402


def test_numpys_published_table():
    """numpy.ipmt's example: $2,500 over a year at 8.24 %; a cent may differ by the rounding."""
    interest = [1717, 1579, 1440, 1301, 1160, 1018, 876, 732, 588, 442, 296, 149]
    left = [229942, 209746, 189411, 168937, 148322, 127566, 106667, 85625, 64438, 43105, 21626, 0]
    rows = plan(terms(yearly_rate=Fraction(824, 10_000)), 250_000, DRAWN, FIRST, 12)
    balance = 250_000
    for row, its_interest, its_left in zip(rows, interest, left, strict=True):
        balance -= row.principal
        assert abs(row.interest - its_interest) <= 1
        assert abs(balance - its_left) <= 2
    assert abs(total_interest(rows) - 11_298) <= 2


principals = st.integers(100_00, 100_000_00)
counts = st.integers(1, 60)
rates = st.integers(0, 3_600).map(lambda bp: Fraction(bp, 10_000))
products = st.sampled_from(sorted(load_products().values(), key=lambda one: one.product))
firsts = st.integers(28, 31).map(lambda days: DRAWN + timedelta(days))


@given(principals, rates, counts)
def test_equal_instalments_are_the_annuity_of_fifty_digits(principal, rate, count):
    with localcontext() as context:
        context.prec = 50
        monthly = Decimal(rate.numerator) / Decimal(rate.denominator) / 12
        if monthly:
            exact = principal * monthly / (1 - (1 + monthly) ** -count)
        else:
            exact = Decimal(principal) / count
        assert abs(equal_payment(principal, rate / 12, count) - exact) <= Decimal("0.5")
        rows = plan(terms(yearly_rate=rate), principal, DRAWN, FIRST, count)
        balance, grown = principal, Decimal(principal)
        for number, row in enumerate(rows[:-1], start=1):
            balance -= row.principal
            grown = grown * (1 + monthly) - exact
            # half a 分 of payment and of interest a period, each of which bears interest
            assert abs(balance - grown) <= number * (1 + monthly) ** number
    assert {row.total for row in rows[:-1]} <= {equal_payment(principal, rate / 12, count)}


@given(products, principals, counts, firsts)
def test_what_holds_for_every_plan(product, principal, count, first):
    rows = plan(product, principal, DRAWN, first, count)
    assert sum(row.principal for row in rows) == principal
    assert [row.number for row in rows] == list(range(1, count + 1))
    assert [row.due for row in rows] == [first + relativedelta(months=k) for k in range(count)]
    assert [row.begins for row in rows] == [DRAWN, *(row.due for row in rows[:-1])]
    assert min(min(row.principal, row.interest, row.fee) for row in rows) >= 0
    assert {type(row.principal) for row in rows} == {int}


@given(principals, counts)
def test_equal_principal_and_daily_interest_count_days(principal, count):
    line = product_named("credit_line")
    rows = plan(line, principal, DRAWN, FIRST, count)
    assert max(abs(row.principal - Fraction(principal, count)) for row in rows[:-1] or rows) <= 1
    balance = principal
    for row in rows:
        days = calendar.monthrange(row.begins.year, row.begins.month)[1]
        exact = Decimal(balance) * days * Decimal("0.18") / 360
        assert abs(row.interest - exact) <= Decimal("0.5")
        balance -= row.principal


def test_interest_first_leaves_the_principal_to_the_end():
    rows = plan(product_named("salary_advance"), 1_000_000, DRAWN, FIRST, 3)
    assert [row.principal for row in rows] == [0, 0, 1_000_000]
    assert [row.interest for row in rows] == [12_400, 11_200, 12_400]  # 31, 28 and 31 days at 4 元


def test_a_fee_is_a_share_of_the_first_principal():
    rows = plan(product_named("purchase_instalment"), 1_200_000, DRAWN, FIRST, 12)
    assert {(row.fee, row.interest, row.total) for row in rows} == {(7_200, 0, 107_200)}


@given(st.dates(date(2000, 1, 1), date(2080, 1, 1)), st.integers(0, 120))
def test_months_are_counted_as_dateutil_counts_them(day, months):
    assert month_after(day, months) == day + relativedelta(months=months)


@pytest.mark.parametrize("count", [3, 6, 12, 24, 36])
def test_half_a_fen_goes_up(count):
    """12 % of 50 分 a month is half a 分."""
    rows = plan(terms(yearly_rate=Fraction(12, 100)), 50, DRAWN, FIRST, count)
    assert rows[0].interest == 1
