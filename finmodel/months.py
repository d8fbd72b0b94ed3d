"""Months of a lender: which month an instant is in, and the instant at which a month ends.

Microseconds since 1970 (UTC) and months since January 1970 go in and out; a zone says where
months begin. Pure: knows no clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from zoneinfo import ZoneInfo

import numpy as np

from finmodel.clock import micros
from finmodel.records import Int64s

MOST = 12 * 130
"""Months from January 1970 that are known: to 2099."""


@dataclass(frozen=True)
class Months:
    """The months of one zone.

    >>> months = Months("Asia/Shanghai")
    >>> end_of_april_2024 = months.ends(np.array([651]))
    >>> end_of_april_2024.astype("M8[us]").astype(str).tolist()
    ['2024-04-30T16:00:00.000000']
    >>> months.of(np.array([end_of_april_2024[0] - 1, end_of_april_2024[0]])).tolist()
    [651, 652]
    """

    zone: str

    @cached_property
    def _ends(self) -> Int64s:
        zone = ZoneInfo(self.zone)
        following = (divmod(month, 12) for month in range(1, MOST + 1))
        starts = (datetime(1970 + year, month + 1, 1, tzinfo=zone) for year, month in following)
        return np.array([micros(start) for start in starts], dtype=np.int64)

    def ends(self, months: Int64s) -> Int64s:
        """The first instant that is in the month no more."""
        found: Int64s = self._ends[np.clip(months, 0, MOST - 1)]
        return found

    def end(self, month: int) -> int:
        """The same of one month."""
        return int(self._ends[month])

    def of(self, at_us: Int64s) -> Int64s:
        """The month of each instant."""
        found: Int64s = np.searchsorted(self._ends, at_us, side="right").astype(np.int64)
        return found
