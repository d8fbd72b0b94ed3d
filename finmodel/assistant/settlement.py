"""Settling early: what a loan costs to close on a day, and what that saves.

A loan and a day come in, sums in 分 go out: all unpaid principal, the interest to the day by the
product's day count, fees, and any penalty. Whether a customer may settle is not known here.
"""

from __future__ import annotations

from datetime import date

from msgspec import Struct

from finmodel.assistant.loans import Loan
from finmodel.assistant.money import half_up
from finmodel.assistant.standing import Owed, Standing, standing
from finmodel.errors import BadInput


class Settlement(Struct, frozen=True, gc=False):
    """What closes a loan on a day, in 分."""

    principal: int
    interest: int
    """Billed and unpaid, and from the period's begin to the day; never more than the period's."""
    fee: int
    """Billed and unpaid, the running period's, and the charge for settling early."""
    penalty: int
    per_day: int
    """What one day more costs in interest on the principal that is not due yet."""
    saved: int
    """What the plan would still cost, less what settling costs, both without penalty."""

    @property
    def total(self) -> int:
        """What to pay."""
        return self.principal + self.interest + self.fee + self.penalty


def settle(loan: Loan, as_of: date) -> Settlement:
    """What closes the loan on a day; raises `BadInput` where nothing is left to close.

    >>> from finmodel.assistant.products import product_named
    >>> loan = Loan(terms=product_named("credit_line"), principal=1_200_000, instalments=12,
    ...     drawn_on=date(2026, 1, 10), first_due=date(2026, 2, 10))
    >>> closing = settle(loan, date(2026, 1, 20))
    >>> closing.principal, closing.interest, closing.fee, closing.total
    (1200000, 6000, 0, 1206000)
    """
    return settle_at(loan, standing(loan, as_of))


def settle_at(loan: Loan, at: Standing) -> Settlement:
    """The same for a standing that is at hand."""
    as_of = at.as_of
    if not any(row.total for row in at.rows):
        raise BadInput("it is paid back", where=f"settling on {as_of}", remedy="nothing is owed")
    billed = [row for row in at.rows if row.planned.due <= as_of]
    ahead = list(at.rows[len(billed) :])
    principal = at.principal
    interest = sum(row.interest for row in billed) + _interest_to_date(loan, ahead, as_of)
    fee = sum(row.fee for row in billed) + _period_fee(ahead, as_of) + _charge(loan, at, ahead)
    planned = sum(row.without_penalty for row in at.rows)
    return Settlement(
        principal=principal,
        interest=interest,
        fee=fee,
        penalty=sum(row.penalty for row in at.rows),
        per_day=half_up(loan.terms.daily_rate * sum(row.planned.principal for row in ahead)),
        saved=planned - principal - interest - fee,
    )


def _interest_to_date(loan: Loan, ahead: list[Owed], as_of: date) -> int:
    if not ahead:
        return 0
    period = ahead[0]
    bearing = sum(row.planned.principal for row in ahead)
    days = (as_of - period.planned.begins).days
    accrued = min(half_up(bearing * loan.terms.daily_rate * days), period.planned.interest)
    paid = period.planned.interest - period.interest
    return max(accrued - paid, 0)


def _period_fee(ahead: list[Owed], as_of: date) -> int:
    """The running period's fee is due whole; those of periods to come are waived."""
    begun = ahead and ahead[0].planned.begins < as_of
    return ahead[0].fee if begun else 0


def _charge(loan: Loan, at: Standing, ahead: list[Owed]) -> int:
    free_after = loan.terms.settlement_free_after
    if free_after is not None and at.paid_instalments >= free_after:
        return 0
    return half_up(loan.terms.settlement_fee * sum(row.principal for row in ahead))
