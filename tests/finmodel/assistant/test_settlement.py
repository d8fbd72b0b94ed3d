"""Early settlement against accounts written out by hand and by the day."""

from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finmodel.assistant.loans import Loan, Payment
from finmodel.assistant.products import load_products, product_named
from finmodel.assistant.settlement import settle
from finmodel.assistant.standing import standing
from finmodel.errors import BadInput

DRAWN, FIRST = date(2026, 1, 10), date(2026, 2, 10)


def loan(product, paid=0, principal=1_200_000):
    lent = Loan(
        terms=product_named(product),
        principal=principal,
        instalments=12,
        drawn_on=DRAWN,
        first_due=FIRST,
    )
    return lent.paid(*(Payment(row.due, row.total) for row in lent.plan()[:paid]))


def test_ten_days_of_a_line_cost_ten_days():
    """12,000 元 at 0.05 % a day is 6 元 a day; settling is free."""
    closing = settle(loan("credit_line"), DRAWN + timedelta(10))
    assert (closing.interest, closing.fee, closing.total) == (6_000, 0, 1_206_000)
    assert closing.per_day == 600


def test_a_cash_loan_after_two_instalments():
    """By hand: principal left 10,147.84 元, five days at 0.05 %, 1 % for settling early."""
    lent = loan("cash_loan", paid=2)
    closing = settle(lent, date(2026, 3, 15))
    assert closing.principal == 1_200_000 - 91_909 - 93_307
    assert closing.interest == 2_537
    assert closing.fee == 10_148
    left = sum(row.total for row in lent.plan()[2:])
    assert closing.saved == left - closing.total


def test_settling_is_free_after_six_instalments():
    assert settle(loan("cash_loan", paid=5), date(2026, 7, 1)).fee > 0
    assert settle(loan("cash_loan", paid=6), date(2026, 8, 1)).fee == 0


def test_the_running_periods_fee_is_due_and_later_ones_are_not():
    lent = loan("purchase_instalment", paid=2)
    assert settle(lent, date(2026, 3, 10)).fee == 0
    assert settle(lent, date(2026, 3, 11)).fee == 7_200
    assert settle(lent, date(2026, 3, 11)).saved == 9 * 7_200


def test_an_instalment_paid_ahead_is_not_paid_again():
    """Paid on the 8th for the 10th, settled on the 9th: the whole period's interest is in."""
    lent = loan("cash_loan").paid(Payment(date(2026, 2, 8), 110_159))
    closing = settle(lent, date(2026, 2, 9))
    assert (closing.principal, closing.interest) == (1_200_000 - 91_909, 0)


products = st.sampled_from(sorted(load_products()))


@given(products, st.integers(0, 11), st.integers(0, 27), st.integers(1_000_00, 100_000_00))
def test_interest_is_counted_by_the_day(product, paid, days, principal):
    lent = loan(product, paid, principal)
    begins = lent.plan()[paid].begins
    closing = settle(lent, begins + timedelta(days))
    terms = lent.terms
    year = Decimal(terms.yearly_rate.numerator) / terms.yearly_rate.denominator
    exact = Decimal(closing.principal) * year * days / terms.day_count
    assert closing.interest == int(exact.quantize(Decimal(1), ROUND_HALF_UP))
    assert closing.principal == sum(row.principal for row in lent.plan()[paid:])
    assert closing.penalty == 0


@given(products, st.integers(0, 400))
def test_paying_what_settling_costs_covers_principal_arrears_and_penalty(product, days):
    day = DRAWN + timedelta(days)
    lent = loan(product)
    closing, at = settle(lent, day), standing(lent, day)
    assert closing.total == closing.principal + closing.interest + closing.fee + closing.penalty
    assert closing.principal == at.principal
    assert closing.total >= at.principal + sum(row.total - row.principal for row in at.overdue)
    if day > lent.last_due:  # nothing is early any more
        assert closing.total == sum(row.total for row in at.rows)
        assert closing.saved == 0


def test_a_loan_paid_back_cannot_be_settled():
    with pytest.raises(BadInput, match="it is paid back"):
        settle(loan("cash_loan", paid=12), date(2027, 1, 10))
