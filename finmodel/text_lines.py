"""A text file's lines with their places, and a line's JSON as a record, or a sentence.

A path comes in, lines of UTF-8 go out; a decoded value and its shape come in, a record goes out.
What is not such is told with file, line and key. What the records mean is not known here.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple, TypeVar

import msgspec

from finmodel.durable import disk_error
from finmodel.errors import BadInput, NotFound

LONGEST: Final = 8 << 20
"""Bytes of a line; one that is longer is no record."""
_PLACE: Final = re.compile(r" - at `\$\.?(?P<key>[^`]*)`$")
_UNKNOWN: Final = re.compile(r"unknown field `(?P<key>[^`]*)`")
Record = TypeVar("Record")


class Kind(NamedTuple):
    """What a file's lines hold, for sentences."""

    one: str
    guide: str
    """The page that shows every key."""
    keys: Collection[str]
    remedies: Mapping[str, str] = MappingProxyType({})
    """What to write under a key, by how its name ends."""


def lines(path: Path, kind: Kind) -> Iterator[tuple[str, str]]:
    """Each line with its place; BadInput where it is too long or no UTF-8."""
    try:
        with path.open("rb") as file:
            number = 0
            while line := file.readline(LONGEST + 1):
                number += 1
                where = f"{path} line {number}"
                if len(line) > LONGEST:
                    what = f"it is longer than {LONGEST >> 20} MiB"
                    raise BadInput(what, where=where, remedy=f"write one {kind.one} a line")
                yield where, _decoded(line, where)
    except (FileNotFoundError, IsADirectoryError) as error:
        remedy = f"name a file of {kind.one}s"
        raise NotFound("no such file", where=str(path), remedy=remedy) from error
    except OSError as error:
        raise disk_error(error, path) from error


def json_of(line: str, where: str, kind: Kind) -> Any:
    """A line's JSON; BadInput where it is none."""
    try:
        return msgspec.json.decode(line)
    except msgspec.DecodeError as error:
        what = f"it is no JSON: {error}"
        raise BadInput(what, where=where, remedy=f"write one {kind.one} a line") from error


def record(given: Any, shape: type[Record], where: str, kind: Kind) -> Record:
    """A decoded value as a record; BadInput names the key that does not fit."""
    try:
        return msgspec.convert(given, shape)
    except msgspec.ValidationError as error:
        raise _told(error, where, kind) from error


def _told(error: msgspec.ValidationError, where: str, kind: Kind) -> BadInput:
    place = _PLACE.search(str(error))
    key = place["key"] if place else ""
    what = _PLACE.sub("", str(error))
    spot = f"{where}: {key}".removesuffix(": ")
    if "timezone" in what:
        return BadInput("the time has no zone", where=spot, remedy="add one, such as +08:00")
    if unknown := _UNKNOWN.search(what):
        near = difflib.get_close_matches(unknown["key"], kind.keys, 1, 0.0)[0]
        remedy = f"did you mean {near!r}? {kind.guide} shows every key"
        return BadInput(f"unknown key {unknown['key']!r}", where=spot, remedy=remedy)
    ends = (remedy for end, remedy in kind.remedies.items() if key.endswith(end))
    remedy = next(ends, f"{kind.guide} shows each key")
    return BadInput(what[:1].lower() + what[1:], where=spot, remedy=remedy)


def _decoded(line: bytes, where: str) -> str:
    try:
        return line.decode("utf-8-sig" if where.endswith(" line 1") else "utf-8")
    except UnicodeDecodeError as error:
        raise BadInput("it is not UTF-8 text", where=where, remedy="save it as UTF-8") from error
