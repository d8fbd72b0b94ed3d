"""Who writes to the lender: a line, perhaps a loan with what was paid on it, and how they stand.

A seed and a number come in, a customer goes out, the same each time. Payments are made as a ledger
takes them: on the day, within the grace, late with their penalty, or no more.
"""

from __future__ import annotations

from datetime import date, timedelta
from fractions import Fraction
from random import Random
from typing import Final

import msgspec
from msgspec import Struct

from finmodel.assistant.facts import Facts, facts_of
from finmodel.assistant.loans import Line, Loan, Payment
from finmodel.assistant.products import Terms, load_products
from finmodel.assistant.schedules import month_after
from finmodel.assistant.standing import standing
from finmodel.conversations import Account
from finmodel.lender.talk.people import digits
from finmodel.lender.talk.phrasings import Part
from finmodel.lender.talk.templates import pick, weighted

SERVICE: Final = {"hotline": "400-000-0000", "service_hours": "8:00-22:00"}
_SPLITS: Final[dict[Part, int]] = {"train": 80, "validation": 10, "test": 10}
_KINDS: Final = {
    "visitor": 8,
    "applied": 6,
    "declined": 5,
    "settled": 11,
    "overdue": 32,
    "current": 38,
}


class Customer(Struct, frozen=True, kw_only=True):
    """One customer of the simulated lender, and the first day on which they write."""

    id: str
    split: Part
    consent: bool
    day: date
    line: Line | None
    loan: Loan | None
    declined: bool
    product: str

    def account(self, as_of: date) -> Account:
        """How they stand at the end of a day."""
        if self.loan is None:
            if self.line is None:
                return "visitor"
            return "declined" if self.declined else "applied"
        at = standing(self.loan, as_of)
        if at.overdue:
            return "overdue"
        return "current" if at.current else "settled"

    def facts(self, as_of: date) -> Facts:
        """What may be said of them at the end of a day, once they are verified."""
        if self.loan is not None and self.line is not None:
            return facts_of(self.loan, self.line, as_of)
        found: dict[str, int | str] = {**SERVICE}
        if self.line is not None:
            found["application_date"] = self.line.application_date.isoformat()
            found["product_name"] = self.product
        return Facts.of_plain(found)


def customer(seed: int, number: int, start: date, days: int) -> Customer:
    """The customer of a number; their first conversation is within `days` from `start`."""
    chance = Random(f"customer {seed} {number}")
    day = start + timedelta(int(chance.random() * days))
    kind = weighted(_KINDS, chance)
    terms = pick(list(load_products().values()), chance)
    line = None if kind == "visitor" else _line(day, chance)
    loan = None
    if line is not None and kind not in ("applied", "declined"):
        loan = _loan(terms, line, day, kind, chance)
        line = _dated(line, loan, chance)
    return Customer(
        id=f"u{seed}-{number}",
        split=weighted(_SPLITS, chance),
        consent=chance.random() < 0.85,
        day=day,
        line=line,
        loan=loan,
        declined=kind == "declined",
        product=terms.name,
    )


def _line(day: date, chance: Random) -> Line:
    """Applied for in the last days; for whoever has a loan it is dated before that later."""
    return Line(
        credit_limit=100_000 * int(3 + 197 * chance.random() ** 2),
        application_date=day - timedelta(int(chance.random() * 12)),
        bank_card_tail=digits(4, chance),
        hotline=SERVICE["hotline"],
        service_hours=SERVICE["service_hours"],
    )


def _dated(line: Line, loan: Loan, chance: Random) -> Line:
    """The line as it was applied for before the loan, perhaps with other loans under it."""
    applied = loan.drawn_on - timedelta(1 + int(chance.random() * 40))
    room = line.credit_limit - loan.principal
    elsewhere = int(room * chance.random()) // 10_000 * 10_000 if chance.random() < 0.3 else 0
    return msgspec.structs.replace(line, used_elsewhere=elsewhere, application_date=applied)


def _loan(terms: Terms, line: Line, day: date, kind: str, chance: Random) -> Loan:
    count = pick(terms.instalments, chance)
    share = Fraction(1 + int(chance.random() * 100), 100)
    principal = max(int(line.credit_limit * share) // 10_000, 5) * 10_000
    gone = _gone(count, kind, chance)
    first_due, drawn = _dates(day, gone, chance)
    loan = Loan(
        terms=terms, principal=principal, drawn_on=drawn, first_due=first_due, instalments=count
    )
    if kind != "overdue":
        return _paid(loan, count, chance)
    missed = 1 + int(chance.random() ** 2 * min(3, gone))
    loan = _paid(loan, min(gone, count) - missed, chance)
    return _paid_in_part(loan, chance) if chance.random() < 0.3 else loan


def _gone(count: int, kind: str, chance: Random) -> int:
    """How many due dates have gone by."""
    if kind == "settled":
        return count + int(chance.random() * 4)
    least = 1 if kind == "overdue" else 0
    return least + int(chance.random() * (count - least))


def _dates(day: date, gone: int, chance: Random) -> tuple[date, date]:
    """The first due date, so that so many lie before a day, and the day of the drawdown."""
    last = date(day.year, day.month, 1 + int(chance.random() * 28))
    last = last if last < day else month_after(last, -1)
    first_due = month_after(last, 1 - gone)
    drawn = month_after(first_due, -1) + timedelta(int(chance.random() * 12))
    return first_due, min(drawn, day)


def _paid(loan: Loan, count: int, chance: Random) -> Loan:
    """The first instalments paid: mostly on their day, sometimes early, in the grace, or late."""
    payments: list[Payment] = []
    for row in loan.plan()[:count]:
        days, behind = _delay(loan.terms.grace_days, chance)
        before = payments[-1].on if payments else loan.drawn_on
        on, owed = max(row.due + timedelta(days), before), row.total
        if behind or on > row.due + timedelta(loan.terms.grace_days):
            late = standing(loan.paid(*payments), on).overdue
            owed = sum(one.total for one in late)
        payments.append(Payment(on, owed))
    return loan.paid(*payments)


def _delay(grace_days: int, chance: Random) -> tuple[int, bool]:
    """Days after the due date, and whether they cost a penalty."""
    draw = chance.random()
    if draw < 0.7:
        return 0, False
    if draw < 0.85:
        return -1 - int(chance.random() * 6), False
    if draw < 0.96:
        return int(chance.random() * (grace_days + 1)), False
    return grace_days + 1 + int(chance.random() * 12), True


def _paid_in_part(loan: Loan, chance: Random) -> Loan:
    """Something of the next instalment, some days after it was due."""
    row = loan.plan()[len(loan.payments)]
    last = loan.payments[-1].on if loan.payments else loan.drawn_on
    on = max(row.due + timedelta(int(chance.random() * 10)), last)
    return loan.paid(Payment(on, max(int(row.total * chance.random()), 1)))
