"""A loan's plan: which instalment is due when, and how much of it is principal, interest and fee.

Terms, a principal in 分 and dates come in; instalments go out, the last of which takes the
remainder, so that their principal adds up to what was lent. What was paid is not known here.
"""

from __future__ import annotations

import calendar
from collections.abc import Sequence
from datetime import date
from fractions import Fraction
from functools import lru_cache

from msgspec import Struct

from finmodel.assistant.money import half_up
from finmodel.assistant.products import Terms


class Instalment(Struct, frozen=True, gc=False):
    """One instalment as planned; money in 分."""

    number: int
    """From 1."""
    due: date
    begins: date
    """Its interest is counted from here: the day before was paid for by the one before."""
    principal: int
    interest: int
    fee: int

    @property
    def total(self) -> int:
        """What is due."""
        return self.principal + self.interest + self.fee


@lru_cache(maxsize=1_024)
def plan(
    terms: Terms, principal: int, drawn: date, first_due: date, count: int
) -> tuple[Instalment, ...]:
    """`count` instalments, a month apart; a day that a month has not is the month's last.

    >>> from finmodel.assistant.products import product_named
    >>> loan = plan(
    ...     product_named("cash_loan"), 1_000_000, date(2026, 1, 31), date(2026, 2, 28), 12)
    >>> loan[0].total, loan[0].interest, sum(one.principal for one in loan)
    (91799, 15208, 1000000)
    """
    dues = [month_after(first_due, months) for months in range(count)]
    begins = [drawn, *dues[:-1]]
    fee = half_up(terms.instalment_fee * principal)
    left, rows = principal, []
    for number, (begin, due) in enumerate(zip(begins, dues, strict=True), start=1):
        interest = half_up(left * _period_rate(terms, begin, due))
        part = _principal_part(terms, principal, count, left, interest)
        part = left if number == count else min(part, left)
        rows.append(Instalment(number, due, begin, part, interest, fee))
        left -= part
    return tuple(rows)


@lru_cache(maxsize=1_024)
def equal_payment(principal: int, monthly_rate: Fraction, count: int) -> int:
    """等额本息: the payment P·i / (1 - (1 + i)^-n), exact, then rounded half up.

    >>> equal_payment(1_000_000, Fraction(1, 100), 12), equal_payment(1_200, Fraction(0), 12)
    (88849, 100)
    """
    if monthly_rate == 0:
        return half_up(Fraction(principal, count))
    growth = (1 + monthly_rate) ** count
    return half_up(principal * monthly_rate * growth / (growth - 1))


def month_after(day: date, months: int) -> date:
    """The same day so many months on, or that month's last.

    >>> month_after(date(2026, 1, 31), 1), month_after(date(2026, 1, 31), 2)
    (datetime.date(2026, 2, 28), datetime.date(2026, 3, 31))
    """
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def total_interest(instalments: Sequence[Instalment]) -> int:
    """All interest of a plan."""
    return sum(one.interest for one in instalments)


def _period_rate(terms: Terms, begin: date, due: date) -> Fraction:
    if terms.interest_by == "month":
        return terms.monthly_rate
    return terms.daily_rate * (due - begin).days


def _principal_part(terms: Terms, principal: int, count: int, left: int, interest: int) -> int:
    if terms.method == "equal_principal":
        return half_up(Fraction(principal, count))
    if terms.method == "interest_first":
        return 0
    return max(equal_payment(principal, terms.monthly_rate, count) - interest, 0)
