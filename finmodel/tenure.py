"""How long somebody had done their work on a day: in spans, as a supervisor compares them.

The day on which they began and another day come in, a span's name goes out. Pure.
"""

from __future__ import annotations

from datetime import date
from typing import Final, Literal, TypeAlias

Tenure: TypeAlias = Literal["unknown", "under_3_months", "3_to_12_months", "over_a_year"]
_SPANS: Final[tuple[tuple[int, Tenure], ...]] = (
    (91, "under_3_months"),
    (365, "3_to_12_months"),
)


def tenure_of(since: date | None, day: date) -> Tenure:
    """Somebody's tenure on a day; unknown where nobody said when they began, or not yet.

    >>> [tenure_of(date(2026, 1, 1), date(2026, month, 1)) for month in (3, 6)]
    ['under_3_months', '3_to_12_months']
    >>> tenure_of(date(2026, 1, 1), date(2027, 1, 1)), tenure_of(None, date(2026, 1, 1))
    ('over_a_year', 'unknown')
    """
    if since is None or day < since:
        return "unknown"
    days = (day - since).days
    return next((name for below, name in _SPANS if days < below), "over_a_year")
