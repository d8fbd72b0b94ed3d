"""Reading the audit log's entries: one by its id, or all in order.

A log's folder comes in, entries come out, or Damaged with the segment and the byte. Files are
opened for reading only, beside a writer or without one; personal data opens only with the vault.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from finmodel.audit_format import (
    DIGEST,
    ENTRY,
    FRAME_LEAST,
    HEAD_BYTES,
    HEADER_BYTES,
    LARGEST_FRAME,
    NOBODY,
    SHAPE,
    Bytes,
    Head,
    Header,
    Shape,
    decode_head,
    decode_header,
    decode_shape,
    digest_at,
    entry_id,
    parse_id,
    parts_of,
    unknown_id,
    unpack_columns,
)
from finmodel.audit_segments import (
    Segment,
    Walk,
    broken,
    load_segment,
    read_mark,
    segment_exists,
    segment_name,
)
from finmodel.durable import disk_error
from finmodel.errors import BadInput, NotFound
from finmodel.vault import Vault

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Personal(Enum):
    """What can be said of an entry's personal data."""

    NONE = "none"
    """It has none."""
    SEALED = "sealed"
    """It has some, and no vault was given to open it."""
    OPEN = "open"
    ERASED = "erased"
    """Its key is gone: no one can read it again."""


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """One thing that happened, as the log keeps it."""

    id: str
    kind: str
    time_us: int
    """Microseconds since 1970, UTC."""
    body: dict[str, Any]
    columns: dict[str, Any]
    """Arrays, and numpy scalars where numbers were given: the bits that were given."""
    pseudonym: bytes | None
    """Stands for the customer; None where the entry is about no one."""
    personal_state: Personal
    personal: dict[str, Any] | None
    """The personal data, where `personal_state` is OPEN."""

    @property
    def time(self) -> datetime:
        """When it happened."""
        return time_of(self.time_us)


def time_of(micros: int) -> datetime:
    """The time that is so many microseconds after 1970, in UTC."""
    return _EPOCH + timedelta(microseconds=micros)


def find(folder: Path, entry_id: str, vault: Vault | None = None) -> Entry:
    """The entry with this id, in a few reads whatever the log's size.

    NotFound where this log gave no such id, Damaged where the entry was altered since.
    """
    number, offset, begins = parse_id(entry_id)
    path = folder / segment_name(number)
    try:
        with path.open("rb", buffering=0) as file:
            found = _Reading(file.fileno(), path.name).entry(offset, begins, vault)
    except FileNotFoundError as error:
        raise unknown_id(entry_id) from error
    except OSError as error:
        raise disk_error(error, path) from error
    if found is None:
        # Altered, or never an entry, such as bytes that a client made look like one: only the
        # way there from the segment's beginning tells.
        _require_no_frame(load_segment(folder, number), offset)
        raise unknown_id(entry_id)
    return found


def id_at(folder: Path, number: int, offset: int) -> str:
    """The id of the entry that begins at `offset` of a segment; NotFound where none proves itself.

    For readers of columns, which know where an entry lies and not its digest.
    """
    path = folder / segment_name(number)
    try:
        with path.open("rb", buffering=0) as file:
            return _Reading(file.fileno(), path.name).id_at(offset)
    except OSError as error:
        raise disk_error(error, path) from error


def scan(
    folder: Path,
    kind: str | None = None,
    *,
    vault: Vault | None = None,
    subject: str | None = None,
) -> Iterator[Entry]:
    """Entries in order, each checked against the chain: all, of one kind, or about one customer.

    Only the vault knows a customer's pseudonym: after an erasure there is none to search for.
    """
    wanted = None
    if subject is not None:
        wanted = _pseudonym(vault, subject)
        if wanted is None:
            return
    shapes: dict[tuple[int, int], Shape] = {}
    for segment, offset, head in Walk(folder):
        number = segment.header.number
        frame = segment.data[offset : offset + head.length]
        if head.type == SHAPE:
            shapes[number, offset] = decode_shape(bytes(parts_of(head, frame)[1]))
            continue
        shape = shapes[number, head.shape_at]
        if kind in (None, shape.kind) and wanted in (None, head.pseudonym):
            name = entry_id(number, offset, bytes(frame[-DIGEST:]))
            yield _entry(name, shape, head, frame, vault)


def latest(folder: Path, kinds: str | tuple[str, ...], since: int = 1) -> Iterator[Entry]:
    """Entries of some kinds, the newest first, back to segment `since`; NotFound without a log.

    Acts are rare among decisions: a segment whose bytes hold no kind's name is passed over
    unread, but for the digest that chains it to the one after it.
    """
    # A pattern searches the bytes where they lie; `in` would copy 64 MiB of each segment first.
    kinds = (kinds,) if isinstance(kinds, str) else kinds
    mark, named = read_mark(folder), re.compile("|".join(map(re.escape, kinds)).encode())
    number = mark.number
    while segment_exists(folder, number + 1):
        number += 1
    last, follows = number, b""
    while number >= max(since, 1):
        segment = load_segment(folder, number)
        whole = len(segment.data)
        if segment.header.log != mark.log:
            raise broken(segment.name, 0, "it belongs to another log")
        if number < last and segment.digest_before(whole) != follows:
            raise broken(segment.name, whole, "the segment after it does not follow it")
        if named.search(segment.data):
            acknowledged = mark.end if number == mark.number else HEADER_BYTES
            sure = acknowledged if number == last else whole
            yield from reversed(_of_kinds(segment, kinds, sure))
        number, follows = number - 1, segment.header.previous


def _of_kinds(segment: Segment, kinds: tuple[str, ...], sure: int) -> list[Entry]:
    """A segment's entries of some kinds; Damaged where the chain breaks before `sure`."""
    walk = frames_of(segment, sure)
    return [entry_at(segment, *one) for one in walk if one.shape.kind in kinds]


class Placed(NamedTuple):
    """Where an entry lies in its segment, how it begins, and what it is of."""

    offset: int
    head: Head
    shape: Shape


def frames_of(segment: Segment, sure: int, end: int | None = None) -> Iterator[Placed]:
    """A segment's entries, before `end` where it is given.

    Damaged where the chain breaks before `sure`, or something was written behind the break.
    """
    shapes, offset = dict[int, Shape](), HEADER_BYTES
    while (end is None or offset < end) and (head := segment.whole(offset)) is not None:
        if head.type == SHAPE:
            frame = segment.data[offset : offset + head.length]
            shapes[offset] = decode_shape(bytes(parts_of(head, frame)[1]))
        else:
            yield Placed(offset, head, shapes[head.shape_at])
        offset += head.length
    if offset < (sure if end is None else min(sure, end)) or (
        end is None and segment.written_after(offset)
    ):
        segment.frame(offset)


def entry_at(segment: Segment, offset: int, head: Head, shape: Shape) -> Entry:
    """The entry that `frames_of` found, without what is personal in it."""
    frame = segment.data[offset : offset + head.length]
    name = entry_id(segment.header.number, offset, bytes(frame[-DIGEST:]))
    return _entry(name, shape, head, frame, None)


class _Frame(NamedTuple):
    head: Head
    frame: bytes
    told: bytes
    """The digest that stands at its end, and the one that should."""
    real: bytes


class _Reading:
    """One segment, read by the piece."""

    def __init__(self, file: int, name: str) -> None:
        self._file, self._name = file, name
        header = decode_header(os.pread(file, HEADER_BYTES, 0))
        if header is None:
            raise broken(name, 0, "the segment's header does not hold")
        self._header: Header = header

    def entry(self, offset: int, begins: bytes, vault: Vault | None) -> Entry | None:
        """The entry at `offset`, or None where something there does not prove itself.

        NotFound where nothing there has a digest that begins so.
        """
        name = entry_id(self._header.number, offset, begins)
        whole = self._frame(offset)
        if whole is None or begins not in (whole.told[:6], whole.real[:6]):
            raise unknown_id(name)
        if whole.told != whole.real:
            return None
        if whole.head.type != ENTRY:
            raise unknown_id(name)
        at = whole.head.shape_at
        told = self._frame(at)
        if told is None or told.told != told.real or told.head.type != SHAPE:
            raise broken(self._name, at, "the shape of an entry does not hold")
        shape = decode_shape(bytes(parts_of(told.head, told.frame)[1]))
        return _entry(name, shape, whole.head, whole.frame, vault)

    def id_at(self, offset: int) -> str:
        """The id of the entry at `offset`; NotFound where none proves itself there."""
        whole = self._frame(offset)
        if whole is None or whole.told != whole.real or whole.head.type != ENTRY:
            raise unknown_id(entry_id(self._header.number, offset, bytes(6)))
        return entry_id(self._header.number, offset, whole.told)

    def _frame(self, offset: int) -> _Frame | None:
        """What stands at `offset`, if it is long enough to be a frame."""
        before = max(offset, HEADER_BYTES) - DIGEST
        start = os.pread(self._file, DIGEST + HEAD_BYTES, before)
        if len(start) < DIGEST + HEAD_BYTES:
            return None
        head = decode_head(start, DIGEST)
        if not FRAME_LEAST <= head.length <= LARGEST_FRAME:
            return None
        chained = os.pread(self._file, DIGEST + head.length, before)
        real = digest_at(self._header.log, self._header.number, offset, chained[:-DIGEST])
        return _Frame(head, chained[DIGEST:], chained[-DIGEST:], real)


def _require_no_frame(segment: Segment, offset: int) -> None:
    """Damaged where a frame should begin at `offset`, or the way there is broken."""
    at = HEADER_BYTES
    while at <= offset:
        at += segment.frame(at).length


def _pseudonym(vault: Vault | None, subject: str) -> bytes | None:
    if vault is None:
        raise BadInput(
            "a customer's entries are found with the vault only",
            where="audit scan",
            remedy="give the vault",
        )
    return vault.known(subject)


def _entry(name: str, shape: Shape, head: Head, frame: Bytes, vault: Vault | None) -> Entry:
    columns, body, sealed = parts_of(head, frame)
    state, personal = _personal(vault, head.pseudonym, bytes(sealed))
    return Entry(
        id=name,
        kind=shape.kind,
        time_us=head.time_us,
        body=msgspec.msgpack.decode(body),
        columns=unpack_columns(shape, columns),
        pseudonym=None if head.pseudonym == NOBODY else head.pseudonym,
        personal_state=state,
        personal=personal,
    )


def _personal(
    vault: Vault | None, pseudonym: bytes, sealed: bytes
) -> tuple[Personal, dict[str, Any] | None]:
    if not sealed:
        return Personal.NONE, None
    if vault is None:
        return Personal.SEALED, None
    try:
        return Personal.OPEN, msgspec.msgpack.decode(vault.open(pseudonym, sealed))
    except NotFound:
        return Personal.ERASED, None
