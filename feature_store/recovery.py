"""A store that lost what it had counted, brought back to it before anybody reads it again.

Comes in, between two passes of a worker: which partitions are its own. A store that is empty, or
behind what its group was told is synced, is marked; batch views and what only the archive holds are
put in by the worker that has partition 0, then every worker counts on from the log, and the mark
goes when all of it is there. Knows no process and no clock but for how often it looks.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from feature_store.archive_key import Archive
from feature_store.event_log import EventLog, Place, TopicState
from feature_store.online_writer import OnlineWriter
from feature_store.rebuild_mark import Rebuild, Target
from feature_store.refilling import holds_events, refill
from feature_store.window_plan import WindowPlan, schema_of
from finmodel.errors import NotReady

_log = logging.getLogger(__name__)
LOOK_SECONDS = 1.0
"""How often a worker asks whether a marked store is whole again."""
WORK_SECONDS = 10.0
"""How long it works before the worker looks after its membership again."""
FIRST = 0
"""Who has this partition puts in what no partition brings."""

Synced = Callable[[Iterable[Place]], Mapping[Place, int]]
"""How far the group was told that the store has synced; no more than that was ever lost."""


class Sources(NamedTuple):
    """What a store is made of again, beside its log."""

    archive: Archive | None
    """None where nothing was archived."""
    fill_batch_views: Callable[[], None]


class Recovery:
    """What one worker does for a store that is not whole."""

    def __init__(
        self, log: EventLog, writer: OnlineWriter, plans: Sequence[WindowPlan], sources: Sources
    ) -> None:
        self._log, self._writer, self._plans, self._sources = log, writer, plans, sources
        self._views = {plan.view: schema_of(plan) for plan in plans}
        self._mark: Rebuild | None = None
        self._looked = 0.0
        self._batch_views = False
        """Whether they are in a marked store already."""

    def begin(self, owned: frozenset[int] | None, synced: Synced) -> bool:
        """Whether partitions, all of them where `owned` is None, may be followed now.

        If not, it has worked for some seconds and is to be called again. NotReady while another
        worker puts in what comes before the log.
        """
        mark = self._writer.rebuilding() or self._marked(owned, synced)
        self._mark = mark
        if mark is None or not mark.archive:
            filled = mark is not None or self._refill(owned)
        else:
            _check_leads(owned)
            if not self._batch_views:
                self._sources.fill_batch_views()
                self._batch_views = True
            # All partitions: customers may have moved between them, and come in one order.
            filled = self._refill(None)
            if filled:
                self._mark = msgspec.structs.replace(mark, archive=False)
                self._writer.mark(self._mark)
        if filled:
            self._batch_views = False
            # Of a view whose topic brought nothing, windows are empty, and not unknown.
            self._writer.apply(self._views, [])
        return filled

    def is_due(self, states: Mapping[str, TopicState], synced: Synced) -> bool:
        """Whether the store lost something since it was begun with, though nobody wrote to it, as
        the log's topics are now."""
        return self._mark is None and self._lost(states, synced) is not None

    def look(self) -> bool:
        """To be called after each pass: whether the store is whole, and is served."""
        if self._mark is None:
            return True
        if time.monotonic() - self._looked >= LOOK_SECONDS:
            self._looked = time.monotonic()
            self.end_if_whole()
        return self._mark is None

    def end_if_whole(self) -> None:
        """Take the mark away if all that was lost is counted again."""
        mark = self._writer.rebuilding()
        if mark is not None and self._reached(mark):
            self._writer.mark(None)
            _log.warning("the online store is whole again, and is served")
            mark = None
        self._mark = mark

    def _marked(self, owned: frozenset[int] | None, synced: Synced) -> Rebuild | None:
        mark = self._lost(self._log.states(), synced)
        if mark is not None:
            _check_leads(owned)
            self._writer.mark(mark, self._views)
            _log.warning(
                "the online store is empty, or older than what was counted: it is filled from"
                " archive and log, and not served until then"
            )
        return mark

    def _lost(self, there: Mapping[str, TopicState], synced: Synced) -> Rebuild | None:
        """What the store is to count again before it is served; None where it lost nothing."""
        topics = {plan.topic for plan in self._plans}
        states = {t: state for t, state in there.items() if t in topics}
        ends = {(t, n): end for t, state in states.items() for n, end in enumerate(state.ends)}
        counted = self._writer.counted()
        if not counted:
            something = any(ends.values()) or holds_events(self._sources.archive)
            return Rebuild(_targets(states, ends)) if something else None
        told = synced(ends)
        upto = {place: min(told.get(place, 0), end) for place, end in ends.items()}
        behind = any(
            counted.get((states[topic].number, number), 0) < offset
            for (topic, number), offset in upto.items()
        )
        return Rebuild(_targets(states, upto)) if behind else None

    def _reached(self, mark: Rebuild) -> bool:
        """Whether every partition that is still there was counted so far, by every view."""
        states = self._log.states()
        return all(
            self._writer.position(plan, target.number, target.partition) >= target.offset
            for target in mark.targets
            if target.topic in states and states[target.topic].number == target.number
            for plan in self._plans
            if plan.topic == target.topic
        )

    def _refill(self, partitions: frozenset[int] | None) -> bool:
        """Whether nothing is left to be counted from the archive."""
        if self._sources.archive is None:
            return True
        told = refill(
            self._sources.archive,
            self._log,
            self._writer,
            self._plans,
            partitions,
            WORK_SECONDS,
        )
        if told.events:
            _log.warning("%s events that the log no longer keeps, from the archive", told.events)
        return told.whole


def _targets(states: Mapping[str, TopicState], upto: Mapping[Place, int]) -> tuple[Target, ...]:
    return tuple(
        Target(topic, states[topic].number, partition, offset)
        for (topic, partition), offset in upto.items()
    )


def _check_leads(owned: frozenset[int] | None) -> None:
    if owned is not None and FIRST not in owned:
        raise NotReady(
            "it lost what it had counted",
            where="online store",
            remedy=f"wait: the worker that has partition {FIRST} rebuilds it",
        )
