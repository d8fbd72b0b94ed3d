"""When something happened to whom: events of the archive, as labels are counted from.

An archive, a topic and conditions on its fields come in; customers and times go out, by customer
and then by time, with the fields that were asked for. Knows no label and no window.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from feature_store.archive import archive_schema
from feature_store.archive_files import files_of
from feature_store.archive_key import Archive
from finmodel.errors import BadInput, Damaged
from finmodel.events import TOPICS
from finmodel.records import Int64s

Compare = Literal["=", ">=", "<="]
_COMPARE = {"=": pc.equal, ">=": pc.greater_equal, "<=": pc.less_equal}


class Condition(NamedTuple):
    """What an event's field must be."""

    field: str
    compare: Compare
    value: str


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """n events, by customer and then by time."""

    customers: Int64s
    at_us: Int64s
    """When it happened: microseconds since 1970, UTC."""
    fields: dict[str, npt.NDArray[Any]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.at_us)


def moments_of(
    archive: Archive,
    topic: str,
    where: Sequence[Condition] = (),
    keep: Sequence[str] = (),
    span: tuple[int, int] | None = None,
) -> Moments:
    """Events of a topic that meet every condition, from one time (µs) up to another where told.

    BadInput for a topic or field there is not; Damaged for a file that cannot be read.
    """
    schema = _schema(topic)
    for name in (*keep, *(one.field for one in where)):
        if name not in schema.names:
            known = ", ".join(schema.names[3:])
            raise BadInput(f"it has no field {name!r}", where=topic, remedy=f"name one of {known}")
    folder = archive.folder / topic
    wanted = {"customer", "occurred_at", *keep, *(one.field for one in where)}
    columns = [name for name in schema.names if name in wanted]
    tables = [_within(_read(folder / file.name, columns), span) for file in files_of(folder)]
    table = pa.concat_tables(tables) if tables else schema.empty_table().select(columns)
    for one in where:
        table = table.filter(_COMPARE[one.compare](table[one.field], _scalar(schema, topic, one)))
    customers = archive.customers(table["customer"].to_numpy())
    at_us = _at_us(table).to_numpy()
    order = np.lexsort((at_us, customers))
    kept = {name: np.asarray(table[name].to_pylist(), dtype=object)[order] for name in keep}
    return Moments(customers[order], at_us[order], kept)


def known_until(archive: Archive, topic: str) -> int | None:
    """Up to when (µs) every event of a topic that had become known is there; None without any.

    That is the last that the partition tells which is furthest behind: each is archived by itself.
    A partition on which nothing ever happened is not behind. Damaged as `moments_of`.
    """
    _schema(topic)
    folder = archive.folder / topic
    if not folder.is_dir():
        return None
    last = {(file.number, file.partition): file for file in files_of(folder)}  # in the log's order
    ends: dict[int, list[int]] = {}
    for (number, _), file in last.items():
        known = pc.max(_us(_read(folder / file.name, ["known_at"])["known_at"])).as_py()
        ends.setdefault(number, []).append(known)
    # Of a topic that was made anew the newest alone goes on.
    return min(max(ends.values(), key=max)) if ends else None


def _read(path: Path, columns: Sequence[str]) -> pa.Table:
    try:
        return pq.read_table(path, columns=list(columns))
    except (pa.ArrowException, OSError) as error:
        raise Damaged(
            "it cannot be read as archived events",
            where=str(path),
            remedy="restore the archive from a backup, or archive anew",
        ) from error


def _at_us(table: pa.Table) -> pa.ChunkedArray:
    return _us(table["occurred_at"])


def _us(times: pa.ChunkedArray) -> pa.ChunkedArray:
    return times.cast(pa.timestamp("us", "UTC")).cast(pa.int64())


def _within(table: pa.Table, span: tuple[int, int] | None) -> pa.Table:
    if span is None:
        return table
    at_us = _at_us(table)
    return table.filter(pc.and_(pc.greater_equal(at_us, span[0]), pc.less(at_us, span[1])))


def _schema(topic: str) -> pa.Schema:
    if topic not in TOPICS:
        raise BadInput(
            f"there is no topic {topic!r}", where="event", remedy=f"name one of {', '.join(TOPICS)}"
        )
    return archive_schema(topic)


def _scalar(schema: pa.Schema, topic: str, one: Condition) -> pa.Scalar:
    kind = schema.field(one.field).type
    if kind == pa.string() and one.compare != "=":
        raise BadInput(f"{one.field!r} is a word", where=topic, remedy="compare it by =")
    try:
        return pa.scalar(one.value).cast(kind)
    except pa.ArrowInvalid as error:
        raise BadInput(
            f"{one.value!r} is no value of {one.field!r}", where=topic, remedy="write a number"
        ) from error
