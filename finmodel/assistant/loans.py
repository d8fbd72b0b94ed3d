"""One loan, the credit line it was drawn under, and what was paid: the ledger's view, in records.

A ledger's fields come in, checked where they contradict each other; frozen records go out. What is
owed on a day is `standing.py`'s to say.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, TypeAlias

from msgspec import Meta, Struct

from finmodel.assistant.products import Months, Terms
from finmodel.assistant.schedules import Instalment, month_after, plan
from finmodel.errors import BadInput

Fen: TypeAlias = Annotated[int, Meta(gt=0, le=10**12)]
"""Money in 分."""


class Payment(Struct, frozen=True, gc=False):
    """Money that a customer paid in."""

    on: date
    amount: Fen


class Loan(Struct, frozen=True, kw_only=True):
    """One drawdown on a product's terms; the instalments are due monthly from `first_due`."""

    terms: Terms
    principal: Fen
    drawn_on: date
    first_due: date
    instalments: Months
    payments: tuple[Payment, ...] = ()
    """In the order of their dates."""

    def __post_init__(self) -> None:
        days = [self.drawn_on, *(one.on for one in self.payments)]
        wrong = {
            "`first_due` must be 1 to 62 days after `drawn_on`": not 1
            <= (self.first_due - self.drawn_on).days
            <= 62,
            f"{self.terms.name} has no {self.instalments} instalments": self.instalments
            not in self.terms.instalments,
            "a payment is before the one in front of it, or before the loan": days != sorted(days),
            "an instalment would be under 1 分": self.principal < self.instalments,
        }
        for what, so in wrong.items():
            if so:
                raise BadInput(what, where="loan", remedy="mend the ledger's row")

    def plan(self) -> tuple[Instalment, ...]:
        """The instalments as agreed."""
        return plan(self.terms, self.principal, self.drawn_on, self.first_due, self.instalments)

    def paid(self, *payments: Payment) -> Loan:
        """The same loan with more payments behind those that it has."""
        return Loan(
            terms=self.terms,
            principal=self.principal,
            drawn_on=self.drawn_on,
            first_due=self.first_due,
            instalments=self.instalments,
            payments=(*self.payments, *payments),
        )

    @property
    def last_due(self) -> date:
        """The last instalment's due date."""
        return month_after(self.first_due, self.instalments - 1)


class Line(Struct, frozen=True, kw_only=True):
    """What the ledger knows of a customer beside the loan; no name, no number of a person."""

    credit_limit: Fen
    used_elsewhere: Annotated[int, Meta(ge=0, le=10**12)] = 0
    """Principal outstanding on other loans under the same limit, in 分."""
    application_date: date
    bank_card_tail: Annotated[str, Meta(pattern=r"^\d{4}$")]
    hotline: Annotated[str, Meta(min_length=3, max_length=20)] = "400-000-0000"
    service_hours: Annotated[str, Meta(min_length=1, max_length=40)] = "8:00-22:00"
    lender_name: Annotated[str, Meta(min_length=1, max_length=40)] = "示例消费金融"
