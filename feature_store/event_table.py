"""Events of one topic as columns of whole numbers, read from their JSON by compiled loops.

A batch goes in; a table and the places of what no decoder reads come out. A text stands as its
hash, a time as its microseconds since 1970. What the loops leave alone goes to the full decoder,
one by one, so that the answer is the decoder's for every event.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec
import msgspec.inspect as shapes
import numpy as np
import numpy.typing as npt

from feature_store.event_batch import Batch
from feature_store.json_kernels import NUMBER, TEXT, TIME, WORD, Format, read
from feature_store.judging import judge
from feature_store.rejections import Reason, Rejected
from feature_store.text_hash import signed
from feature_store.windows import SKEW
from finmodel.clock import micros
from finmodel.events import TOPICS, TYPES, Event
from finmodel.records import Int64s

_FARTHEST = 2**63 - 1


@dataclass(frozen=True, slots=True, eq=False)
class EventTable:
    """n events of one partition of a topic, in the log's order."""

    topic: str
    partition: int
    columns: Int64s
    """(f, n) a row for each of the topic's fields, as `fields_of` names them."""
    offsets: Int64s
    begin: int
    end: int
    """As a `Batch` has them."""

    def only(self, kept: npt.NDArray[np.bool_]) -> EventTable:
        """Some of the events; nothing is taken to be left out between the bounds."""
        return replace(self, columns=self.columns[:, kept], offsets=self.offsets[kept])

    def column(self, name: str) -> Int64s:
        """(n,) one field."""
        found: Int64s = self.columns[fields_of(self.topic).index(name)]
        return found


class Unread(NamedTuple):
    """An event that is none: where it stands in its batch, and why."""

    place: int
    why: str


def fields_of(topic: str) -> tuple[str, ...]:
    """The names of a topic's fields, in their order.

    >>> fields_of("card.status.v1")
    ('event_id', 'customer_id', 'occurred_at', 'known_at', 'status_code')
    """
    return TYPES[TOPICS.index(topic)].__struct_fields__


@lru_cache(maxsize=1_024)
def kind_of(topic: str, field: str) -> shapes.Type:
    """What a field may hold."""
    kind = shapes.type_info(TYPES[TOPICS.index(topic)])
    assert isinstance(kind, shapes.StructType)
    return next(one.type for one in kind.fields if one.name == field)


def table_of(batch: Batch) -> tuple[EventTable, list[Unread]]:
    """A batch's events as columns, and those that cannot be read."""
    form = format_of(batch.topic)
    n = len(batch)
    found, plain = np.empty((1 + len(fields_of(batch.topic)), n), np.int64), np.empty(n, np.bool_)
    read(batch.data, batch.spans, form, found, plain)
    columns = found[1:]  # the first is the topic
    names = fields_of(batch.topic)
    plain &= columns[names.index("known_at")] >= columns[names.index("occurred_at")]
    odd = np.flatnonzero(~plain).tolist()
    unread = [one for index in odd if (one := _slowly(batch, index, columns)) is not None]
    unread += _from_the_future(batch, columns[names.index("known_at")], unread)
    unread.sort()
    place = batch.topic, batch.partition
    table = EventTable(*place, columns, batch.offsets, batch.begin, batch.end)
    if unread:
        kept = np.ones(n, np.bool_)
        kept[[one.place for one in unread]] = False
        table = table.only(kept)
    return table, unread


def events_of(batch: Batch) -> tuple[list[Event], Int64s]:
    """A batch's events and their offsets, without what `table_of` calls unread."""
    judged = [judge(batch.topic, batch.sent(index)) for index in range(len(batch))]
    known = np.array(
        [0 if isinstance(e, Rejected) else micros(e.known_at) for e in judged], np.int64
    )
    unread = [Unread(i, str(e)) for i, e in enumerate(judged) if isinstance(e, Rejected)]
    left_out = {one.place for one in unread + _from_the_future(batch, known, unread)}
    kept = [index for index in range(len(judged)) if index not in left_out]
    events = [one for one in (judged[index] for index in kept) if not isinstance(one, Rejected)]
    return events, batch.offsets[np.array(kept, np.int64)]


def joined_tables(tables: Sequence[EventTable]) -> EventTable:
    """Tables of one partition that follow each other, as one."""
    if len(tables) == 1:
        return tables[0]
    columns = np.concatenate([table.columns for table in tables], axis=1)
    offsets = np.concatenate([table.offsets for table in tables])
    return replace(tables[0], columns=columns, offsets=offsets, end=tables[-1].end)


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


@lru_cache(maxsize=64)
def format_of(topic: str) -> Format:
    """What the compiled loops are to read of a topic: its tag, then its fields."""
    fields = [("topic", _Shape(WORD, words=(topic,)))]
    fields += [(name, _shape(kind_of(topic, name))) for name in fields_of(topic)]
    text = bytearray()
    rows: list[tuple[int, ...]] = []
    words: list[tuple[int, ...]] = []
    for name, shape in fields:
        first = len(fields) + len(words)
        words += [(0, 0, 0, *_put(text, word), 0, 0, 0) for word in shape.words]
        chosen = first, len(fields) + len(words), len(fields)
        rows.append((shape.kind, shape.low, shape.high, *_put(text, name), *chosen))
    return Format(np.array(rows + words, np.int64), np.frombuffer(bytes(text), np.uint8))


def _put(text: bytearray, word: str) -> tuple[int, int]:
    """Where a word starts and ends, once it stands behind the others."""
    start = len(text)
    text += word.encode()
    return start, len(text)


class _Shape(NamedTuple):
    kind: int
    low: int = 0
    high: int = 0
    words: tuple[str, ...] = ()


def _shape(kind: shapes.Type) -> _Shape:
    if isinstance(kind, shapes.IntType):
        low = kind.ge if kind.ge is not None else _next(kind.gt, 1, -_FARTHEST)
        high = kind.le if kind.le is not None else _next(kind.lt, -1, _FARTHEST)
        return _Shape(NUMBER, low, high)
    if isinstance(kind, shapes.StrType):
        longest = _FARTHEST if kind.max_length is None else kind.max_length
        return _Shape(TEXT, kind.min_length or 0, longest)
    if isinstance(kind, shapes.LiteralType):
        return _Shape(WORD, words=tuple(map(str, kind.values)))
    assert isinstance(kind, shapes.DateTimeType)
    return _Shape(TIME)


def _next(bound: int | None, step: int, otherwise: int) -> int:
    return otherwise if bound is None else bound + step


def _slowly(batch: Batch, index: int, columns: Int64s) -> Unread | None:
    """One event by the full decoder into its column; what is wrong with it, if it is none."""
    event = judge(batch.topic, batch.sent(index))
    if isinstance(event, Rejected):
        return Unread(index, str(event))
    columns[:, index] = [number_of(value) for value in msgspec.structs.astuple(event)]
    return None


def _from_the_future(batch: Batch, known_us: Int64s, unread: Sequence[Unread]) -> list[Unread]:
    """Events that claim to be known long after the log got them: one would age its customer."""
    if batch.times_ms is None:
        return []
    ahead = (batch.times_ms >= 0) & (known_us > batch.times_ms * 1_000 + SKEW)
    ahead[[one.place for one in unread]] = False
    why = str(Rejected(Reason.KNOWN_AHEAD, "known_at"))
    return [Unread(index, why) for index in np.flatnonzero(ahead).tolist()]


@lru_cache(maxsize=4_096)
def _text_number(text: str) -> int:
    """Kept, since few words stand in many events."""
    return signed(text)
