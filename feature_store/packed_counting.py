"""Events of a micro-batch against customers' values: what each view's tiles are after them.

Parts of one partition and view each come in with the values of everybody in them; values go out,
and what became of the events. Knows no map: every writer counts here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from feature_store import packed_kernels as kernels
from feature_store.packed_catalog import Catalog
from feature_store.packed_columns import built, checked
from feature_store.packed_merge import merged
from feature_store.packed_sections import NewSections, differing, taken
from feature_store.tile_columns import EventColumns, Fates, advanced, grouped, rules_of
from feature_store.vectors import Scoring
from feature_store.window_plan import WindowPlan
from finmodel.errors import Refused

_NOBODY = np.empty(0, np.uint64)


class Overtaken(Refused):
    """Another worker counted what this one was to count next: the store knows where to go on."""


class Part(NamedTuple):
    """Events of one partition, as one view counts them."""

    plan: WindowPlan
    events: EventColumns

    @property
    def customers(self) -> npt.NDArray[np.uint64]:
        """In the map's order of keys."""
        return self.events.customers.view(np.uint64)


def customers_of(parts: Sequence[Part]) -> npt.NDArray[np.uint64]:
    """Everybody that some parts tell of, once, in the map's order of keys."""
    return np.unique(np.concatenate([_NOBODY, *(part.customers for part in parts)]))


def uncounted(part: Part, upto: int) -> Part:
    """A part's events that were not counted yet; Overtaken where some before them would be left
    out."""
    begin, _ = part.events.bounds
    if begin > upto:
        raise Overtaken(
            f"events from offset {upto} to {begin} would be left out",
            where=f"view {part.plan.view}: {part.plan.topic}[{part.events.partition}]",
            remedy="go on from where it was counted",
        )
    return part._replace(events=part.events.since(upto))


def in_rounds(parts: Sequence[Part]) -> list[list[int]]:
    """Numbers of parts that can be counted side by side: where a customer's events of one view come
    from two partitions (their topic was given more), one after the other."""
    rounds: list[list[int]] = []
    for number, part in enumerate(parts):
        for some in rounds:
            if not any(_meet(part, parts[other]) for other in some):
                some.append(number)
                break
        else:
            rounds.append([number])
    return rounds


def _meet(one: Part, other: Part) -> bool:
    same = one.plan.view == other.plan.view
    return same and bool(np.isin(one.customers, other.customers).any())


class Counting(NamedTuple):
    """What parts make of values."""

    values: kernels.Sections
    changed: npt.NDArray[np.bool_]
    """(n,) whether each value is another than before."""
    fates: list[Fates]
    """What became of each part's events."""


def count(
    values: kernels.Sections,
    customers: npt.NDArray[np.uint64],
    parts: Sequence[tuple[Part, tuple[int, int]]],
    scoring: Scoring | None,
    catalog: Catalog,
) -> Counting:
    """What parts, each under its view's id and schema number, make of ordered customers' values.
    With `scoring`, whoever's value changed is scored anew."""
    before, fates = values, dict[int, Fates]()
    for some in in_rounds([part for part, _ in parts]):
        found = [_counted(values, customers, *parts[number]) for number in some]
        values, _ = merged(values, [new for new, _ in found], catalog)
        fates |= zip(some, (fate for _, fate in found), strict=True)
    changed = differing(before, values)
    if scoring is not None and changed.any():
        values = _with_scores(values, changed, scoring, catalog)
    return Counting(values, changed, [fates[number] for number in range(len(parts))])


def with_seen(fates: Sequence[Fates], given: Sequence[Part], new: Sequence[Part]) -> list[Fates]:
    """Fates of the parts that were given, of which only what was new was counted."""
    again = [len(g.events.offsets) - len(n.events.offsets) for g, n in zip(given, new, strict=True)]
    return [fate._replace(seen=fate.seen + a) for fate, a in zip(fates, again, strict=True)]


def _counted(
    values: kernels.Sections, customers: npt.NDArray[np.uint64], part: Part, head: tuple[int, int]
) -> tuple[NewSections, Fates]:
    """A part's new sections, under its view's id and schema number, of these ordered customers."""
    plan, events = part
    some, incoming = grouped(events)
    places = np.searchsorted(customers, some.view(np.uint64))
    rules = rules_of(plan, head, events.topic, events.partition)
    sections, fates = advanced(values, places, incoming, rules, plan)
    return (places, sections), fates


def _with_scores(
    values: kernels.Sections, changed: npt.NDArray[np.bool_], scoring: Scoring, catalog: Catalog
) -> kernels.Sections:
    """Values with the scores of those that changed; the scores' view is declared."""
    places = np.flatnonzero(changed)
    rows = scoring.rows(taken(values, places), catalog)
    head = catalog.declare(rows.view, rows.features)
    sections = built(checked(rows, len(places)), head, np.arange(len(places)))
    return merged(values, [(places, sections)], catalog)[0]
