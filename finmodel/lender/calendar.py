"""The days of a simulation, counted from its start: months, weekdays, due days, and Unix seconds.

In come a first day and a number of days in a zone without summer time; out come plain arrays. It
knows no holiday but through the months' weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Final

import numpy as np

from finmodel.lender.json_columns import ZONE_HOURS
from finmodel.lender.population import SEASON_APPLY, WEEK
from finmodel.records import Float64s, Int64s

DAY: Final = 86_400
_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True)
class Calendar:
    """Day 0 is `start`; month 0 is the month that day 0 is in."""

    start: date
    days: int

    @property
    def begin(self) -> int:
        """Day 0's midnight, in Unix seconds."""
        return (self.start - _EPOCH).days * DAY - ZONE_HOURS * 3600

    @cached_property
    def months(self) -> int:
        """How many months the days touch."""
        last = np.datetime64(self.start, "D") + (self.days - 1)
        return int((last.astype("M8[M]") - self._month).astype(np.int64)) + 1

    @property
    def _month(self) -> np.datetime64:
        return np.datetime64(self.start, "M")

    def month_name(self, month: int) -> str:
        """As `2024-01`."""
        return str(self._month + month)

    def month_of_year(self, month: Int64s | int) -> Int64s:
        """0 is January."""
        return (np.asarray(month) + self._month.astype(np.int64)) % 12

    def month_start(self, month: int) -> int:
        """The day on which a month begins: none or negative for month 0."""
        first = (self._month + month).astype("M8[D]")
        return int((first - np.datetime64(self.start, "D")).astype(np.int64))

    def due(self, month: int, day_of_month: Int64s) -> Int64s:
        """The day on which a month's bill is due."""
        return self.month_start(month) + day_of_month - 1

    def weekday(self, day: Int64s) -> Int64s:
        """0 is Monday.

        >>> Calendar(date(2024, 1, 1), 9).weekday(np.arange(8)).tolist()
        [0, 1, 2, 3, 4, 5, 6, 0]
        """
        return (self.start.weekday() + day) % 7

    def day_of_month(self, day: Int64s) -> Int64s:
        """From 1 to 31."""
        dates = np.datetime64(self.start, "D") + day
        since_first = dates - dates.astype("M8[M]").astype("M8[D]")
        day_of_month: Int64s = since_first.astype(np.int64) + 1
        return day_of_month

    def arrival_day(self, chance: Float64s) -> Int64s:
        """Days on which customers apply, busier in some months and on weekdays."""
        day = np.arange(self.days)
        months = (np.datetime64(self.start, "D") + day).astype("M8[M]").astype(np.int64)
        busy = np.cumsum(SEASON_APPLY[months % 12] * WEEK[self.weekday(day)])
        return np.searchsorted(busy / busy[-1], chance).astype(np.int64)
