"""From a log to tiles: each view's topic, partition by partition, from where it was left.

A log (files or Kafka) and plans come in; customers' tiles are brought up to what the log holds, and
how far each partition was counted is written with them or after them. Killed at any moment, it goes
on from there. Knows no clock of its own, no group of workers and no model.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Mapping, Sequence
from dataclasses import astuple, dataclass

from feature_store.dead_letters import DeadLetter, DeadLetters
from feature_store.event_batch import Batch
from feature_store.event_log import EventLog, Place
from feature_store.event_measures import check_measures, columns_of
from feature_store.event_table import EventTable, joined_tables, table_of
from feature_store.online_writer import OnlineWriter
from feature_store.packed_counting import Part
from feature_store.packed_keys import JOIN_KEY
from feature_store.tile_columns import Fates
from feature_store.vectors import Scoring
from feature_store.window_plan import WindowPlan

NOTHING = Fates(0, 0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Counted:
    """What became of a view's events."""

    view: str
    topic: str
    events: int
    counted: int
    seen: int
    repeated: int
    late: int
    ahead: int
    unread: int
    """Of the topic's values that are no events."""
    lost: int
    """Of the topic's offsets that the log no longer kept when they were to be counted."""


class Stream:
    """Views that are counted from a log into an online store, micro-batch by micro-batch."""

    def __init__(
        self,
        log: EventLog,
        writer: OnlineWriter,
        plans: Sequence[WindowPlan],
        scoring: Scoring | None = None,
        dead: DeadLetters | None = None,
    ) -> None:
        """What is no event is only counted where there are no dead letters to put it into.

        BadInput where a view's measures do not fit its topic.
        """
        for plan in plans:
            check_measures(plan)
        self._log, self._writer, self._scoring, self._dead = log, writer, scoring, dead
        self._plans: dict[str, list[WindowPlan]] = defaultdict(list)
        for plan in plans:
            self._plans[plan.topic].append(plan)
        self._numbers = {topic: log.topic_number(topic) for topic in self._plans}

    def starts(self, partitions: Container[int] | None = None) -> dict[Place, int]:
        """Where the topics' partitions, all or some, were left by the view that is least far."""
        return {
            (topic, partition): min(
                self._writer.position(plan, self._numbers[topic], partition) for plan in plans
            )
            for topic, plans in self._plans.items()
            for partition in range(len(self._log.end_offsets(topic)))
            if partitions is None or partition in partitions
        }

    def count(self, batches: Sequence[Batch]) -> list[Counted]:
        """Count some batches, each view's partitions in one transaction; what became of them."""
        parts, unread = [], dict.fromkeys(self._plans, 0)
        lost = {topic: sum(b.lost for b in batches if b.topic == topic) for topic in self._plans}
        for place, some in _by_place(batches).items():
            unread[place[0]] += sum(batch.rejected for batch in some)
            tables, letters = zip(*map(_read, some), strict=True)
            unread[place[0]] += self._bury([letter for each in letters for letter in each])
            table = joined_tables(tables)
            number = self._numbers[place[0]]
            parts += [Part(plan, columns_of(plan, table, number)) for plan in self._plans[place[0]]]
        fates = self._writer.write_parts(JOIN_KEY, parts, self._scoring) if parts else []
        return self._told(parts, fates, (unread, lost))

    def catch_up(self, partitions: Container[int] | None = None) -> list[Counted]:
        """Count up to the log's end, as it is now."""
        ends = {topic: self._log.end_offsets(topic) for topic in self._plans}
        starts = self.starts(partitions)
        left = {place: at for place, at in starts.items() if at < ends[place[0]][place[1]]}
        told = [self.count([])]
        with self._log.follow(left) as following:
            while any(at < ends[topic][partition] for (topic, partition), at in left.items()):
                batches = following.poll(1.0)
                left |= {(batch.topic, batch.partition): batch.end for batch in batches}
                told.append(self.count(batches))
        return [_sum(of_view) for of_view in zip(*told, strict=True)]

    def _bury(self, letters: Sequence[DeadLetter]) -> int:
        """Keep what is no event, before anything behind it is counted; how many there were."""
        if letters and self._dead is not None:
            self._dead.put(letters)
        return len(letters)

    def _told(
        self, parts: Sequence[Part], fates: Sequence[Fates], topics: Sequence[Mapping[str, int]]
    ) -> list[Counted]:
        sums = {plan.view: NOTHING for plans in self._plans.values() for plan in plans}
        for part, fate in zip(parts, fates, strict=True):
            before = sums[part.plan.view]
            sums[part.plan.view] = Fates(*(a + b for a, b in zip(before, fate, strict=True)))
        return [
            Counted(
                plan.view,
                topic,
                sum(sums[plan.view]),
                *sums[plan.view],
                *(of_topic[topic] for of_topic in topics),
            )
            for topic, plans in self._plans.items()
            for plan in plans
        ]


def catch_up(
    log: EventLog,
    writer: OnlineWriter,
    plans: Sequence[WindowPlan],
    *,
    partitions: Container[int] | None = None,
    scoring: Scoring | None = None,
) -> list[Counted]:
    """Count what the log holds beyond what was counted, of all partitions or of some.

    BadInput, before anything is counted, where a view's measures do not fit its topic.
    """
    return Stream(log, writer, plans, scoring).catch_up(partitions)


def _by_place(batches: Sequence[Batch]) -> dict[Place, list[Batch]]:
    found: dict[Place, list[Batch]] = defaultdict(list)
    for batch in batches:
        found[batch.topic, batch.partition].append(batch)
    return found


def _read(batch: Batch) -> tuple[EventTable, list[DeadLetter]]:
    table, unread = table_of(batch)
    return table, [
        DeadLetter(
            batch.topic,
            batch.partition,
            int(batch.offsets[one.place]),
            one.why,
            batch.sent(one.place),
            timestamp_ms=batch.time_of(one.place),
        )
        for one in unread
    ]


def _sum(told: Sequence[Counted]) -> Counted:
    """What became of one view's events over several calls."""
    named = told[0].view, told[0].topic
    return Counted(*named, *(sum(some) for some in zip(*map(_numbers, told), strict=True)))


def _numbers(one: Counted) -> tuple[int, ...]:
    return astuple(one)[2:]
