"""Windows of time, and the tiles that events are gathered into: the rule, written once.

Times in microseconds go in, edges, tile widths and starts come out. The rule is told and tried
here; its arithmetic is compiled in `tile_kernels.py`, the same for stream, backfill and check. It
knows no event, no store and no feature by name.

**The rule.** As of time t, a window of width W over tiles of width w holds the events with
`floor(t - W, w) <= event time < t`: its tail is rounded down to a tile, its head is the time of
asking and not the latest event, so an idle customer's counts fall to 0 by themselves.

>>> day = Window(24 * HOUR, HOUR)
>>> noon = 12 * HOUR
>>> day.holds(noon - 24 * HOUR, noon), day.holds(noon - 1, noon), day.holds(noon, noon)
(True, True, False)

A quarter past twelve the tail still stands at noon of the day before, a quarter of an hour early:

>>> day.begins(noon + HOUR // 4) == noon - 24 * HOUR
True

The head is exact where nothing later than t was counted, as in serving, which asks for now. Where
events ahead of t were (a producer's clock runs up to `skew_us` fast; t lies in the past), those in
the tile that t cuts count too, and none beyond it.

**Ties.** The last event is the one with the greatest (event time, offset): of two in the same
microsecond, the later in the log.

**Lateness.** An event counts if it reached the log at most `lateness_us` after it happened, by the
log's own clock: a replay decides alike. What is later goes aside; what is ahead of the log by more
than `skew_us` is refused.

>>> rule = Tiling((Window(HOUR, 5 * MINUTE), Window(7 * DAY, 6 * HOUR)), lateness_us=DAY)
>>> [rule.timing(at, noon) for at in (noon - DAY, noon - DAY - 1, noon + 2 * HOUR)]
[<Timing.ON_TIME: 'on time'>, <Timing.TOO_LATE: 'too late'>, <Timing.AHEAD: 'ahead'>]

**Merging.** A tile that no short window can cut any more is merged into the next wider one. Which
tile an instant belongs to depends on the log's clock alone, so a customer's tiles are a function of
which events counted, in whatever order they came.

>>> [rule.width(noon - age, noon) // MINUTE for age in (0, DAY, DAY + 7 * HOUR)]
[5, 5, 360]
"""

from __future__ import annotations

from enum import Enum
from itertools import pairwise

import msgspec
import numpy as np

from feature_store import tile_kernels as kernels
from finmodel.errors import BadInput
from finmodel.records import Int64s

MINUTE = 60_000_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
LATENESS = DAY
SKEW = HOUR


class Timing(Enum):
    """Whether an event counts, in the order of the kernels' numbers."""

    ON_TIME = "on time"
    TOO_LATE = "too late"
    AHEAD = "ahead"


class Window(msgspec.Struct, frozen=True, order=True):
    """A width of time, and the width of the tiles that its tail is rounded to."""

    width_us: int
    tile_us: int

    def __post_init__(self) -> None:
        if not 0 < self.tile_us <= self.width_us or self.width_us % self.tile_us:
            raise BadInput(
                f"{self.width_us} µs is not a whole number of tiles of {self.tile_us} µs",
                where="window",
                remedy="make slide_interval a divisor of time_window",
            )

    def begins(self, as_of_us: int) -> int:
        """The earliest time that counts."""
        return kernels.begins(as_of_us, windows_table((self,))[0])

    def holds(self, event_us: int, as_of_us: int) -> bool:
        """Whether an event of that time counts as of another."""
        return self.begins(as_of_us) <= event_us < as_of_us


class Tiling(msgspec.Struct, frozen=True):
    """The windows of one view, from narrow tiles to wide ones, and how late an event may be."""

    windows: tuple[Window, ...]
    lateness_us: int = LATENESS
    skew_us: int = SKEW

    def __post_init__(self) -> None:
        if not self.windows:
            raise BadInput("it has none", where="windows", remedy="give at least one aggregation")
        for narrow, wide in pairwise(self.levels):
            if wide.tile_us % narrow.tile_us:
                raise BadInput(
                    f"tiles of {narrow.tile_us} µs do not fit into tiles of {wide.tile_us} µs",
                    where="windows",
                    remedy="make each slide_interval a multiple of the shorter ones",
                )
            if wide.width_us < narrow.width_us:
                raise BadInput(
                    f"a window of {narrow.width_us} µs has narrower tiles than a shorter one",
                    where="windows",
                    remedy="give longer windows wider tiles",
                )

    @property
    def levels(self) -> tuple[Window, ...]:
        """The longest window of each tile width, narrow tiles first."""
        longest: dict[int, Window] = {}
        for window in sorted(self.windows):
            longest[window.tile_us] = window
        return tuple(longest[tile] for tile in sorted(longest))

    def timing(self, event_us: int, logged_us: int) -> Timing:
        """Whether an event that the log took in at a time counts."""
        found = kernels.timing_of(event_us, logged_us, self.lateness_us, self.skew_us)
        return tuple(Timing)[found]

    def oldest_as_of(self, clock_us: int) -> int:
        """The earliest time that tiles answer for, once the log's clock stands here."""
        return clock_us - self.lateness_us

    def width(self, event_us: int, clock_us: int) -> int:
        """How wide the tile is that holds an instant; 0 where no window can reach it any more."""
        return kernels.width_at(event_us, windows_table(self.levels), self.oldest_as_of(clock_us))


def windows_table(windows: tuple[Window, ...]) -> Int64s:
    """(w, 2) width and tile of each window, as the kernels read them."""
    return np.array([(one.width_us, one.tile_us) for one in windows], dtype=np.int64)
