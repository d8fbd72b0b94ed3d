"""What suggestions were worth to a supervisor: in groups, of a span of time.

The book's file and a span come in, counts go out. No word of anybody's is read.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal, TypeAlias

import msgspec

from finmodel.book_file import BookFile
from finmodel.conversation_book import text_of_time

GroupedBy: TypeAlias = Literal[
    "agent", "tenure", "scenario", "tenure_scenario", "adapter", "writer"
]
_COLUMNS: Final[dict[GroupedBy, str]] = {
    "agent": "agent",
    "tenure": "coalesce(tenure, 'unknown')",
    "scenario": "scenario",
    "tenure_scenario": "coalesce(tenure, 'unknown') || ' · ' || scenario",
    "adapter": "adapter",
    "writer": "coalesce(writer, '')",
}
_WORTH: Final = """
SELECT {by} AS part, count(*), count(verdict.shown), count(*) FILTER (WHERE choice = 'accepted'),
       count(*) FILTER (WHERE choice = 'edited'), count(*) FILTER (WHERE choice = 'rejected'),
       sum(saved * characters) / nullif(sum(characters), 0),
       avg((1 - saved) * characters) FILTER (WHERE choice = 'edited'),
       avg(seconds), coalesce(sum(violations), 0)
FROM shown LEFT JOIN verdict ON verdict.shown = shown.id
           LEFT JOIN circumstance ON circumstance.shown = shown.id
WHERE shown.at >= ? AND shown.at < ?
      AND (verdict.shown IS NOT NULL OR shown.id NOT IN (SELECT shown FROM under_way))
GROUP BY part ORDER BY part
"""


class Worth(msgspec.Struct, frozen=True):
    """What suggestions were worth in one group."""

    group: str
    shown: int
    judged: int
    accepted: int
    edited: int
    rejected: int
    characters_saved: float | None
    """Share of all characters that were sent."""
    edits: float | None
    """Mean edits of an edited reply, at most its characters."""
    seconds: float | None
    """Mean drafting time."""
    violations: int


def worth_of(file: BookFile, by: GroupedBy, since: datetime, until: datetime) -> list[Worth]:
    """What suggestions of a span of time were worth, in groups by their names."""
    question = _WORTH.format(by=_COLUMNS[by])
    rows = file.rows(question, text_of_time(since), text_of_time(until))
    return [Worth(*row) for row in rows]
