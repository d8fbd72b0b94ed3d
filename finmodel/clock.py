"""What time it is, for everyone who must not ask the operating system.

A clock comes in from the border (settings say which); judgement takes a datetime. Times carry a
zone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Final, Protocol

from finmodel.errors import BadInput

CHINA: Final = timezone(timedelta(hours=8))
"""Where the lender and its customers are."""
ZONED = r"[T ].*(?:Z|[+-]\d\d(?::?\d\d)?)$"
"""What an ISO 8601 text with a zone has: +08 too, as PostgreSQL writes it; a day alone has none."""


class Clock(Protocol):
    """Anything that tells the time, with its zone."""

    def now(self) -> datetime:
        """The current time, in UTC."""


class SystemClock:
    """The operating system's time."""

    def now(self) -> datetime:
        """The current time, in UTC."""
        return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class StandingClock:
    """A clock that stands still: for tests, and for a demo on data of the past.

    >>> StandingClock(parse_time("2005-10-01T00:00:00+08:00")).now().isoformat()
    '2005-09-30T16:00:00+00:00'
    """

    at: datetime

    def now(self) -> datetime:
        """The time it was set to, in UTC."""
        return self.at.astimezone(UTC)


def parse_time(text: str) -> datetime:
    """An ISO 8601 time with its zone.

    >>> parse_time("2005-10-01")
    Traceback (most recent call last):
    finmodel.errors.BadInput: time '2005-10-01': it has no zone; add one, such as +08:00
    """
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadInput(
            "it is not an ISO 8601 time",
            where=f"time {text!r}",
            remedy="write it as 2005-10-01T00:00:00+08:00",
        ) from error
    if time.tzinfo is None:
        raise BadInput("it has no zone", where=f"time {text!r}", remedy="add one, such as +08:00")
    return time


def china_day(time: datetime) -> date:
    """The day that it is there and then in China.

    >>> china_day(parse_time("2026-06-02T16:00:00+00:00")).isoformat()
    '2026-06-03'
    """
    return time.astimezone(CHINA).date()


def micros(time: datetime) -> int:
    """Microseconds since 1970 in UTC, exact (floats would round).

    >>> micros(parse_time("1970-01-01T00:00:01.000001+00:00"))
    1000001
    """
    delta = time - datetime(1970, 1, 1, tzinfo=UTC)
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds
