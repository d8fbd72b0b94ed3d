"""Conversations in files: JSONL, one a line, or CSV, a message a row; docs/conversations.md.

A path comes in and conversations go out one by one, or the other way round. What is not one is told
with file and line. What is done with them is not known here.
"""

from __future__ import annotations

import csv
import difflib
import re
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any, Final, TypeAlias

import msgspec

from finmodel.assistant.facts import Facts
from finmodel.conversations import Conversation, Message, fault_of
from finmodel.durable import replacing
from finmodel.errors import BadInput, NotFound
from finmodel.text_lines import Kind, json_of, lines, record

GUIDE: Final = "docs/conversations.md"
_OF_MESSAGE: Final = {"message": "id"} | {
    name: name for name in Message.__struct_fields__ if name != "id"
}
_OF_CONVERSATION: Final = {"conversation": "id"} | {
    name: name for name in Conversation.__struct_fields__ if name not in ("id", "messages")
}
COLUMNS: Final = (*_OF_CONVERSATION, *_OF_MESSAGE)
_NEEDED: Final = (*COLUMNS[:6], "message", "who", "at", "text")
_KIND: Final = Kind(
    "conversation",
    GUIDE,
    Message.__struct_fields__ + Conversation.__struct_fields__,
    {"who": "write customer, agent or system"},
)
STDIN: Final = Path("/dev/stdin")
"""Conversations may come through it as JSONL."""
Placed: TypeAlias = tuple[str, Any]
"""A file and line, and what was read there."""


def read_conversations(
    path: Path, refused: list[BadInput] | None = None, *, answered: bool = True
) -> Iterator[Conversation]:
    """The conversations of a `.jsonl` or `.csv` file, one by one; JSONL through `STDIN`.

    Those that are still under way need not be `answered`.

    The first that is none is raised as `BadInput` with file and line; with a list, it is put there
    and the others go on. A file that cannot be read as a whole is always raised.
    """
    for _, one in placed_conversations(path, refused, answered=answered):
        yield one


def placed_conversations(
    path: Path, refused: list[BadInput] | None = None, *, answered: bool = True
) -> Iterator[tuple[str, Conversation]]:
    """The same, each with the file and line at which it begins."""
    suffix = ".jsonl" if path == STDIN else path.suffix.lower()
    read = {".jsonl": _of_jsonl, ".csv": _of_csv}.get(suffix)
    if read is None:
        raise BadInput(
            "neither .jsonl nor .csv", where=str(path), remedy=f"convert it, see {GUIDE}"
        )
    seen: dict[str, str] = {}
    for where, given in read(path):
        try:
            yield where, _conversation(given, where, seen, answered)
        except BadInput as error:
            if refused is None:
                raise
            refused.append(error)


def line_of(where: str, path: Path) -> tuple[int, str]:
    """The line of a place in a file, and what of the place stands behind it.

    >>> line_of("chats line 7.jsonl line 12: messages[0].at", Path("chats line 7.jsonl"))
    (12, 'messages[0].at')
    """
    number, _, rest = where.removeprefix(f"{path} line ").partition(": ")
    return int(number), rest


def write_conversations(path: Path, conversations: Iterable[Conversation]) -> int:
    """Write a `.jsonl` or `.csv` file, whole or not at all; how many there are."""
    if path.suffix.lower() not in (".jsonl", ".csv"):
        raise BadInput("neither .jsonl nor .csv", where=str(path), remedy="name it so")
    if not path.parent.is_dir():
        raise NotFound("no such folder", where=str(path.parent), remedy="make it first")
    count, rows = 0, path.suffix.lower() == ".csv"
    with replacing(path) as file:
        if rows:
            file.write(_csv_line(COLUMNS))
        for one in conversations:
            file.write(b"".join(_csv_rows(one)) if rows else _ENCODER.encode(one) + b"\n")
            count += 1
    return count


def _conversation(given: Any, where: str, seen: dict[str, str], answered: bool) -> Conversation:
    if isinstance(given, BadInput):
        raise given
    one = record(given, Conversation, where, _KIND)
    if one.id in seen:
        what = f"conversation {one.id!r} stands in {seen[one.id]} too"
        raise BadInput(what, where=where, remedy="give each its own id")
    seen[one.id] = where
    if fault := fault_of(one, answered=answered):
        raise BadInput(f"conversation {one.id!r}: {fault[0]}", where=where, remedy=fault[1])
    _require_facts(one, where)
    return one


def _require_facts(one: Conversation, where: str) -> None:
    """BadInput for a fact that is no slot, or whose value is of another kind."""
    try:
        Facts.of_plain(one.facts)
    except BadInput as error:
        what = f"{error.where}: {error.what}"
        raise BadInput(what, where=f"{where}: facts", remedy=error.remedy) from error


