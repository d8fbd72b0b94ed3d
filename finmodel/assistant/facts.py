"""The facts that a reply may state: each slot's value for one loan on one day, with its source.

A loan, its line and a date come in, or plain values that were stored; `Facts` go out, and texts
with their slots filled. A slot without a value is refused, never guessed. Who may see them is not
known here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from fractions import Fraction
from functools import lru_cache
from typing import Any, TypeAlias

from msgspec import Struct

from finmodel.assistant.loans import Line, Loan
from finmodel.assistant.money import chinese_date, half_up, percent, yuan
from finmodel.assistant.rates import compound_yearly, monthly_irr, simple_yearly, yearly_of_daily
from finmodel.assistant.schedules import total_interest
from finmodel.assistant.settlement import Settlement, settle_at
from finmodel.assistant.slots import SLOTS, Slot, places, slot_named
from finmodel.assistant.standing import Standing, standing
from finmodel.errors import BadInput, NotFound

Value: TypeAlias = int | Fraction | date | str
"""Money (分) and counts are int, rates Fractions of 1."""
Plain: TypeAlias = int | str
"""The same for JSON: dates as ISO text, rates as `"73/400"`."""


class Fact(Struct, frozen=True):
    """One slot's value, as shown, and where it comes from."""

    slot: Slot
    value: Value
    detail: str = ""
    """The formula with its figures, where there is one worth showing."""

    @property
    def shown(self) -> str:
        """As it stands in a reply."""
        return show(self.slot, self.value)

    @property
    def source(self) -> str:
        """The ledger's field or the formula."""
        return f"{self.slot.home}: {self.slot.source}{f' = {self.detail}' if self.detail else ''}"


class Use(Struct, frozen=True):
    """A fact in a filled text: `text[start:end]` is its value as shown."""

    fact: Fact
    start: int
    end: int


class Filled(Struct, frozen=True):
    """A text whose slots are filled, and which fact stands where."""

    text: str
    uses: tuple[Use, ...]


class Facts(Mapping[str, Fact]):
    """What may be said of one loan on one day, by slot.

    >>> facts = Facts.of_plain({"amount_due": 123450, "due_date": "2026-06-03"})
    >>> facts.fill("您本期应还{amount_due}，还款日{due_date}。").text
    '您本期应还1,234.50元，还款日2026年6月3日。'
    """

    def __init__(self, facts: Mapping[str, Fact]) -> None:
        self._facts = dict(facts)

    def __getitem__(self, name: str) -> Fact:
        return self._facts[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._facts)

    def __len__(self) -> int:
        return len(self._facts)

    def __repr__(self) -> str:
        return f"Facts({', '.join(self._facts)})"  # values are a customer's: no log may get them

    def missing(self, text: str) -> tuple[str, ...]:
        """The slots of a text that have no value here."""
        named = dict.fromkeys(slot_named(name).name for name, _, _ in places(text))
        return tuple(name for name in named if name not in self._facts)

    def fill(self, text: str) -> Filled:
        """The text with each slot's value in its place; raises `NotFound` for one without."""
        done, uses, at, length = [], [], 0, 0
        for name, start, end in places(text):
            slot_named(name)
            if name not in self._facts:
                raise NotFound(
                    "this customer has no such value today",
                    where=f"{{{name}}}",
                    remedy="take a script without it",
                )
            fact = self._facts[name]
            begin = length + start - at
            done += [text[at:start], fact.shown]
            uses.append(Use(fact, begin, begin + len(fact.shown)))
            at, length = end, begin + len(fact.shown)
        return Filled("".join([*done, text[at:]]), tuple(uses))

    def plain(self) -> dict[str, Plain]:
        """The values for JSON."""
        return {name: _to_plain(fact.value) for name, fact in self._facts.items()}

    @classmethod
    def of_plain(cls, given: Mapping[str, Plain]) -> Facts:
        """Facts from what `plain` gave; raises `BadInput` for a value of the wrong kind."""
        return cls({name: Fact(slot_named(name), _of_plain(name, given[name])) for name in given})


def show(slot: Slot, value: Value) -> str:
    """A value as scripts show it.

    >>> show(slot_named("daily_rate"), Fraction(18, 36_500))
    '0.049315%'
    """
    if slot.kind == "money" and isinstance(value, int):
        return yuan(value)
    if slot.kind == "date" and isinstance(value, date):
        return chinese_date(value)
    if slot.kind == "rate" and isinstance(value, Fraction):
        return percent(value, slot.most_decimals)
    return str(value)


