"""Records of our own topics, judged: an event, or the reason why it is none.

A topic of ours and a record's bytes come in. What is known is read and the rest is kept out; what
cannot be read is told by a word and a field, never by what stood there. Times are not judged here:
the windows count what is late or ahead.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

import msgspec
import msgspec.inspect

from feature_store.rejections import LARGEST_VALUE, Reason, Rejected
from finmodel.errors import BadInput
from finmodel.events import TOPICS, TYPES, Event, decode, topic_of

_PLAIN: dict[type[msgspec.inspect.Type], type] = {
    msgspec.inspect.IntType: int,
    msgspec.inspect.StrType: str,
    msgspec.inspect.LiteralType: str,
    msgspec.inspect.DateTimeType: datetime,
}


@dataclass(frozen=True, slots=True)
class EventField:
    """One field of an event: its type with bounds, what it is without them, and its vocabulary."""

    full: Any
    plain: type
    words: tuple[str, ...]
    """The only words that it may hold; empty where any text will do."""


@lru_cache(maxsize=64)
def event_fields(topic: str) -> Mapping[str, EventField]:
    """A topic's fields by name, in their order.

    >>> event_fields("app.login.v1")["channel"].words
    ('app', 'mini_program', 'web')
    """
    kind = TYPES[TOPICS.index(topic)]
    told = msgspec.inspect.type_info(kind)
    assert isinstance(told, msgspec.inspect.StructType)
    full = {field.name: field.type for field in msgspec.structs.fields(kind)}
    return {field.name: _field(field.type, full[field.name]) for field in told.fields}


def judge(topic: str, value: bytes | None) -> Event | Rejected:
    """The event of one record of one of our topics, or why there is none.

    >>> judge("card.status.v1", b'{"topic": "card.status.v9"}')
    Rejected(reason=<Reason.UNKNOWN_VERSION: 'unknown_version'>, field='topic')
    """
    if value is not None and len(value) > LARGEST_VALUE:
        return Rejected(Reason.TOO_LARGE)
    if value is None or not value.strip() or value.strip() == b"null":
        return Rejected(Reason.EMPTY)
    try:
        event = decode(value)
    except BadInput:
        return _reason(topic, value)
    return event if topic_of(event) == topic else Rejected(Reason.OTHER_TOPIC, "topic")


def event_of(topic: str, values: Mapping[str, Any]) -> Event | Rejected:
    """An event of values by our fields' names, or why they make none."""
    kind: type[Event] = TYPES[TOPICS.index(topic)]
    try:
        return msgspec.convert(values, kind)
    except msgspec.ValidationError:
        return _first_unfit(topic, values)


def _reason(topic: str, value: bytes) -> Rejected:
    """Why bytes that the decoder refused are no event of a topic."""
    try:
        told = msgspec.json.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Rejected(Reason.BROKEN_BYTES)
    if not isinstance(told, dict):
        return Rejected(Reason.NO_RECORD)
    said = told.get("topic")
    if said is None:
        return Rejected(Reason.MISSING, "topic")
    if not isinstance(said, str):
        return Rejected(Reason.WRONG_TYPE, "topic")
    if said == topic:
        return _first_unfit(topic, told)
    versions = said.rpartition(".v")[0] == topic.rpartition(".v")[0]
    return Rejected(Reason.UNKNOWN_VERSION if versions else Reason.OTHER_TOPIC, "topic")


def _first_unfit(topic: str, values: Mapping[str, Any]) -> Rejected:
    for name, field in event_fields(topic).items():
        reason = _unfit(values.get(name), field)
        if reason is not None:
            return Rejected(reason, name)
    # Each of them fits: the two times, which the type compares, do not fit each other.
    return Rejected(Reason.KNOWN_TOO_EARLY, "known_at")


def _unfit(value: Any, field: EventField) -> Reason | None:
    if value is None:
        return Reason.MISSING
    if not _is(value, field.plain):
        text_for_time = field.plain is datetime and isinstance(value, str)
        return Reason.NO_TIME if text_for_time else Reason.WRONG_TYPE
    if _is(value, field.full):
        return None
    if field.words:
        return Reason.UNKNOWN_VALUE
    return Reason.NO_ZONE if field.plain is datetime else Reason.OUT_OF_RANGE


def _is(value: Any, kind: Any) -> bool:
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError:
        return False
    return True


def _field(told: msgspec.inspect.Type, full: Any) -> EventField:
    plain = told.type if isinstance(told, msgspec.inspect.Metadata) else told
    words = plain.values if isinstance(plain, msgspec.inspect.LiteralType) else ()
    return EventField(full, _PLAIN[type(plain)], tuple(map(str, words)))
