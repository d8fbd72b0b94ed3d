"""When a customer may be contacted: a channel's hours less the quiet ones, as windows to send in.

Times of day as text and days come in; minutes of a day and windows go out. Nothing stays open at
night: by the clocks of a campaign's zone, nor by those of China, where the customers are. Pure:
asks no clock.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np

from finmodel.errors import BadInput
from finmodel.records import Float64s, Int64s

DAY = 1_440
"""Minutes."""
NIGHT = ("22:00", "08:00")
"""Nobody is contacted then, whatever a recipe says: as GB/T 45251-2025 has it for collection."""
CHINA_MINUTES = 480
"""Its clocks are so much ahead of UTC, all year."""
MINUTE_US = 60_000_000
WINDOW_MINUTES = 60
"""A window to send in is this long, or what is left of the hours."""


@dataclass(frozen=True, slots=True, eq=False)
class Windows:
    """k windows of one channel over a campaign's days, in order of time."""

    opens_us: Int64s
    """(k,) microseconds since 1970."""
    closes_us: Int64s

    def spread(self, turn: Float64s) -> Int64s:
        """(n,) the place of a window for each turn from 0 up to 1, evenly over all of them."""
        return (turn * len(self.opens_us)).astype(np.int64)


def minutes_of(text: str) -> int:
    """Minutes since midnight; 24:00 is the day's end.

    >>> minutes_of("09:30"), minutes_of("24:00")
    (570, 1440)
    >>> minutes_of("9h")
    Traceback (most recent call last):
    finmodel.errors.BadInput: time of day '9h': it is none; write it as "09:00", in quotes
    """
    told = re.fullmatch(r"(\d{1,2}):([0-5]\d)", text)
    found = int(told[1]) * 60 + int(told[2]) if told else DAY + 1
    if found > DAY:
        raise BadInput(
            "it is none", where=f"time of day {text!r}", remedy='write it as "09:00", in quotes'
        )
    return found


def open_minutes(hours: tuple[str, str], quiet: tuple[str, str]) -> list[tuple[int, int]]:
    """Stretches of a day within the hours and outside the quiet ones, which may pass midnight.

    >>> open_minutes(("08:00", "22:00"), ("21:00", "09:00"))
    [(540, 1260)]
    >>> open_minutes(("08:00", "22:00"), ("12:00", "14:00"))
    [(480, 720), (840, 1320)]
    """
    loud = ~(_within(quiet) | _within(NIGHT)) & _within(hours)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], loud, [False]]).astype(np.int8)))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


def windows_of(
    stretches: list[tuple[int, int]], days: tuple[dt.date, dt.date], zone: str, after_us: int
) -> Windows:
    """Windows of an hour over all the days, the last day too, that open after a time.

    What of one is night in China is cut off.
    """
    starts = [
        (minute, min(minute + WINDOW_MINUTES, end))
        for begin, end in stretches
        for minute in range(begin, end, WINDOW_MINUTES)
    ]
    count = (days[1] - days[0]).days + 1
    found = [
        (_at(days[0] + dt.timedelta(day), a, zone), _at(days[0] + dt.timedelta(day), b, zone))
        for day in range(count)
        for a, b in starts
    ]
    opens, closes = _by_day_in_china(np.array(found, np.int64).reshape(-1, 2))
    left = (opens < closes) & (opens >= after_us)
    return Windows(opens[left], closes[left])


def next_window(
    stretches: list[tuple[int, int]], days: tuple[dt.date, dt.date], zone: str, now_us: int
) -> tuple[int, int] | None:
    """The window that is open now, from now on, else the next; None where none is left.

    >>> day = dt.date(2026, 4, 6)
    >>> next_window([(540, 600)], (day, day), "UTC", _at(day, 570, "UTC")) == (
    ...     _at(day, 570, "UTC"), _at(day, 600, "UTC"))
    True
    >>> next_window([(540, 600)], (day, day), "UTC", _at(day, 600, "UTC")) is None
    True
    """
    told = windows_of(stretches, days, zone, now_us - WINDOW_MINUTES * MINUTE_US)
    ahead = np.flatnonzero(told.closes_us > now_us)
    if not len(ahead):
        return None
    place = ahead[0]
    return max(int(told.opens_us[place]), now_us), int(told.closes_us[place])


def is_open(at_us: int, stretches: list[tuple[int, int]], zone: str) -> bool:
    """Whether a moment lies within the stretches of its day, and is no night in China."""
    local = dt.datetime.fromtimestamp(at_us / 1e6, ZoneInfo(zone))
    minute = local.hour * 60 + local.minute
    night = _within(NIGHT)[(at_us // MINUTE_US + CHINA_MINUTES) % DAY]
    return not night and any(begin <= minute < end for begin, end in stretches)


def _by_day_in_china(windows: Int64s) -> tuple[Int64s, Int64s]:
    """(n,) where each of (n, 2) windows of an hour at most opens and closes outside its night."""
    dusk, dawn = map(minutes_of, NIGHT)
    opens, closes = windows[:, 0], windows[:, 1]
    into_day = (opens + CHINA_MINUTES * MINUTE_US) % (DAY * MINUTE_US)
    opens = opens + np.maximum(dawn * MINUTE_US - into_day, 0)
    return opens, np.minimum(closes, windows[:, 0] + dusk * MINUTE_US - into_day)


def _within(ends: tuple[str, str]) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    begin, end = map(minutes_of, ends)
    minute = np.arange(DAY)
    if begin <= end:
        return (minute >= begin) & (minute < end)
    return (minute >= begin) | (minute < end)


def _at(day: dt.date, minute: int, zone: str) -> int:
    """Microseconds since 1970 of a day's minute, as clocks show it there."""
    moment = dt.datetime.combine(day, dt.time(), ZoneInfo(zone)) + dt.timedelta(minutes=minute)
    return round(moment.timestamp()) * 1_000_000
