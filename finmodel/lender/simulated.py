"""A simulated lender: any number of customers and days, the same from a seed, told as events.

In come sizes and a seed; out come typed events, columns, or JSON lines in the order in which a log
would get them, and, for evaluation alone, the truth: hidden traits, defaults by cohort, and what
each offer changed. `population.py` has the hazards as formulas. No event carries a trait, a
person's attribute or a campaign's arm, and no chunk's size changes a byte.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np

from finmodel.errors import BadInput
from finmodel.events import TOPICS, Event, decode_lines
from finmodel.lender.accounts import Accounts
from finmodel.lender.activity import visit
from finmodel.lender.bills import MARKS
from finmodel.lender.calendar import DAY, Calendar
from finmodel.lender.delivery import Delivery, Rows
from finmodel.lender.json_columns import Columns, render
from finmodel.lender.life import live, visitors
from finmodel.lender.truth import Truth, truth_of
from finmodel.records import Int64s

_ELSEWHERE: Final = ("card.", "service.suggestion_judged.")
"""Told by the shipped table, and by agents."""
LENDER_TOPICS: Final = tuple(topic for topic in TOPICS if not topic.startswith(_ELSEWHERE))
"""What this lender tells; it has no cards."""
MOST_CUSTOMERS: Final = 2**31 - 2
MOST_DAYS: Final = 3_660
_FIRST_DUE: Final = 8  # the first due day of a month


@dataclass(frozen=True, kw_only=True)
class Lender:
    """A population from its first day on; walking it twice gives the same twice."""

    customers: int
    days: int
    seed: int = 0
    start: date = date(2024, 1, 1)
    late_share: float = 0.01
    """The share of events that the log gets an hour to three days late; 0 switches it off."""
    twice_share: float = 0.005
    """The share that a producer sends again, the same bytes; 0 switches it off."""
    chunk: int = 8_192
    """Customers lived at a time: memory and speed, nothing else."""

    def __post_init__(self) -> None:
        _within("customers", self.customers, 1, MOST_CUSTOMERS)
        _within("days", self.days, 1, MOST_DAYS)
        _within("seed", self.seed, 0, 2**62)
        _within("chunk", self.chunk, 1, MOST_CUSTOMERS)
        _within("late_share", self.late_share, 0, 1)
        _within("twice_share", self.twice_share, 0, 1)

    def periods(self, topics: tuple[str, ...] = LENDER_TOPICS) -> Iterator[dict[str, Columns]]:
        """About a month at a time: each topic's columns, and `arrived_at` in Unix seconds.

        Rows are in order of arrival, and nothing arrives before what an earlier period held.
        """
        calendar = self._calendar
        rows = Rows(self._delivery, topics, calendar.begin + self.days * DAY)
        books = self._books()
        guests = [visitors(book) for book in books]
        told = 0
        for cycle in range(self._cycles):
            for book in books:
                live(book, cycle, rows)
            upto = min(calendar.month_start(cycle) + _FIRST_DUE, self.days)
            for some in guests:
                visit(some, calendar, (told, upto), rows)
            told = max(told, upto)
            last = cycle == self._cycles - 1
            yield rows.take(None if last else calendar.begin + upto * DAY)

    def columns(self, topic: str) -> Columns:
        """All events of one topic, a column for each field of its type, in order of arrival.

        Times are UTC; words are ASCII bytes.
        """
        _known(topic)
        parts = [part[topic] for part in self.periods((topic,)) if topic in part]
        return {
            name: np.concatenate([part[name] for part in parts])
            for name in (parts[0] if parts else ())
            if name != "arrived_at"
        }

    def json_lines(
        self, topics: tuple[str, ...] = LENDER_TOPICS, batch: int = 65_536
    ) -> Iterator[tuple[str, Int64s, bytes]]:
        """(topic, customer ids, as many JSON lines), day after day, at most a batch at a time."""
        _within("batch", batch, 1, 2**31)
        for topic in topics:
            _known(topic)
        for period in self.periods(topics):
            for topic, columns in _days(period, self._calendar.begin):
                for first in range(0, len(columns["arrived_at"]), batch):
                    part = {name: c[first : first + batch] for name, c in columns.items()}
                    yield topic, part["customer_id"].astype(np.int64), render(topic, part)

    def events(self) -> Iterator[Event]:
        """Typed events of all topics, in order of arrival; for small sizes."""
        for period in self.periods():
            yield from (
                event
                for _, _, event in heapq.merge(
                    *(
                        zip(
                            columns["arrived_at"].tolist(),
                            [rank] * len(columns["arrived_at"]),
                            decode_lines(render(topic, columns), topic),
                            strict=True,
                        )
                        for rank, (topic, columns) in enumerate(period.items())
                    ),
                    key=lambda sent: sent[:2],
                )
            )

    def truth(self, *, performance_months: int = 6, bad_dpd: int = 30) -> Truth:
        """What no event tells, for evaluation only: see `Truth`."""
        _within("performance_months", performance_months, 1, 60)
        _within("bad_dpd", bad_dpd, 1, MARKS[-1])
        rows = Rows(self._delivery, (), 0)
        books = self._books()
        told = [(cycle, live(book, cycle, rows)) for cycle in range(self._cycles) for book in books]
        return truth_of(self._calendar, books, told, performance_months, bad_dpd)

    @property
    def _calendar(self) -> Calendar:
        return Calendar(self.start, self.days)

    @property
    def _delivery(self) -> Delivery:
        return Delivery(self.seed, self.late_share, self.twice_share)

    @property
    def _cycles(self) -> int:
        """As many as begin before the end."""
        return self._calendar.months + 1

    def _books(self) -> list[Accounts]:
        calendar = self._calendar
        return [
            Accounts(
                self.seed,
                np.arange(first, min(first + self.chunk, self.customers + 1)),
                calendar,
            )
            for first in range(1, self.customers + 1, self.chunk)
        ]


def _days(period: dict[str, Columns], begin: int) -> Iterator[tuple[str, Columns]]:
    """A period's rows cut at every midnight, all topics of a day together."""
    cuts = {
        topic: (columns["arrived_at"].astype(np.int64) - begin) // DAY
        for topic, columns in period.items()
    }
    first = min((int(day[0]) for day in cuts.values()), default=0)
    last = max((int(day[-1]) for day in cuts.values()), default=-1)
    for today in range(first, last + 1):
        for topic, day in cuts.items():
            low, high = np.searchsorted(day, [today, today + 1]).tolist()
            if low < high:
                yield topic, {name: column[low:high] for name, column in period[topic].items()}


def _known(topic: str) -> None:
    if topic not in LENDER_TOPICS:
        raise BadInput(
            "this lender tells no such topic",
            where=topic,
            remedy=f"name one of {', '.join(LENDER_TOPICS)}",
        )


def _within(name: str, value: float, least: float, most: float) -> None:
    if not least <= value <= most:
        raise BadInput(f"{value} is not from {least} to {most}", where=name, remedy="change it")
