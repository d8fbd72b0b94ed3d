"""A topic of an event log as columns, for SQL: every event read strictly, one row each."""

from __future__ import annotations

import msgspec
import pyarrow as pa

from feature_store.event_log import EventLog
from finmodel.events import TOPICS, TYPES

_TIME = pa.timestamp("us", "UTC")
_ARROW = {
    "event_id": pa.string(),
    "occurred_at": _TIME,
    "known_at": _TIME,
    "currency": pa.string(),
}
"""Arrow types of the fields that are not whole numbers."""


def read_columns(log: EventLog, topic: str) -> pa.Table:
    """All events of a topic, a column for each field; BadInput with the place of a broken one."""
    schema = _schema(topic)
    tables = [schema.empty_table()]
    for partition in range(log.partitions):
        for batch in log.read(topic, partition):
            columns = zip(*map(msgspec.structs.astuple, batch.events()), strict=True)
            arrays = [pa.array(column) for column in columns]
            tables.append(pa.Table.from_arrays(arrays, schema.names).cast(schema))
    return pa.concat_tables(tables)


def _schema(topic: str) -> pa.Schema:
    kind = TYPES[TOPICS.index(topic)]
    return pa.schema([(name, _ARROW.get(name, pa.int64())) for name in kind.__struct_fields__])
