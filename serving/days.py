"""A day, as a person writes it for a shell: it begins at midnight in the lender's zone.

A word comes in, a time with its zone goes out. Knows no command.
"""

from __future__ import annotations

from datetime import date, datetime, time

from finmodel.clock import CHINA, parse_time
from finmodel.errors import BadInput


def day_or_time(text: str, where: str) -> datetime:
    """A day (from the lender's midnight, eight hours before UTC's) or a time with its zone.

    `where` names the option, for the sentence of a BadInput.

    >>> day_or_time("2026-01-02", "--from").isoformat()
    '2026-01-02T00:00:00+08:00'
    >>> day_or_time("2026-01-02T09:30:00+00:00", "--from").isoformat()
    '2026-01-02T09:30:00+00:00'
    """
    try:
        if len(text) == len("2026-01-01"):
            return datetime.combine(date.fromisoformat(text), time(), CHINA)
        return parse_time(text)
    except (BadInput, ValueError) as error:
        raise BadInput(
            f"{text[:40]!r} is no time",
            where=where,
            remedy="write 2026-01-31, or a time with its zone: 2026-01-31T09:00:00+08:00",
        ) from error
