"""What a loan owes on a day: each instalment's unpaid fee, penalty, interest and principal.

A loan with its payments and a date come in, a `Standing` goes out. Payments are replayed in order:
before each, penalty is counted on what was late, exactly, and rounded only where it is stated. What
is paid before its day waits for its instalment; it lowers no interest.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from fractions import Fraction

from msgspec import Struct

from finmodel.assistant.loans import Loan, Payment
from finmodel.assistant.money import half_up, yuan
from finmodel.assistant.products import Part
from finmodel.assistant.schedules import Instalment
from finmodel.errors import BadInput


class Owed(Struct, frozen=True, gc=False):
    """One instalment's unpaid parts, in 分."""

    planned: Instalment
    fee: int
    penalty: int
    interest: int
    principal: int

    @property
    def without_penalty(self) -> int:
        """Unpaid fee, interest and principal."""
        return self.fee + self.interest + self.principal

    @property
    def total(self) -> int:
        """All that is unpaid of it."""
        return self.without_penalty + self.penalty


class Standing(Struct, frozen=True):
    """A loan as of the end of a day."""

    as_of: date
    rows: tuple[Owed, ...]
    last_payment: Payment | None

    @property
    def principal(self) -> int:
        """剩余本金."""
        return sum(row.principal for row in self.rows)

    @property
    def overdue(self) -> tuple[Owed, ...]:
        """Instalments whose day has gone by and of which something is unpaid."""
        return tuple(row for row in self.rows if row.planned.due < self.as_of and row.total)

    @property
    def days_past_due(self) -> int:
        """Counted from the oldest unpaid due date; 0 where nothing is late."""
        late = self.overdue
        return (self.as_of - late[0].planned.due).days if late else 0

    @property
    def current(self) -> Owed | None:
        """The next instalment to pay: unpaid, and not yet late; None behind the last."""
        ahead = (row for row in self.rows if row.planned.due >= self.as_of and row.total)
        return next(ahead, None)

    @property
    def paid_instalments(self) -> int:
        """Instalments of which nothing is unpaid."""
        return sum(row.total == 0 for row in self.rows)


class _Account:
    """One instalment while payments are replayed."""

    def __init__(self, loan: Loan, planned: Instalment) -> None:
        self.terms, self.planned, self.counted = loan.terms, planned, planned.due
        self.unpaid: dict[Part, int] = {
            "fee": planned.fee,
            "interest": planned.interest,
            "principal": planned.principal,
        }
        self.penalty, self.penalty_paid, self.late = Fraction(0), 0, False

    def count_to(self, day: date) -> None:
        """Penalty up to a day; within the grace it is only kept in mind."""
        grace_end = self.planned.due + timedelta(self.terms.grace_days)
        start = grace_end if self.terms.penalty_from == "grace_end" else self.planned.due
        base = self._bearing()
        if base and (days := (day - max(self.counted, start)).days) > 0:
            self.penalty += base * self.terms.penalty_rate * days
        self.late = self.late or (day > grace_end and base > 0)
        self.counted = max(self.counted, day)

    def _bearing(self) -> int:
        interest = self.terms.penalty_on == "principal_and_interest"
        return self.unpaid["principal"] + (self.unpaid["interest"] if interest else 0)

    def owes(self, part: Part) -> int:
        if part != "penalty":
            return self.unpaid[part]
        return half_up(self.penalty) - self.penalty_paid if self.late else 0

    def pay(self, part: Part, money: int) -> int:
        """Pay as much of a part as the money allows; what is left of the money."""
        paid = min(money, self.owes(part))
        if part == "penalty":
            self.penalty_paid += paid
        else:
            self.unpaid[part] -= paid
        return money - paid

    @property
    def closed(self) -> bool:
        """Whether nothing is owed of it any more; no penalty can come to it either."""
        return not any(self.unpaid.values()) and not self.owes("penalty")

    def owed(self) -> Owed:
        parts = {part: self.owes(part) for part in self.terms.allocation}
        return Owed(planned=self.planned, **parts)


def standing(loan: Loan, as_of: date) -> Standing:
    """The loan at the end of a day; later payments are not known yet.

    Raises `BadInput` for a day before the loan, and for more money than was ever owed.

    >>> from finmodel.assistant.products import product_named
    >>> loan = Loan(terms=product_named("cash_loan"), principal=1_200_000, instalments=12,
    ...     drawn_on=date(2026, 1, 10), first_due=date(2026, 2, 10))
    >>> at = standing(loan.paid(Payment(date(2026, 2, 9), 110_159)), date(2026, 3, 20))
    >>> at.days_past_due, at.overdue[0].without_penalty, at.overdue[0].penalty
    (10, 110159, 490)
    """
    if as_of < loan.drawn_on:
        raise BadInput(
            "the loan was not drawn yet",
            where=f"standing as of {as_of}",
            remedy=f"ask for {loan.drawn_on} or later",
        )
    accounts = [_Account(loan, planned) for planned in loan.plan()]
    unpaid, last = accounts, None
    for last in (one for one in loan.payments if one.on <= as_of):
        _count(unpaid, last.on)
        left = last.amount
        for account, part in _turns(loan, unpaid, last.on):
            left = account.pay(part, left)
            if not left:
                break
        while unpaid and unpaid[0].closed:
            unpaid = unpaid[1:]
        if left:
            raise BadInput(
                f"{yuan(left)} more was paid than the loan owed",
                where=f"payment of {last.on}",
                remedy="book it elsewhere",
            )
    _count(unpaid, as_of)
    return Standing(as_of, tuple(account.owed() for account in accounts), last)


def _count(accounts: list[_Account], day: date) -> None:
    for account in accounts:
        if account.planned.due >= day:
            break  # nor is any behind it late
        account.count_to(day)


def _turns(loan: Loan, accounts: list[_Account], on: date) -> Iterator[tuple[_Account, Part]]:
    """Who is paid after whom, on the product's terms."""
    by_kind = loan.terms.across == "kind"
    billed = [account for account in accounts if account.planned.due <= on] if by_kind else []
    yield from ((account, part) for part in loan.terms.allocation for account in billed)
    rest = accounts[len(billed) :]
    yield from ((account, part) for account in rest for part in loan.terms.allocation)
