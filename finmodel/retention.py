"""How long a lender must keep which records, by which rule, and what is held after that.

The days of what is held, the day a relationship ended and periods come in; what still holds a
customer's records, until when and by which sentence, goes out. Knows no store, no file, no clock.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Final, Literal, NamedTuple, TypeAlias, get_args

from finmodel.errors import BadInput

Kind: TypeAlias = Literal[
    "identification", "transactions", "assessments", "logs", "conversations", "contacts"
]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)


class _Law(NamedTuple):
    months: int
    """The least that a setting may say."""
    words: str
    since: Literal["relationship", "record"]
    """Counted from the end of the relationship with the customer, or from the record itself."""
    source: str
    """Empty where no rule is known and a lender may have one of its own."""


_LAWS: Final[Mapping[Kind, _Law]] = {
    "identification": _Law(120, "identification", "relationship", "反洗钱法 (2024) art. 34"),
    "transactions": _Law(120, "transactions", "relationship", "反洗钱法 (2024) art. 34"),
    "assessments": _Law(36, "impact assessments", "record", "个人信息保护法 art. 56"),
    "logs": _Law(6, "system logs", "record", "网络安全法 art. 21"),
    "conversations": _Law(0, "conversations and what was written of them", "record", ""),
    "contacts": _Law(0, "marketing contacts", "record", ""),
}
"""Sources and what of them was confirmed: docs/privacy.md."""
_PART: Final = re.compile(r"\s*([a-z]+)\s*=\s*([0-9]{1,3})([ym])\s*")


@dataclass(frozen=True, slots=True)
class Periods:
    """Months that each kind of record is kept; never fewer than the law says."""

    identification: int = _LAWS["identification"].months
    transactions: int = _LAWS["transactions"].months
    assessments: int = _LAWS["assessments"].months
    logs: int = _LAWS["logs"].months
    conversations: int = 0
    """0: no period, erased as soon as it is asked for and nothing else holds the customer."""
    contacts: int = 0
    """Likewise."""

    def of(self, kind: Kind) -> int:
        """Of one kind."""
        months: int = getattr(self, kind)
        return months

    @property
    def text(self) -> str:
        """As `periods_of` reads it.

        >>> periods_of(Periods(logs=12).text) == Periods(logs=12)
        True
        """
        return ",".join(f"{kind}={months}m" for kind, months in asdict(self).items())


def periods_of(text: str) -> Periods:
    """Periods as a person writes them; what is not named is kept as long as the law says.

    >>> periods_of("transactions=15y, logs=12m")
    Periods(identification=120, transactions=180, assessments=36, logs=12, conversations=0, \
contacts=0)
    >>> periods_of("logs=3m")
    Traceback (most recent call last):
    finmodel.errors.BadInput: FINMODEL_KEEP: system logs would be kept for 3 months, and \
网络安全法 art. 21 asks for 6 months at least; give logs=6m or more
    """
    found: dict[str, int] = {}
    for part in filter(str.strip, text.split(",")):
        read = _PART.fullmatch(part)
        if read is None or read[1] not in _LAWS or read[1] in found:
            raise BadInput(
                f"{part.strip()[:40]!r} is none of {', '.join(KINDS)} once, and so many y or m",
                where="FINMODEL_KEEP",
                remedy="write it as transactions=10y,logs=6m",
            )
        found[read[1]] = int(read[2]) * (12 if read[3] == "y" else 1)
    for kind in KINDS:
        law = _LAWS[kind]
        if (months := found.get(kind, law.months)) < law.months:
            raise BadInput(
                f"{law.words} would be kept for {_words(months)}, and {law.source} asks for "
                f"{_words(law.months)} at least",
                where="FINMODEL_KEEP",
                remedy=f"give {kind}={law.months}m or more",
            )
    return Periods(**found)


@dataclass(frozen=True, slots=True)
class Found:
    """What one store holds of a customer: how much, and how new it is. No value of it."""

    store: str
    count: int
    newest: Mapping[Kind, date] = field(default_factory=dict)
    """The last day of each kind of record in it that a rule speaks of."""


@dataclass(frozen=True, slots=True)
class Hold:
    """A rule by which a customer's records must stay."""

    kind: Kind
    until: date | None
    """The last day; None while the relationship lasts, or nobody said that it ended."""
    rule: str
    """In a sentence."""

    def over(self, today: date) -> bool:
        """Whether it holds no longer."""
        return self.until is not None and self.until < today


def holds_on(
    found: Iterable[Found], ended: date | None, periods: Periods = Periods()
) -> tuple[Hold, ...]:
    """What holds the records that were found, of each kind once, the longest first.

    A relationship does not end before its last transaction, whatever day is named: what was told
    too early would otherwise erase too early.

    >>> bill = Found("events", 3, {"transactions": date(2016, 2, 29)})
    >>> [hold] = holds_on([bill], date(2015, 1, 1))
    >>> hold.until, hold.over(date(2026, 2, 28)), hold.over(date(2026, 3, 2))
    (datetime.date(2026, 3, 1), False, True)
    >>> print(hold.rule)
    transactions are kept for 10 years after the relationship ends: 反洗钱法 (2024) art. 34
    >>> [hold] = holds_on([bill], None)
    >>> hold.until is None, hold.over(date.max)
    (True, False)
    >>> talk = Found("conversations", 2, {"conversations": date(2026, 5, 1)})
    >>> holds_on([talk], None)
    ()
    >>> print(holds_on([talk], None, Periods(conversations=24))[0].rule)
    conversations and what was written of them are kept for 2 years after they were made, as the \
lender says in FINMODEL_KEEP
    """
    newest: dict[Kind, date] = {}
    for one in found:
        for kind, day in one.newest.items():
            newest[kind] = max(day, newest.get(kind, day))
    last = max((day for kind, day in newest.items() if _of_relationship(kind)), default=None)
    holds = []
    for kind, day in newest.items():
        if not periods.of(kind):
            continue
        since: date | None = day
        if _of_relationship(kind):
            since = None if ended is None else max(ended, last or ended)
        until = None if since is None else months_after(since, periods.of(kind))
        holds.append(Hold(kind, until, _rule(kind, periods)))
    return tuple(sorted(holds, key=lambda one: one.until or date.max, reverse=True))


def months_after(day: date, months: int) -> date:
    """So many months later; the first of the next where that month has no such day.

    >>> months_after(date(2024, 2, 29), 120), months_after(date(2026, 8, 31), 6)
    (datetime.date(2034, 3, 1), datetime.date(2027, 3, 1))
    """
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    if year > date.max.year:
        return date.max
    if day.day <= calendar.monthrange(year, month + 1)[1]:
        return date(year, month + 1, day.day)
    return date(year + (month + 1) // 12, (month + 1) % 12 + 1, 1)


def _of_relationship(kind: Kind) -> bool:
    return _LAWS[kind].since == "relationship"


def _rule(kind: Kind, periods: Periods) -> str:
    law, months = _LAWS[kind], periods.of(kind)
    since = "the relationship ends" if law.since == "relationship" else "they were made"
    end = f", beyond what {law.source} asks" if months > law.months else f": {law.source}"
    if not law.source:
        end = ", as the lender says in FINMODEL_KEEP"
    return f"{law.words} are kept for {_words(months)} after {since}{end}"


def _words(months: int) -> str:
    return f"{months // 12} years" if months % 12 == 0 else f"{months} months"
