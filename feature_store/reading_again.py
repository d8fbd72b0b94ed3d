"""A dead letter read again by what is known today, and its event put into the log once.

A letter, a lender's maps and a log to write to come in; the event and its place in the log go out,
or why there still is none. What is in the log already is not put there again. Knows no file.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from feature_store.dead_letters import DeadLetter
from feature_store.event_log import EventLog, partition_of
from feature_store.event_table import number_of, table_of
from feature_store.judging import judge
from feature_store.rejections import Reason, Rejected, Skipped
from feature_store.topic_maps import TopicMap, translate
from finmodel.events import TOPICS, Event, topic_of


class Stands(NamedTuple):
    """Where an event stands in a log."""

    topic: str
    partition: int
    offset: int
    before: bool
    """It was there already: sent again by its producer, or put there by an earlier try."""


def read_again(letter: DeadLetter, maps: Sequence[TopicMap]) -> Event | Rejected | Skipped:
    """What a letter's bytes are today: by our own topic of this name, else by the map of its topic.

    >>> read_again(DeadLetter("bank.pay", 0, 7, "missing: dpd", b"{}"), [])
    Rejected(reason=<Reason.OTHER_TOPIC: 'other_topic'>, field='topic')
    """
    found: Event | Rejected | Skipped = Rejected(Reason.OTHER_TOPIC, "topic")
    if letter.topic in TOPICS:
        found = judge(letter.topic, letter.value)
    theirs = next((one for one in maps if one.source == letter.topic), None)
    if isinstance(found, Rejected) and theirs is not None:
        found = translate(theirs, letter.value, letter.timestamp_ms)
    return found


def put_once(log: EventLog, event: Event, letter: DeadLetter) -> Stands:
    """Append a letter's event, unless one of its id stands in its customer's partition.

    A file log must be this caller's alone to write to. The partition is read from its beginning: a
    stream knows an id again for some hours only, and a letter may be months old.
    """
    topic, partition = topic_of(event), partition_of(event.customer_id, log.partitions)
    own = letter.offset if (letter.topic, letter.partition) == (topic, partition) else -1
    found = standing(log, event, partition, own)
    if found is not None:
        return Stands(topic, partition, found, before=True)
    end = log.end_offsets(topic)[partition]
    log.append(topic, [event])
    found = standing(log, event, partition, own, end)
    return Stands(topic, partition, end if found is None else found, before=False)


def standing(
    log: EventLog, event: Event, partition: int, but: int, from_offset: int = 0
) -> int | None:
    """The offset of the first event of this id and customer in a partition, but one offset."""
    wanted = number_of(event.event_id)
    for batch in log.read(topic_of(event), partition, from_offset):
        table, _ = table_of(batch)
        same = (table.column("event_id") == wanted) & (table.offsets != but)
        same &= table.column("customer_id") == event.customer_id
        if same.any():
            return int(table.offsets[same.argmax()])
    return None
