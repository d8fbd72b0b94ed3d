"""From a topic's columns to those that a view's measures read.

A table of events and a plan come in, arrays go out. An event without a measure's filter's value
does not count there. When the log took an event in is its `known_at`: the lender's own word, the
same in every replay and in every kind of log.
"""

from __future__ import annotations

import msgspec.inspect as shapes
import numpy as np

from feature_store.event_table import EventTable, fields_of, kind_of
from feature_store.text_hash import signed
from feature_store.tile_columns import EventColumns
from feature_store.window_plan import Measure, WindowPlan
from finmodel.errors import BadInput
from finmodel.events import TOPICS


def columns_of(plan: WindowPlan, table: EventTable, topic: int) -> EventColumns:
    """Events as a view's columns; `topic` is the number of the topic that they came from."""
    n, measures = len(table.offsets), plan.measures
    values = np.empty((n, len(measures)), dtype=np.int64)
    present = np.ones((n, len(measures)), dtype=np.bool_)
    for m, measure in enumerate(measures):
        values[:, m] = table.column(measure.column)
        if measure.field:
            present[:, m] = table.column(measure.field) == wanted(plan.topic, measure)
    return EventColumns(
        customers=np.ascontiguousarray(table.column("customer_id")),
        event_us=table.column("occurred_at"),
        logged_us=table.column("known_at"),
        offsets=table.offsets,
        ids=np.ascontiguousarray(table.column("event_id")).view(np.uint64),
        values=values,
        present=present,
        topic=topic,
        partition=table.partition,
        begin=table.begin,
        end=table.end,
    )


def wanted(topic: str, measure: Measure) -> int:
    """The number that a filter's value stands as."""
    if isinstance(kind_of(topic, measure.field), shapes.IntType):
        return int(measure.equals)
    return signed(measure.equals)


def check_measures(plan: WindowPlan) -> None:
    """BadInput, with the view's name, where its topic or a field of a measure is not known."""
    where = f"view {plan.view}"
    if plan.topic not in TOPICS:
        raise BadInput(
            f"there is no topic {plan.topic}",
            where=where,
            remedy=f"name one of {', '.join(TOPICS)}",
        )
    fields = fields_of(plan.topic)
    for measure in plan.measures:
        for name in _named(measure):
            if name not in fields:
                raise BadInput(
                    f"events of {plan.topic} have no field {name!r}",
                    where=where,
                    remedy=f"name one of {', '.join(fields)}",
                )
        _check_filter(plan, measure)


def _named(measure: Measure) -> list[str]:
    return [measure.column, measure.field] if measure.field else [measure.column]


def _check_filter(plan: WindowPlan, measure: Measure) -> None:
    """BadInput where no event's field can have the filter's value."""
    if not measure.field:
        return
    kind, said = kind_of(plan.topic, measure.field), ""
    if isinstance(kind, shapes.LiteralType) and measure.equals not in kind.values:
        said = f"one of {', '.join(map(str, kind.values))}"
    elif isinstance(kind, shapes.IntType) and not measure.equals.lstrip("-").isdecimal():
        said = "a whole number"
    elif isinstance(kind, shapes.DateTimeType):
        said = "another field: no filter is by an instant"
    if said:
        raise BadInput(
            f"{measure.field} is never {measure.equals!r}",
            where=f"view {plan.view}: column {measure.column!r}",
            remedy=f"name {said}",
        )
