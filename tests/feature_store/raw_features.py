"""Features out of a list of raw events, by the words of `windows.py` and none of its code."""

import math
import statistics
from datetime import UTC, datetime

from feature_store.window_plan import Aggregate, WindowPlan
from finmodel.events import Event, topic_of

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def feature(
    one: Aggregate, plan: WindowPlan, events: list[tuple[int, Event]], as_of: datetime
) -> float:
    """A customer's feature as of a time, of all its (offset, event); NaN where there is none."""
    once = {
        event.event_id: (at, event)
        for at, event in reversed(events)  # the first sending counts
        if topic_of(event) == plan.topic
    }
    now, width, tile = micros(as_of), one.window.width_us, one.window.tile_us
    begins = (now - width) // tile * tile
    found = sorted(
        (micros(event.occurred_at), at, getattr(event, one.measure.column))
        for at, event in once.values()
        if micros(event.known_at) - micros(event.occurred_at) <= plan.lateness_us
        and begins <= micros(event.occurred_at) < now
        and (not one.measure.field or getattr(event, one.measure.field) == one.measure.equals)
    )
    values = [value for *_, value in found]
    if one.function == "count":
        return len(values)
    if one.function == "count_distinct":
        return len(set(values))
    if one.function == "sum":
        return sum(values)
    if not values or (one.function == "std" and len(values) < 2):
        return math.nan
    return {
        "mean": statistics.fmean,
        "min": min,
        "max": max,
        "last": lambda some: some[-1],
        "std": statistics.stdev,
        "time_since_last": lambda _: (now - found[-1][0]) / 1e6,
    }[one.function](values)


def micros(time: datetime) -> int:
    return (time - EPOCH) // (EPOCH.resolution)
