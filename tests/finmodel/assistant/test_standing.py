"""What a loan owes, against a day-by-day account in decimals that knows nothing of stretches."""

from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finmodel.assistant.loans import Loan, Payment
from finmodel.assistant.products import load_products, product_named
from finmodel.assistant.standing import standing
from finmodel.errors import BadInput

DRAWN, FIRST = date(2026, 1, 10), date(2026, 2, 10)
PRODUCTS = sorted(load_products().values(), key=lambda one: one.product)


def loan(terms=None, **changes):
    given = {"principal": 1_200_000, "instalments": 12, "drawn_on": DRAWN, "first_due": FIRST}
    return Loan(terms=terms or product_named("cash_loan"), **given | changes)


class Diary:
    """The same loan lived through day by day, in decimals."""

    def __init__(self, lent):
        self.terms, self.rows = lent.terms, lent.plan()
        self.unpaid = [
            {"fee": row.fee, "interest": row.interest, "principal": row.principal}
            for row in self.rows
        ]
        self.penalty = [Decimal(0) for _ in self.rows]
        self.in_grace = [Decimal(0) for _ in self.rows]
        self.paid_penalty = [0 for _ in self.rows]

    def bears(self, nth):
        kinds = ["principal"]
        if self.terms.penalty_on == "principal_and_interest":
            kinds.append("interest")
        return sum(self.unpaid[nth][kind] for kind in kinds)

    def night(self, day):
        """The night before `day` costs a late instalment one day's penalty."""
        rate = Decimal(self.terms.penalty_rate.numerator) / self.terms.penalty_rate.denominator
        for nth, row in enumerate(self.rows):
            late = (day - row.due).days
            if late < 1:
                continue
            cost = self.bears(nth) * rate
            if late <= self.terms.grace_days:
                self.in_grace[nth] += cost if self.terms.penalty_from == "due_date" else 0
                continue
            if self.bears(nth):
                self.penalty[nth] += cost + self.in_grace[nth]
                self.in_grace[nth] = Decimal(0)

    def owed(self, nth, kind):
        if kind != "penalty":
            return self.unpaid[nth][kind]
        rounded = int(self.penalty[nth].quantize(Decimal(1), ROUND_HALF_UP))
        return rounded - self.paid_penalty[nth]

    def pay(self, day, amount):
        turns = []
        if self.terms.across == "kind":
            for kind in self.terms.allocation:
                turns += [(nth, kind) for nth, row in enumerate(self.rows) if row.due <= day]
        turns += [(nth, kind) for nth in range(len(self.rows)) for kind in self.terms.allocation]
        for nth, kind in turns:
            part = min(amount, self.owed(nth, kind))
            amount -= part
            if kind == "penalty":
                self.paid_penalty[nth] += part
            else:
                self.unpaid[nth][kind] -= part


payments = st.lists(st.tuples(st.integers(1, 60), st.integers(1, 250_000)), min_size=0, max_size=5)


@settings(max_examples=150)
@given(st.sampled_from(PRODUCTS), payments, st.integers(0, 60))
def test_payments_and_penalty_are_those_of_a_day_by_day_account(terms, paid, after):
    lent, day, diary = loan(terms), DRAWN, Diary(loan(terms))
    for gap, amount in paid:
        for _ in range(gap):
            day += timedelta(1)
            diary.night(day)
        diary.pay(day, amount)
        lent = lent.paid(Payment(day, amount))
    for _ in range(after):
        day += timedelta(1)
        diary.night(day)
    at = standing(lent, day)
    kinds = ("fee", "penalty", "interest", "principal")
    assert [[getattr(row, kind) for kind in kinds] for row in at.rows] == [
        [diary.owed(nth, kind) for kind in kinds] for nth in range(12)
    ]
    late = [row.due for nth, row in enumerate(lent.plan()) if row.due < day and at.rows[nth].total]
    assert at.days_past_due == ((day - late[0]).days if late else 0)
    charged = sum(row.planned.total + row.penalty for row in at.rows) + sum(diary.paid_penalty)
    assert charged - sum(row.total for row in at.rows) == sum(amount for _, amount in paid)


def test_the_grace_costs_nothing_and_a_day_more_does():
    third, fourth = date(2026, 2, 13), date(2026, 2, 14)
    assert standing(loan(), third).days_past_due == 3
    assert standing(loan(), third).rows[0].penalty == 0
    # 0.075 % of 919.09 元, from the end of the grace
    assert standing(loan(), fourth).rows[0].penalty == 69
    back = msgspec.structs.replace(product_named("cash_loan"), penalty_from="due_date")
    assert standing(loan(back), third).rows[0].penalty == 0
    assert standing(loan(back), fourth).rows[0].penalty == 276  # four days of it


def test_a_payment_pays_fee_penalty_interest_then_principal_of_the_oldest():
    late = date(2026, 3, 20)
    owed = standing(loan(), late).rows[0]
    short = owed.penalty + owed.interest + 1
    row = standing(loan(payments=(Payment(late, short),)), late).rows[0]
    assert (row.penalty, row.interest, row.principal) == (0, 0, owed.principal - 1)


def test_all_penalties_before_all_interest_where_the_product_says_so():
    by_kind = product_named("equal_principal_loan")
    late = date(2026, 3, 20)
    owed = standing(loan(by_kind), late)
    money = sum(row.penalty + row.interest for row in owed.overdue)
    after = standing(loan(by_kind, payments=(Payment(late, money),)), late)
    assert [(row.penalty, row.interest) for row in after.rows[:2]] == [(0, 0), (0, 0)]
    assert after.principal == owed.principal


def test_a_loan_paid_back_has_nothing_left():
    lent = loan()
    for row in lent.plan():
        lent = lent.paid(Payment(row.due, row.total))
    at = standing(lent, lent.last_due)
    assert (at.principal, at.overdue, at.current, at.paid_instalments) == (0, (), None, 12)


def test_more_money_than_was_owed_is_refused():
    with pytest.raises(BadInput, match=r"payment of 2026-01-20: .* more was paid than the loan"):
        standing(loan(payments=(Payment(date(2026, 1, 20), 2_000_000),)), date(2026, 1, 20))


def test_a_day_before_the_loan_is_refused():
    with pytest.raises(BadInput, match="was not drawn yet; ask for 2026-01-10 or later"):
        standing(loan(), date(2026, 1, 9))


def test_later_payments_are_not_known_yet():
    lent = loan(payments=(Payment(date(2026, 2, 10), 110_159),))
    assert standing(lent, date(2026, 2, 9)).last_payment is None
    assert standing(lent, date(2026, 2, 10)).paid_instalments == 1


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"first_due": DRAWN}, "`first_due` must be 1 to 62 days after"),
        ({"instalments": 7}, "随心贷 has no 7 instalments"),
        ({"payments": (Payment(date(2026, 1, 1), 1),)}, "a payment is before"),
        ({"principal": 5}, "under 1 分"),
    ],
)
def test_a_ledger_row_that_contradicts_itself_is_refused(changes, what):
    with pytest.raises(BadInput, match=what):
        loan(**changes)
