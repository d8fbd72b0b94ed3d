"""A recipe's `label:` block: who is looked at when, and what makes a row a yes.

Keys come in as a person wrote them, a frozen rule goes out, or a sentence that says what does not
go together. An event is named as `topic` or `topic where field = value`. `labels` applies the rule.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

DAY_US = 86_400_000_000
_EVENT = re.compile(r"(\S+)(?: where (\w+) *(=|>=|<=) *(\S+))?")
_MONTH = re.compile(r"(\d{4})-(0[1-9]|1[0-2])")


class Event(NamedTuple):
    """A kind of event, and what its field must be; no condition where `field` is empty."""

    topic: str
    field: str = ""
    compare: Literal["=", ">=", "<="] = "="
    value: str = ""


def event_of(text: str) -> Event:
    """An event as a recipe names it.

    >>> event_of("loan.overdue.v1 where dpd = 3")
    Event(topic='loan.overdue.v1', field='dpd', compare='=', value='3')
    """
    found = _EVENT.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is no event: write `topic` or `topic where field = value`")
    topic, field, compare, value = found.groups()
    return Event(topic, field or "", compare or "=", value or "")  # type: ignore[arg-type]


class Words(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A sentence in two languages."""

    zh: str
    en: str


class Within(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """That any of some events happened within so many days, or that none did."""

    within_days: float
    any: tuple[str, ...] = ()
    none: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if bool(self.any) == bool(self.none):
            raise ValueError("name events under either `any` or `none`")
        if not 0.0 < self.within_days <= 3_650.0:
            raise ValueError("within_days must be above 0, and at most 3650")
        for text in (*self.any, *self.none):
            event_of(text)

    @property
    def events(self) -> tuple[Event, ...]:
        """The events, whether they are wanted or not."""
        return tuple(event_of(text) for text in (*self.any, *self.none))

    @property
    def within_us(self) -> int:
        """The window in microseconds."""
        return round(self.within_days * DAY_US)


class MonthEnd(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"first": "from", "last": "to"}
):
    """Every customer at the end of each month from the first to the last, both in."""

    first: str
    last: str

    def __post_init__(self) -> None:
        for month in (self.first, self.last):
            if not _MONTH.fullmatch(month):
                raise ValueError(f"{month!r} is no month: write 2024-06 in quotes")
        if self.first > self.last:
            raise ValueError(f"from {self.first} is after to {self.last}")

    @property
    def months(self) -> tuple[int, int]:
        """First and last, counted from January 1970."""
        first, last = ((int(one[:4]) - 1970) * 12 + int(one[5:]) - 1 for one in _both(self))
        return first, last


def _both(span: MonthEnd) -> tuple[str, str]:
    return span.first, span.last


class Observe(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"first": "from", "last": "to"}
):
    """Who is looked at when: at month's ends, at an event, or when a campaign drew its list."""

    month_end: MonthEnd | None = None
    event: str | None = None
    campaign_log: Literal["simulated"] | None = None
    """The log that a lender keeps of its trials: who was listed, treated or held out, and drew."""
    first: dt.date | None = None
    last: dt.date | None = None
    """Days from and up to which events and lists are looked at; the last is not in."""
    most_per_customer: int | None = None
    """Rows of one customer at most, drawn by the id whatever became of them; all if not given."""
    seed: int = 1

    def __post_init__(self) -> None:
        if sum(one is not None for one in (self.month_end, self.event, self.campaign_log)) != 1:
            raise ValueError("give one of month_end, event and campaign_log")
        if self.event is not None:
            event_of(self.event)
        if self.most_per_customer is not None and self.most_per_customer < 1:
            raise ValueError("most_per_customer must be at least 1")
        if self.month_end and (self.first or self.last):
            raise ValueError("from and to stand under month_end")


class Column(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table's own label: the column, and the value that is a yes."""

    name: str
    yes: str | int


class LabelRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is to be foretold."""

    words: Words
    observe: Observe | None = None
    among: tuple[Within, ...] = ()
    """What must have happened, or not, within so many days before the observation."""
    positive: tuple[Within, ...] = ()
    """Each must hold after the observation for a yes; a campaign's log tells its own."""
    column: Column | None = None
    """Of a table, in place of all the others."""
    settle_days: float = 3.0
    """Events may be told so late: a row is mature when its window and these days have passed."""
    zone: str = "Asia/Shanghai"
    """Where months begin."""

    def __post_init__(self) -> None:
        if not (self.words.zh.strip() and self.words.en.strip()):
            raise ValueError("say the label in both languages under `words`")
        if (self.observe is None) == (self.column is None):
            raise ValueError("give either `observe` and `positive`, or a table's `column`")
        if self.column is not None and (self.among or self.positive):
            raise ValueError("a table's `column` needs no `among` and no `positive`")
        if self.observe is not None and bool(self.positive) == bool(self.observe.campaign_log):
            raise ValueError("`positive` is needed, but of a campaign's log, which tells who drew")
        named = any(one.any for one in self.among)
        if self.observe is not None and self.observe.month_end and not named:
            raise ValueError(
                "`among` says whose months are looked at: name an event of theirs under `any`"
            )
        if self.settle_days < 0.0:
            raise ValueError("settle_days must not be below 0")
        try:
            ZoneInfo(self.zone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"{self.zone!r} is no zone: write Asia/Shanghai") from error

    @property
    def window_days(self) -> float:
        """Days after the observation that the label knows of."""
        return max((one.within_days for one in self.positive), default=CAMPAIGN_DAYS)


CAMPAIGN_DAYS = 53.0
"""From a simulated campaign's list, on the 9th, to the latest end of its cycle."""
