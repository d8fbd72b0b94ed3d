"""A topic of an event log as columns, for SQL: every event read strictly, one row each."""

from __future__ import annotations

import msgspec
import msgspec.inspect
import pyarrow as pa

from feature_store.event_log import EventLog
from finmodel.events import TOPICS, TYPES

_ARROW: dict[type[msgspec.inspect.Type], pa.DataType] = {
    msgspec.inspect.IntType: pa.int64(),
    msgspec.inspect.StrType: pa.string(),
    msgspec.inspect.LiteralType: pa.string(),
    msgspec.inspect.DateTimeType: pa.timestamp("us", "UTC"),
}
"""What an event's field may be, and its Arrow type."""


def read_columns(log: EventLog, topic: str) -> pa.Table:
    """All events of a topic, a column for each field; BadInput with the place of a broken one."""
    schema = _schema(topic)
    tables = [schema.empty_table()]
    for partition in range(log.partitions):
        for batch in log.read(topic, partition):
            if not len(batch):
                continue
            columns = zip(*map(msgspec.structs.astuple, batch.events()), strict=True)
            arrays = [pa.array(column) for column in columns]
            tables.append(pa.Table.from_arrays(arrays, schema.names).cast(schema))
    return pa.concat_tables(tables)


def _schema(topic: str) -> pa.Schema:
    kind = msgspec.inspect.type_info(TYPES[TOPICS.index(topic)])
    assert isinstance(kind, msgspec.inspect.StructType)
    return pa.schema([(field.name, _ARROW[_plain(field.type)]) for field in kind.fields])


def _plain(kind: msgspec.inspect.Type) -> type[msgspec.inspect.Type]:
    """A field's type without what is said about it."""
    return type(kind.type if isinstance(kind, msgspec.inspect.Metadata) else kind)
