"""From typed events to the columns that a view's measures read.

Events of one topic and a plan come in, arrays go out. A text stands as a hash of it, a time as its
microseconds; an event without a measure's field does not count there. When the log took an event
in is its `known_at`: the lender's own word, the same in every replay and in every kind of log.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from hashlib import blake2b
from typing import Any

import msgspec
import numpy as np

from feature_store.tile_columns import EventColumns
from feature_store.window_plan import Measure, WindowPlan
from finmodel.clock import micros
from finmodel.errors import BadInput
from finmodel.events import TOPICS, TYPES, Event


def columns_of(
    plan: WindowPlan, events: Sequence[Event], first_offset: int, topic: int, partition: int
) -> EventColumns:
    """Events that follow each other in one partition, as a view's columns."""
    check_measures(plan)
    n, measures = len(events), plan.measures
    values = np.zeros((n, len(measures)), dtype=np.int64)
    present = np.zeros((n, len(measures)), dtype=np.bool_)
    for m, measure in enumerate(measures):
        for e, event in enumerate(events):
            if measure.field and _text(getattr(event, measure.field)) != measure.equals:
                continue
            value = getattr(event, measure.column)
            if value is not None:
                values[e, m], present[e, m] = number_of(value), True
    return EventColumns(
        customers=np.fromiter((event.customer_id for event in events), np.int64, n),
        event_us=np.fromiter((micros(event.occurred_at) for event in events), np.int64, n),
        logged_us=np.fromiter((micros(event.known_at) for event in events), np.int64, n),
        offsets=np.arange(first_offset, first_offset + n, dtype=np.int64),
        ids=np.fromiter((hash_of(event.event_id) for event in events), np.uint64, n),
        values=values,
        present=present,
        topic=topic,
        partition=partition,
    )


def number_of(value: Any) -> int:
    """The whole number that stands for a field's value.

    >>> number_of(184), number_of(True), number_of("app") == number_of("app") != number_of("web")
    (184, 1, True)
    """
    if isinstance(value, int):
        return int(value)
    if isinstance(value, datetime):
        return micros(value)
    return _text_number(str(value))


def hash_of(text: str) -> int:
    """64 bits of a text; two event ids of one customer meet once in a billion billions."""
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little")


def check_measures(plan: WindowPlan) -> None:
    """BadInput, with the view's name, where its topic or a field of a measure is not known."""
    where = f"view {plan.view}"
    if plan.topic not in TOPICS:
        raise BadInput(
            f"there is no topic {plan.topic}",
            where=where,
            remedy=f"name one of {', '.join(TOPICS)}",
        )
    fields = _fields(plan.topic)
    for measure in plan.measures:
        for name in _named(measure):
            if name not in fields:
                raise BadInput(
                    f"events of {plan.topic} have no field {name!r}",
                    where=where,
                    remedy=f"name one of {', '.join(fields)}",
                )


def _named(measure: Measure) -> list[str]:
    return [measure.column, measure.field] if measure.field else [measure.column]


@lru_cache(maxsize=64)
def _fields(topic: str) -> tuple[str, ...]:
    return tuple(field.name for field in msgspec.structs.fields(TYPES[TOPICS.index(topic)]))


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


@lru_cache(maxsize=4_096)
def _text_number(text: str) -> int:
    """A text's hash as a signed word; kept, since few words stand in many events."""
    word = hash_of(text)
    return word - 2**64 if word >= 2**63 else word
