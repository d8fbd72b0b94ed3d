"""A topic of an event log as columns, for SQL: every event read strictly, one row each."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import msgspec.inspect
import pyarrow as pa

from feature_store.event_log import EventLog
from finmodel.events import TOPICS, TYPES, Event

_ARROW: dict[type[msgspec.inspect.Type], pa.DataType] = {
    msgspec.inspect.IntType: pa.int64(),
    msgspec.inspect.StrType: pa.string(),
    msgspec.inspect.LiteralType: pa.string(),
    msgspec.inspect.DateTimeType: pa.timestamp("us", "UTC"),
}
"""What an event's field may be, and its Arrow type."""


def read_columns(log: EventLog, topic: str) -> pa.Table:
    """All events of a topic, a column for each field; BadInput with the place of a broken one."""
    tables = [
        arrow_of(topic, batch.events())
        for partition in range(log.partitions)
        for batch in log.read(topic, partition)
    ]
    return pa.concat_tables([schema_of(topic).empty_table(), *tables])


def arrow_of(topic: str, events: Sequence[Event]) -> pa.Table:
    """Events of one topic, in their order, a column for each field."""
    schema = schema_of(topic)
    if not events:
        return schema.empty_table()
    columns = zip(*map(msgspec.structs.astuple, events), strict=True)
    arrays = [pa.array(column) for column in columns]
    return pa.Table.from_arrays(arrays, schema.names).cast(schema)


def schema_of(topic: str) -> pa.Schema:
    """The fields of a topic's events, in their order."""
    kind = msgspec.inspect.type_info(TYPES[TOPICS.index(topic)])
    assert isinstance(kind, msgspec.inspect.StructType)
    return pa.schema([(field.name, _ARROW[_plain(field.type)]) for field in kind.fields])


def _plain(kind: msgspec.inspect.Type) -> type[msgspec.inspect.Type]:
    """A field's type without what is said about it."""
    return type(kind.type if isinstance(kind, msgspec.inspect.Metadata) else kind)
