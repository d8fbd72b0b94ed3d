"""A lender's own topic as one of ours: how a record of theirs becomes an event.

A map (topic_file.py reads it) and a record's bytes come in; an event goes out, or the reason why
there is none. Only what a map names is looked at. This module knows no file, no log and no Kafka.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeAlias

from feature_store.conversions import Conversion, joined, record_time
from feature_store.judging import event_of
from feature_store.rejections import LARGEST_VALUE, Reason, Rejected, Skipped, Unfit
from feature_store.source_formats import Reader, changed_row, record_in, unwrapped
from finmodel.events import Event


class Record(NamedTuple):
    """A record of theirs, read."""

    row: Mapping[str, Any]
    message: Mapping[str, Any]
    """All of it; for Debezium the envelope around the row."""
    timestamp_ms: int | None


Rule: TypeAlias = Callable[[Record], Any]
"""How one field of ours is made of a record; raises Unfit."""
Fate: TypeAlias = Literal["skip", "reject"]


@dataclass(frozen=True, slots=True)
class TopicMap:
    """How one topic of a lender becomes one of ours."""

    source: str
    topic: str
    read: Reader
    rules: tuple[tuple[str, Rule], ...]
    debezium: bool = False
    deletes: Fate = "skip"
    tombstones: Fate = "reject"


def translate(
    topic_map: TopicMap, value: bytes | None, timestamp_ms: int | None = None
) -> Event | Rejected | Skipped:
    """The event in one record of a lender's topic, or why there is none.

    `timestamp_ms` is the record's own in Kafka, for maps that take it. A row's deletion and a
    record without a value are skipped or rejected, as the map says.
    """
    if value is not None and len(value) > LARGEST_VALUE:
        return Rejected(Reason.TOO_LARGE)
    try:
        record = _record(topic_map, value, timestamp_ms)
    except Unfit as unfit:
        return _without_record(topic_map, unfit.reason)
    values = {}
    for name, rule in topic_map.rules:
        try:
            values[name] = rule(record)
        except Unfit as unfit:
            return Rejected(unfit.reason, name)
    return event_of(topic_map.topic, values)


def constant(value: Any) -> Rule:
    """The same value in every event."""
    return lambda record: value


def taken(path: Sequence[str], convert: Conversion, default: Any = None) -> Rule:
    """What lies at a path, converted; a default where nothing does, or else Unfit."""
    find = _finder(path)

    def rule(record: Record) -> Any:
        found = find(record)
        if found is not None:
            return convert(found)
        if default is None:
            raise Unfit(Reason.MISSING)
        return default

    return rule


def joined_of(paths: Sequence[Sequence[str]]) -> Rule:
    """What lies at several paths, as one text."""
    finders = [_finder(path) for path in paths]

    def rule(record: Record) -> str:
        found = [find(record) for find in finders]
        if None in found:
            raise Unfit(Reason.MISSING)
        return joined(found)

    return rule


def looked_up(words: Mapping[str, Any], key: Callable[[Any], str]) -> Conversion:
    """What stands for a value in a list of all that may come."""

    def convert(value: Any) -> Any:
        try:
            return words[key(value)]
        except KeyError:
            raise Unfit(Reason.UNKNOWN_VALUE) from None

    return convert


def of_record_time(record: Record) -> Any:
    """The time that Kafka keeps with a record."""
    return record_time(record.timestamp_ms)


def _record(topic_map: TopicMap, value: bytes | None, timestamp_ms: int | None) -> Record:
    if value is None:
        raise Unfit(Reason.TOMBSTONE)
    if not value:
        raise Unfit(Reason.EMPTY)
    message = topic_map.read(value)
    if topic_map.debezium:
        message = unwrapped(message)
        return Record(changed_row(message), message, timestamp_ms)
    message = record_in(message)
    return Record(message, message, timestamp_ms)


def _without_record(topic_map: TopicMap, reason: Reason) -> Rejected | Skipped:
    fates = {Reason.DELETE: topic_map.deletes, Reason.TOMBSTONE: topic_map.tombstones}
    return Skipped(reason) if fates.get(reason) == "skip" else Rejected(reason)


def _finder(path: Sequence[str]) -> Callable[[Record], Any]:
    """Where a path begins at `$` it goes from the whole message, else from the row."""
    if path[0] == "$":
        return lambda record: _at(record.message, path[1:])
    return lambda record: _at(record.row, path)


def _at(value: Any, path: Sequence[str]) -> Any:
    for name in path:
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value