def _of_jsonl(path: Path) -> Iterator[Placed]:
    for where, line in lines(path, _KIND):
        if not line.strip():
            continue
        try:
            yield where, json_of(line, where, _KIND)
        except BadInput as error:
            yield where, error


def _of_csv(path: Path) -> Iterator[Placed]:
    placed_lines = lines(path, _KIND)
    reader = csv.reader((line for _, line in placed_lines), strict=True)
    try:
        header = next(reader, [])
        _refuse_header(header, path)
        placed = ((f"{path} line {reader.line_num}", row) for row in reader if row)
        for _, rows in groupby(placed, key=lambda one: one[1][header.index("conversation")]):
            whole = list(rows)
            yield whole[0][0], _joined(header, whole)
    except (csv.Error, IndexError) as error:
        what = "a row is too short" if isinstance(error, IndexError) else f"no CSV: {error}"
        where = f"{path} line {reader.line_num}"
        raise BadInput(what, where=where, remedy="save it as CSV with commas and quotes") from error


def _refuse_header(header: list[str], path: Path) -> None:
    where = f"{path} line 1"
    if gone := [name for name in _NEEDED if name not in header]:
        raise BadInput(f"no column {gone[0]!r}", where=where, remedy=f"add it, see {GUIDE}")
    if odd := [name for name in header if name not in COLUMNS]:
        near = difflib.get_close_matches(odd[0], COLUMNS, 1, 0.0)[0]
        remedy = f"did you mean {near!r}? {GUIDE} shows each"
        raise BadInput(f"unknown column {odd[0]!r}", where=where, remedy=remedy)
    if len(set(header)) < len(header):
        raise BadInput("a column stands twice", where=where, remedy="take one out")


def _joined(header: list[str], rows: list[tuple[str, list[str]]]) -> Any:
    """One conversation of its rows; what is wrong with one of them comes back as a refusal."""
    try:
        parts = [_parts(header, row, where) for where, row in rows]
        own = parts[0][0]
        for (where, _), (other, _) in zip(rows, parts, strict=True):
            _refuse_another(own, other, where)
        return _typed(own, rows[0][0]) | {"messages": [message for _, message in parts]}
    except BadInput as error:
        return error


def _parts(header: list[str], row: list[str], where: str) -> tuple[dict[str, Any], Message]:
    """What a row says of its conversation, and its message."""
    if len(row) != len(header):
        what = f"{len(row)} cells under {len(header)} columns"
        raise BadInput(what, where=where, remedy="put text with commas in quotes")
    cells = {name: cell for name, cell in zip(header, row, strict=True) if cell}
    message = {_OF_MESSAGE[name]: cell for name, cell in cells.items() if name in _OF_MESSAGE}
    own = {_OF_CONVERSATION[name]: cell for name, cell in cells.items() if name in _OF_CONVERSATION}
    return own, record({"text": ""} | message, Message, where, _KIND)


def _refuse_another(own: dict[str, Any], other: dict[str, Any], where: str) -> None:
    if own != other:
        key = next(key for key in {**own, **other} if own.get(key) != other.get(key))
        what = f"{key!r} differs among the rows of one conversation"
        raise BadInput(what, where=where, remedy="give all its rows the same")


def _typed(own: dict[str, Any], where: str) -> dict[str, Any]:
    """A row's cells as JSON has them."""
    words = {"true": True, "1": True, "false": False, "0": False}
    consent = str(own.get("consent_to_training", "")).lower()
    if consent not in words:
        what = f"consent_to_training is {consent!r}"
        raise BadInput(what, where=where, remedy="write true or false")
    try:
        facts = msgspec.json.decode(own.get("facts", "{}"))
    except msgspec.DecodeError as error:
        remedy = "write a JSON object"
        raise BadInput("it is no JSON", where=f"{where}: facts", remedy=remedy) from error
    return own | {"consent_to_training": words[consent], "facts": facts}


def _csv_rows(one: Conversation) -> Iterator[bytes]:
    own = msgspec.to_builtins(one)
    own["consent_to_training"] = "true" if one.consent_to_training else "false"
    own["facts"] = _ENCODER.encode(one.facts).decode() if one.facts else ""
    head = [str(own.get(name) or "") for name in _OF_CONVERSATION.values()]
    for message in own["messages"]:
        yield _csv_line([*head, *(message.get(name, "") for name in _OF_MESSAGE.values())])


def _csv_line(cells: Iterable[str]) -> bytes:
    quoted = (
        '"' + cell.replace('"', '""') + '"' if _QUOTED.search(cell) else cell for cell in cells
    )
    return (",".join(quoted) + "\r\n").encode()


_ENCODER: Final = msgspec.json.Encoder()
_QUOTED: Final = re.compile(r'[",\r\n]|^\s|\s$')
