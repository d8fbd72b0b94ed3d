"""What `topics.yaml` says of one field, as the rule that fills it; mistakes are found here.

A field of ours and what the file says come in. A closed vocabulary's words, the conversion and the
zone are checked against the field's type. This module knows no file and no format.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from feature_store.conversions import (
    Conversion,
    epoch,
    hundredths,
    local_date,
    local_time,
    packed_hundredths,
    text,
    whole_number,
    word,
    zoned_time,
)
from feature_store.judging import EventField
from feature_store.topic_maps import (
    Rule,
    constant,
    joined_of,
    looked_up,
    of_record_time,
    taken,
)
from finmodel.errors import BadInput

_IN_ZONE: dict[str, Callable[[ZoneInfo], Conversion]] = {
    "local_time": local_time,
    "local_date": local_date,
    "local_epoch_ms": partial(epoch, 3),
    "local_epoch_us": partial(epoch, 6),
}
_TIMES: dict[str, Conversion] = {
    "time": zoned_time,
    "epoch_s": epoch(0),
    "epoch_ms": epoch(3),
    "epoch_us": epoch(6),
}
_HUNDREDTHS = {"yuan_to_fen": "_minor", "percent_to_bp": "_bp"}
"""Conversions of numbers, and how the fields end that they are for."""
_OWN = ("event_id", "customer_id", "occurred_at", "known_at")
"""What is each event's own, and can be neither constant nor by default."""


class RuleSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"path": "from"}):
    """What the file says of a field, in its own words."""

    path: str | None = None
    join: list[str] | None = None
    constant: str | None = None
    record_time: str | None = None
    convert: str = ""
    zone: str = ""
    scale: str = ""
    values: dict[str, str] | None = None
    default: str | None = None


def paths_of(spec: RuleSpec) -> list[tuple[str, ...]]:
    """The paths that a rule looks at."""
    told = spec.join or ([] if spec.path is None else [spec.path])
    return [tuple(path.split(".")) for path in told]


def rule_of(name: str, field: EventField, spec: RuleSpec, where: str) -> Rule:
    """The rule for a field; BadInput at `where` if it does not fit the field."""
    _check_source(name, field, spec, where)
    if spec.record_time is not None:
        return of_record_time
    if spec.constant is not None:
        return constant(_typed(field, spec.constant, where))
    paths = paths_of(spec)
    if not all(all(path) and path != ("$",) for path in paths):
        raise BadInput("it is no path", where=where, remedy="write a.b.c, or $.a from the top")
    if spec.join is not None:
        return joined_of(paths)
    default = None if spec.default is None else _typed(field, spec.default, where)
    return taken(paths[0], _conversion(name, field, spec, where), default)


def _check_source(name: str, field: EventField, spec: RuleSpec, where: str) -> None:
    """BadInput unless a rule has one source, which may fill this field, and no word too many."""
    sources = [
        source
        for source in ("join", "constant", "record_time")
        if getattr(spec, source) is not None
    ]
    if len(sources) + (spec.path is not None) != 1 or spec.join == []:
        raise _bad(where, "it has not one source", "give from, join, constant or record_time")
    source = sources[0] if sources else "from"
    asked = (spec.convert, spec.zone, spec.scale, spec.values, spec.default)
    if source != "from" and any(told not in ("", None) for told in asked):
        raise _bad(where, f"{source} stands alone", "take the rest out")
    if name in _OWN and (source == "constant" or spec.default is not None):
        raise _bad(where, "it is each event's own", "say where it comes from")
    if source == "join" and name != "event_id":
        raise _bad(where, "only event_id is joined", "give from")
    if source == "record_time" and (name != "known_at" or spec.record_time != "true"):
        raise _bad(where, "only known_at is the record's time", "write `record_time: true` there")


def _conversion(name: str, field: EventField, spec: RuleSpec, where: str) -> Conversion:
    if spec.values is not None:
        if spec.convert or spec.zone or spec.scale:
            raise _bad(where, "values stand alone", "take convert, zone and scale out")
        if field.plain is datetime or name in _OWN:
            raise _bad(where, "values are for words and codes", "give convert")
        words = {key: _typed(field, told, where) for key, told in spec.values.items()}
        return looked_up(words, word)
    if spec.scale and spec.convert not in _HUNDREDTHS:
        raise _bad(where, "scale is for amounts", "take it out, or say `convert: yuan_to_fen`")
    if field.plain is datetime:
        return _time_conversion(name, spec, where)
    if spec.zone:
        raise _bad(where, "a zone is for times", "take it out")
    return _number_conversion(name, field, spec, where)


def _number_conversion(name: str, field: EventField, spec: RuleSpec, where: str) -> Conversion:
    if not spec.convert:
        return whole_number if field.plain is int else text
    if not name.endswith(_HUNDREDTHS.get(spec.convert, "\0")):
        known = [each for each, ending in _HUNDREDTHS.items() if name.endswith(ending)]
        raise _bad(
            where,
            f"no conversion {spec.convert} for it",
            f"name {known[0]}, or none" if known else "take it out",
        )
    return packed_hundredths(_scale(spec.scale, where)) if spec.scale else hundredths


def _time_conversion(name: str, spec: RuleSpec, where: str) -> Conversion:
    if spec.convert in _TIMES:
        if spec.zone:
            raise _bad(where, f"{spec.convert} has its zone", "take zone out, or use local_…")
        return _TIMES[spec.convert]
    if spec.convert not in _IN_ZONE:
        remedy = f"name one of {', '.join((*_TIMES, *_IN_ZONE))}"
        raise _bad(where, f"no conversion {spec.convert}" if spec.convert else "none said", remedy)
    if not spec.zone:
        raise _bad(where, "it has no zone", "add one, such as `zone: Asia/Shanghai`")
    if name == "known_at" and spec.convert == "local_date":
        raise _bad(where, "a day's start is before the lender knew", "give a time of that day")
    return _IN_ZONE[spec.convert](_zone(spec.zone, where))


def _zone(name: str, where: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise BadInput(
            f"there is no zone {name}", where=where, remedy="name one such as Asia/Shanghai"
        ) from error


def _scale(told: str, where: str) -> int:
    if not (told.isascii() and told.isdecimal() and int(told) <= 30):
        raise _bad(where, f"{told!r} is no scale", "give the column's digits behind the point")
    return int(told)


def _typed(field: EventField, told: str, where: str) -> Any:
    """A value that stands in the file, of the field's type."""
    try:
        return msgspec.convert(told, field.full, strict=False)
    except msgspec.ValidationError as error:
        remedy = f"name one of {', '.join(field.words)}" if field.words else "mend it"
        raise BadInput(str(error), where=where, remedy=remedy) from error


def _bad(where: str, what: str, remedy: str) -> BadInput:
    return BadInput(what, where=where, remedy=remedy)