def facts_of(loan: Loan, line: Line, as_of: date) -> Facts:
    """All that may be said of a loan at the end of a day; a slot that has no value is left out.

    Raises `BadInput` where the loan was not drawn yet or more was paid than owed.
    """
    at = standing(loan, as_of)
    values = _ledger(loan, line, at) | _costs(loan) | _late(at)
    details: dict[str, str] = {}
    if any(row.total for row in at.rows):
        closing = settle_at(loan, at)
        values |= _closing(closing)
        parts = (closing.principal, closing.interest, closing.fee, closing.penalty)
        details["settlement_total"] = " + ".join(map(yuan, parts))
    return Facts(
        {
            name: Fact(slot, values[name], details.get(name, ""))
            for name, slot in SLOTS.items()
            if name in values
        }
    )


def _ledger(loan: Loan, line: Line, at: Standing) -> dict[str, Value]:
    found: dict[str, Value] = {
        "lender_name": line.lender_name,
        "product_name": loan.terms.name,
        "credit_limit": line.credit_limit,
        "available_limit": max(line.credit_limit - line.used_elsewhere - at.principal, 0),
        "loan_amount": loan.principal,
        "loan_date": loan.drawn_on,
        "principal_outstanding": at.principal,
        "instalments_total": loan.instalments,
        "instalments_left": loan.instalments - at.paid_instalments,
        "last_due_date": loan.last_due,
        "bank_card_tail": line.bank_card_tail,
        "grace_days": loan.terms.grace_days,
        "application_date": line.application_date,
        "hotline": line.hotline,
        "service_hours": line.service_hours,
    }
    if at.last_payment:
        found["last_payment_amount"] = at.last_payment.amount
        found["last_payment_date"] = at.last_payment.on
    return found | _current(loan, at)


def _current(loan: Loan, at: Standing) -> dict[str, Value]:
    late = sum(row.total for row in at.overdue)
    row = at.current or (at.overdue[-1] if at.overdue else None)
    if row is None:
        return {"amount_due": 0}
    due = row.planned.due
    return {
        "amount_due": late + (at.current.total if at.current else 0),
        "due_date": due,
        "statement_date": date.fromordinal(due.toordinal() - loan.terms.statement_days),
        "instalment_number": row.planned.number,
        "monthly_payment": row.planned.total,
    }


def _costs(loan: Loan) -> dict[str, Value]:
    rows = loan.plan()
    upfront = half_up(loan.terms.upfront_fee * loan.principal)
    interest, fee = total_interest(rows), upfront + sum(row.fee for row in rows)
    irr = _irr(loan.principal - upfront, tuple(row.total for row in rows))
    found: dict[str, Value] = {
        "total_interest": interest,
        "total_fee": fee,
        "total_repayment": loan.principal + interest + fee,
        "apr_simple": simple_yearly(irr),
        "apr_compound": compound_yearly(irr),
        "penalty_rate": loan.terms.penalty_rate,
    }
    if loan.terms.daily_rate:
        found["daily_rate"] = loan.terms.daily_rate
        found["contract_rate"] = yearly_of_daily(loan.terms.daily_rate, loan.terms.day_count)
    return found


@lru_cache(maxsize=4_096)
def _irr(received: int, instalments: tuple[int, ...]) -> Fraction:
    return monthly_irr(received, instalments)


def _late(at: Standing) -> dict[str, Value]:
    late = at.overdue
    amount, penalty = sum(row.without_penalty for row in late), sum(row.penalty for row in late)
    return {
        "overdue_amount": amount,
        "days_past_due": at.days_past_due,
        "overdue_interest": sum(row.interest for row in late),
        "penalty_interest": penalty,
        "overdue_total": amount + penalty,
    }


def _closing(closing: Settlement) -> dict[str, Value]:
    found: dict[str, Value] = {
        "settlement_total": closing.total,
        "settlement_principal": closing.principal,
        "settlement_interest": closing.interest,
        "settlement_fee": closing.fee,
        "interest_per_day": closing.per_day,
    }
    return found | ({"interest_saved": closing.saved} if closing.saved > 0 else {})


def _to_plain(value: Value) -> Plain:
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, Fraction) else value


def _of_plain(name: str, given: Any) -> Value:
    kind = slot_named(name).kind
    try:
        if kind in ("money", "count") and type(given) is int:
            return given
        if isinstance(given, str):
            readers: dict[str, Any] = {"date": date.fromisoformat, "rate": Fraction, "text": str}
            read: Value = readers[kind](given)
            return read
    except (KeyError, ValueError, ZeroDivisionError) as error:
        raise _no_value(name, kind, given) from error
    raise _no_value(name, kind, given)


def _no_value(name: str, kind: str, given: Any) -> BadInput:
    return BadInput(
        f"{type(given).__name__} is no {kind}",
        where=name,
        remedy='money in 分 and counts as integers, dates as "2026-06-03", rates as "73/400"',
    )
