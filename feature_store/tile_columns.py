"""Events of one view as arrays, and what they make of customers' values.

Columns of one partition's events come in, in the log's order; sections come out, and how many
events met which fate. Knows no map and no topic's format.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from feature_store.packed_kernels import Sections
from feature_store.packed_rows import damaged
from feature_store.tile_sections import Incoming, Rules, advance, most_words, room_for
from feature_store.tiles import TileProgram, compile_plan
from feature_store.window_plan import WindowPlan
from finmodel.errors import BadInput
from finmodel.records import Int64s


@dataclass(frozen=True, slots=True, eq=False)
class EventColumns:
    """n events of one partition of a view's topic, in the log's order."""

    customers: Int64s
    event_us: Int64s
    logged_us: Int64s
    """When the log took each in, by its own clock."""
    offsets: Int64s
    ids: npt.NDArray[np.uint64]
    """Hashes of their event ids."""
    values: Int64s
    """(n, m) a column for each of the plan's measures; a text stands as its hash."""
    present: npt.NDArray[np.bool_]
    """(n, m) whether the event has the measure's column and passes its filter."""
    topic: int
    """Topic id: a topic made anew has another."""
    partition: int
    begin: int = -1
    """The offset from which none was left out; the first event's if not given."""
    end: int = -1
    """The offset to go on from; that behind the last event if not given."""

    @property
    def bounds(self) -> tuple[int, int]:
        """From which offset, and up to which, nothing was left out."""
        first, behind = (self.offsets[0], self.offsets[-1] + 1) if len(self.offsets) else (0, 0)
        return (
            int(first) if self.begin < 0 else self.begin,
            int(behind) if self.end < 0 else self.end,
        )

    def since(self, offset: int) -> EventColumns:
        """The events at an offset and behind it."""
        first = int(np.searchsorted(self.offsets, offset))
        if first == 0:
            return self
        return self._some(slice(first, None), max(self.bounds[0], offset))

    def about(self, customers: npt.NDArray[np.uint64]) -> EventColumns:
        """The events of some customers."""
        return self.only(np.isin(self.customers.view(np.uint64), customers))

    def only(self, which: npt.NDArray[np.bool_]) -> EventColumns:
        """Some of the events."""
        return self._some(which, self.bounds[0])

    def _some(self, which: slice | npt.NDArray[np.bool_], begin: int) -> EventColumns:
        rows = ("customers", "event_us", "logged_us", "offsets", "ids", "values", "present")
        some = {name: getattr(self, name)[which] for name in rows}
        return replace(self, **some, begin=begin, end=self.bounds[1])


class Fates(NamedTuple):
    """What became of a batch's events."""

    counted: int
    seen: int
    """Counted before: the batch was delivered again."""
    repeated: int
    """Sent twice by the producer, within the allowed lateness."""
    late: int
    ahead: int


@lru_cache(maxsize=64)
def program_of(plan: WindowPlan) -> TileProgram:
    """A plan's compiled program, made once."""
    return compile_plan(plan)


def rules_of(plan: WindowPlan, head: tuple[int, int], topic: int = 0, partition: int = 0) -> Rules:
    """What the kernels are to follow for a view under its id and schema number."""
    program = program_of(plan)
    return Rules(
        slots=program.slots,
        levels=program.levels,
        edges=program.edges,
        lateness_us=plan.lateness_us,
        skew_us=plan.skew_us,
        head=head[0] | head[1] << 16,
        stream=topic | partition << 32,
    )


def checked(plan: WindowPlan, events: EventColumns) -> EventColumns:
    """The same; BadInput where the columns do not fit each other or the plan."""
    n, measures = len(events.customers), len(plan.measures)
    columns = (events.event_us, events.logged_us, events.offsets, events.ids)
    shapes = {column.shape for column in columns} - {(n,)}
    tables = {events.values.shape, events.present.shape} - {(n, measures)}
    if shapes or tables:
        raise BadInput(
            f"its columns do not fit {n} events and {measures} measures",
            where=f"events of view {plan.view}",
            remedy="give one value of each measure for each event",
        )
    if (np.diff(events.offsets) <= 0).any():
        raise BadInput(
            "its offsets do not rise",
            where=f"events of view {plan.view}",
            remedy="give the events of one partition, in the log's order",
        )
    return events


def grouped(events: EventColumns) -> tuple[Int64s, Incoming]:
    """The customers, in the map's order, and their events together."""
    order = np.argsort(events.customers.view(np.uint64), kind="stable")
    ids = events.customers[order]
    starts = np.flatnonzero(np.append(True, ids[1:] != ids[:-1])) if len(ids) else order[:0]
    incoming = Incoming(
        starts=np.append(starts, len(ids)).astype(np.int64),
        event_us=events.event_us[order],
        logged_us=events.logged_us[order],
        offsets=events.offsets[order],
        ids=events.ids[order],
        values=events.values[order],
        present=events.present[order],
    )
    return ids[starts], incoming


def advanced(
    values: Sections, places: Int64s, new: Incoming, rules: Rules, plan: WindowPlan
) -> tuple[Sections, Fates]:
    """New sections of the customers whose values stand at some places, and the events' fates."""
    program = program_of(plan)
    room = room_for(program.capacity, program.width)
    most = _most_words(np.diff(values.starts)[places], np.diff(new.starts), program.width)
    words = np.empty(most, np.int64)
    starts = np.empty_like(new.starts)
    fate = np.empty(len(new.offsets), np.uint8)
    if advance((values, places), new, rules, room, (words, starts), fate) >= 0:
        raise damaged("has tiles that do not hold together")
    found = np.bincount(fate, minlength=5)
    return Sections(words[: starts[-1]], starts), Fates(*found.tolist())


def _most_words(held: Int64s, counts: Int64s, width: int) -> int:
    """Words that all the new sections can take: no event adds more than a tile and an id.

    What was held can grow too, by the bytes of ids that grew older, and never to twice.
    """
    each = most_words(1, 0, width, 0)
    return int(2 * held.sum() + each * (counts.sum() + len(counts)))
