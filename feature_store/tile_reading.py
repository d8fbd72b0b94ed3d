"""Windowed features of many customers, read from their tiles as of one time.

A plan, a map's catalog and customers' values come in; the columns of the plan's stream views are
filled. A customer of whom a stream view holds nothing has no events: counts are 0, also before the
first event of anybody was counted. A view that the map was never told of is missing. Knows no map.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from feature_store import packed_kernels as kernels
from feature_store.packed_catalog import Catalog
from feature_store.packed_columns import answer_for, joined
from feature_store.packed_rows import damaged
from feature_store.plan import ServicePlan, ViewPlan
from feature_store.tile_columns import program_of, rules_of
from feature_store.tile_sections import Rules, read_sections, room_for
from feature_store.window_plan import WindowPlan, plan_in
from finmodel.records import Float32s, Int64s

_BLOCK = 1_024
"""Customers whose values and vectors stay in the processor's cache over all views."""


@dataclass(frozen=True, slots=True, eq=False)
class TileView:
    """A stream view as a plan reads it."""

    position: int
    """In the plan's views."""
    places: Int64s
    """(k, 2) a column of the matrix that it fills, and which of its features stands there."""
    windows: WindowPlan
    rules: Rules


def tile_views(plan: ServicePlan, catalog: Catalog) -> tuple[TileView, ...]:
    """The stream views among a plan's, by the plan that their events were last counted by."""
    found, start = [], 0
    for position, view in enumerate(plan.views):
        entry = catalog.find(view.name)
        windows = plan_in(entry[1].schemas[-1]) if entry and entry[1].schemas else None
        if entry is not None and windows is not None:
            head = entry[0], len(entry[1].schemas) - 1
            found.append(_view(position, start, view, windows, rules_of(windows, head)))
        start += len(view.features)
    return tuple(found)


def _view(position: int, start: int, view: ViewPlan, windows: WindowPlan, rules: Rules) -> TileView:
    names = {one.name: place for place, one in enumerate(windows.aggregates)}
    pairs = [
        (start + place, names[feature.name])
        for place, feature in enumerate(view.features)
        if feature.name in names
    ]
    return TileView(position, np.array(pairs, dtype=np.int64).reshape(-1, 2), windows, rules)


def windows_of(
    values: Sequence[bytes], plan: ServicePlan, catalog: Catalog, as_of_us: int
) -> Float32s:
    """(n, f) features of a plan of stream views alone, as of a time."""
    answer = answer_for(len(values), len(plan.names), len(plan.views))
    answer.matrix[:] = np.nan
    fill(tile_views(plan, catalog), joined(values), as_of_us, answer)
    return answer.matrix


def fill(
    views: tuple[TileView, ...], values: kernels.Sections, as_of_us: int, answer: kernels.Answer
) -> None:
    """Fill each stream view's columns; Damaged where a value does not hold together."""
    n = len(answer.matrix)
    clocks = np.empty((len(views), n), np.int64)
    rooms = [room_for(p.capacity, p.width) for p in (program_of(v.windows) for v in views)]
    for first in range(0, n, _BLOCK):
        some = slice(first, first + _BLOCK)
        starts = values.starts[first : first + _BLOCK + 1]
        here = kernels.Sections(values.words, starts)
        for view, room, clock in zip(views, rooms, clocks, strict=True):
            program = program_of(view.windows)
            bad = read_sections(
                here,
                (view.rules, program.features, program.windows),
                as_of_us,
                room,
                (
                    answer.matrix[some],
                    view.places,
                    clock[some],
                    answer.offsets[some, view.position],
                ),
            )
            if bad >= 0:
                raise damaged(f"(of id {first + bad} in this call) does not hold together")
    for view, clock in zip(views, clocks, strict=True):
        _tell(view, clock, as_of_us, answer)


def _tell(view: TileView, clocks: Int64s, as_of_us: int, answer: kernels.Answer) -> None:
    """A view's states and ages; no feature of a time that its tiles do not answer for."""
    state = _states(view, clocks, as_of_us)
    unknown = np.flatnonzero(state == kernels.FUTURE)
    answer.matrix[unknown[:, None], view.places[:, 0]] = np.nan
    answer.states[:, view.position] = state
    ages = (as_of_us - clocks) / 1e6
    answer.ages_s[:, view.position] = np.where(clocks < 0, np.nan, ages)


def _states(view: TileView, clocks: Int64s, as_of_us: int) -> npt.NDArray[np.uint8]:
    """Tiles answer for no time before what they may have merged, nor for one they do not know."""
    unknown = clocks > as_of_us + view.rules.lateness_us
    return np.where(unknown, kernels.FUTURE, kernels.PRESENT).astype(np.uint8)
