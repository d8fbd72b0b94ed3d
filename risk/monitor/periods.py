"""The window that is looked at, cut into weeks or months where the lender is.

Times come in, edges and names go out. Weeks begin on Monday, months on the 1st, eight hours before
UTC's; the first and the last may be cut short by the window. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from finmodel.clock import CHINA, micros
from finmodel.errors import BadInput

By = Literal["week", "month"]
MOST: Final = 400
EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(9000, 1, 1, tzinfo=UTC)
"""Between them there is room for a window and its zone on either side."""


def local(time: str) -> str:
    """An ISO 8601 time as a person reads it: where the lender is, to the second.

    >>> local("2005-12-31T18:30:00.123456+00:00")
    '2006-01-01T02:30:00+08:00'
    """
    return datetime.fromisoformat(time).astimezone(CHINA).isoformat(timespec="seconds")


@dataclass(frozen=True, slots=True)
class Periods:
    """p periods."""

    edges_us: tuple[int, ...]
    """(p + 1,) microseconds since 1970."""
    names: tuple[str, ...]


def cut(start: datetime, end: datetime, by: By) -> Periods:
    """Weeks or months from `start` to before `end`.

    >>> day = datetime(2026, 3, 30, tzinfo=CHINA)
    >>> cut(day, day + timedelta(days=9), "week").names
    ('2026-03-30', '2026-04-06')
    >>> cut(day, day + timedelta(days=9), "month").names
    ('2026-03', '2026-04')
    """
    require_possible(start, end)
    if start >= end:
        raise BadInput(
            "the window ends before it begins",
            where=f"{start.isoformat()} to {end.isoformat()}",
            remedy="let it begin before it ends",
        )
    begin = _begin(start.astimezone(CHINA), by)
    edges, names = [start], [_name(begin, by)]
    while (begin := _next(begin, by)) < end:
        edges.append(begin)
        names.append(_name(begin, by))
        if len(names) > MOST:
            raise BadInput(
                f"the window has more than {MOST} {by}s",
                where=f"{start.isoformat()} to {end.isoformat()}",
                remedy="let it begin later",
            )
    return Periods(tuple(micros(one) for one in (*edges, end)), tuple(names))


def require_possible(*times: datetime | None) -> None:
    """BadInput for a time that no decision can have, and that nothing can be counted back from.

    >>> require_possible(datetime(1969, 12, 31, 23, tzinfo=UTC))
    Traceback (most recent call last):
    finmodel.errors.BadInput: the window: 1969-12-31T23:00:00+00:00 is before 1970; begin later
    """
    for time in times:
        if time is not None and not EARLIEST <= time <= LATEST:
            early = time < EARLIEST
            raise BadInput(
                f"{time.isoformat()} is {'before 1970' if early else 'after the year 9000'}",
                where="the window",
                remedy="begin later" if early else "end earlier",
            )


def _begin(time: datetime, by: By) -> datetime:
    day = time.replace(hour=0, minute=0, second=0, microsecond=0)
    return day - timedelta(days=day.weekday()) if by == "week" else day.replace(day=1)


def _next(begin: datetime, by: By) -> datetime:
    if by == "week":
        return begin + timedelta(days=7)
    return (begin + timedelta(days=32)).replace(day=1)


def _name(begin: datetime, by: By) -> str:
    return begin.strftime("%Y-%m-%d" if by == "week" else "%Y-%m")
