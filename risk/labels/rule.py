"""A recipe's `label:` block: who is looked at when, and what becomes of them by when.

Keys come in as a person wrote them, a frozen rule goes out, or a sentence that says what does not
go together. Knows no loan; `labels.py` applies it.
"""

from __future__ import annotations

import re
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from risk.labels.words import Exclusion, Outcome, exclusion_of, outcome_of

_MONTH = re.compile(r"(\d{4})-(0[1-9]|1[0-2])")
MOST_MONTHS = 60
FPD_WINDOW = 2
"""The first bill is due in the month after the first drawdown, and 30 days more are the next."""


class CohortRange(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"first": "from", "last": "to"}
):
    """The first and the last month that is looked at, both in; as far as the events go if none."""

    first: str | None = None
    last: str | None = None

    def __post_init__(self) -> None:
        for month in (self.first, self.last):
            if month is not None and not _MONTH.fullmatch(month):
                raise ValueError(f"{month!r} is no month: write 2024-03")
        if self.first and self.last and self.first > self.last:
            raise ValueError(f"from {self.first} is after to {self.last}")

    def within(self, months: tuple[int, int]) -> tuple[int, int]:
        """First and last month, counted from January 1970, no further than some others.

        >>> CohortRange("1970-03").within((0, 9))
        (2, 9)
        """
        first = max(months[0], month_number(self.first)) if self.first else months[0]
        return first, min(months[1], month_number(self.last)) if self.last else months[1]


class Performance(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file of days past due: a row for each loan and day it was looked at, as at month's ends."""

    path: str
    """Relative to the recipe's folder."""
    entity: str
    """The same ids as the table's."""
    time: str
    """The day at whose end it was so late."""
    dpd: str
    separator: str = ","
    encoding: str = "utf-8-sig"


class LabelRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When customers are looked at, for how long they are followed, and what is bad."""

    observation: Literal["first_drawdown", "month_end", "row"]
    """Each once: at the first drawdown, at one month's end out of the cohorts', at a row's time."""
    bad: str
    window: int
    """Months on book that must be over before an outcome counts; mob 0 is the cohort's month."""
    indeterminate: str | None = None
    """Neither: kept out of training, kept for band tables."""
    exclude: tuple[str, ...] = ()
    cohorts: CohortRange = CohortRange()
    settle_days: int = 3
    """Days after the window until late news has come in."""
    zone: str = "Asia/Shanghai"
    """Where months begin and end; a table's times stand as they are written."""
    seed: int = 1
    """Draws the one month at whose end a customer is looked at."""
    performance: Performance | None = None
    """Of a table's rows: what became of each, month by month."""

    def __post_init__(self) -> None:
        if not 1 <= self.window <= MOST_MONTHS:
            raise ValueError(f"window must be from 1 to {MOST_MONTHS} months")
        if not 0 <= self.settle_days <= 60:
            raise ValueError("settle_days must be from 0 to 60")
        _require_zone(self.zone)
        for name, text in (("bad", self.bad), ("indeterminate", self.indeterminate)):
            _require_within(name, text, self.window)
        _require_milder(self.bad, self.indeterminate)
        _require_observed(self)

    @property
    def calendar(self) -> str:
        """The zone of its months."""
        return "UTC" if self.observation == "row" else self.zone

    @property
    def bad_outcome(self) -> Outcome:
        """What is bad."""
        return outcome_of(self.bad)

    @property
    def followed(self) -> tuple[int, int]:
        """Days for which a decision is followed, thirty a month, and days past due that are bad.

        >>> LabelRule("first_drawdown", "dpd >= 15 ever by mob 3", 3).followed
        (90, 15)
        """
        return 30 * self.window, self.bad_outcome.days

    @property
    def indeterminate_outcome(self) -> Outcome | None:
        """What is neither, where it is not bad."""
        return None if self.indeterminate is None else outcome_of(self.indeterminate)

    @property
    def exclusions(self) -> tuple[tuple[str, Exclusion], ...]:
        """Each exclusion with its words."""
        return tuple((text, exclusion_of(text)) for text in self.exclude)


def month_number(month: str) -> int:
    """Months since January 1970.

    >>> month_number("1971-02")
    13
    """
    year, of_year = month.split("-")
    return (int(year) - 1970) * 12 + int(of_year) - 1


def month_name(number: int) -> str:
    """The inverse.

    >>> month_name(13)
    '1971-02'
    """
    return f"{1970 + number // 12:04}-{number % 12 + 1:02}"


def _require_observed(rule: LabelRule) -> None:
    """What each observation point can be asked."""
    exclusions = [exclusion_of(text).how for text in rule.exclude]
    outcomes = {outcome_of(text).how for text in (rule.bad, rule.indeterminate) if text}
    if (rule.observation == "row") != (rule.performance is not None):
        raise ValueError("`observation: row` needs `performance`, and others have none")
    if rule.observation == "first_drawdown" and exclusions:
        raise ValueError("nobody was late before the first drawdown: exclude nothing")
    if rule.observation == "row" and "young" in exclusions:
        raise ValueError("a row's months on book begin at its time: exclude no `mob < n`")
    if rule.observation != "first_drawdown" and "fpd" in outcomes:
        raise ValueError("fpd is of the first bill: write `observation: first_drawdown`")
    if "fpd" in outcomes and rule.window < FPD_WINDOW:
        raise ValueError(f"fpd is known {FPD_WINDOW} months on: the window is {rule.window}")


def _require_within(name: str, text: str | None, window: int) -> None:
    if text is None:
        return
    mob = outcome_of(text).mob
    if mob is not None and mob > window:
        raise ValueError(f"{name} looks to mob {mob}, and the window ends at mob {window}")


def _require_milder(bad: str, indeterminate: str | None) -> None:
    if indeterminate is None:
        return
    worse, milder = outcome_of(bad), outcome_of(indeterminate)
    if worse.how == milder.how and worse.mob == milder.mob and milder.days >= worse.days:
        raise ValueError(f"nobody can be indeterminate by {indeterminate!r}: bad is {bad!r}")


def _require_zone(zone: str) -> None:
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError(f"{zone!r} is no time zone: write Asia/Shanghai") from error
