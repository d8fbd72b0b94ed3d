"""From a log to tiles: each view's topic, partition by partition, from where it was left.

A log (files or Kafka) and plans come in; customers' tiles are brought up to the log's end, and how
far each partition was counted is written in the same transaction. Killed at any moment, it goes on
from there: at worst it reads some events again, and the rows know them. Knows no clock of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from feature_store.event_log import Batch, EventLog
from feature_store.event_measures import check_measures, columns_of
from feature_store.packed_writer import PackedWriter
from feature_store.tile_columns import Fates
from feature_store.window_plan import WindowPlan

JOIN_KEY = "customer_id"
NOTHING = Fates(0, 0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Counted:
    """What one pass over a log did to one view."""

    view: str
    topic: str
    events: int
    counted: int
    seen: int
    repeated: int
    late: int
    ahead: int


def catch_up(
    log: EventLog,
    writer: PackedWriter,
    plans: Sequence[WindowPlan],
    *,
    partitions: Iterable[int] | None = None,
    topic_number: Callable[[str], int] = lambda _: 0,
) -> list[Counted]:
    """Count what the log holds beyond what was counted, of all partitions or of some.

    `topic_number` tells a topic from a later one of the same name; where it changes, offsets start
    afresh. BadInput, before anything is counted, where a view's measures do not fit its topic.
    """
    for plan in plans:
        check_measures(plan)
    mine = range(log.partitions) if partitions is None else partitions
    return [_view(log, writer, plan, mine, topic_number(plan.topic)) for plan in plans]


def _view(
    log: EventLog, writer: PackedWriter, plan: WindowPlan, partitions: Iterable[int], topic: int
) -> Counted:
    fates = NOTHING
    for partition in partitions:
        start = writer.position(plan, topic, partition)
        for batch in log.read(plan.topic, partition, start):
            found = _count(writer, plan, batch, topic)
            fates = Fates(*(a + b for a, b in zip(fates, found, strict=True)))
    return Counted(plan.view, plan.topic, sum(fates), *fates)


def _count(writer: PackedWriter, plan: WindowPlan, batch: Batch, topic: int) -> Fates:
    events = batch.events()
    if not events:
        return NOTHING
    columns = columns_of(plan, events, batch.first_offset, topic, batch.partition)
    return writer.write_events(JOIN_KEY, plan, columns)
