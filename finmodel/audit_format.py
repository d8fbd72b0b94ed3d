"""The bytes of the audit log: segment headers, frames, shapes, the mark, and the ids of entries.

Numbers and bytes come in, numbers and bytes go out, and every digest is computed here. It knows no
file, no clock and no key. All numbers are little-endian; everything begins at a multiple of 8.

    segment = header (72) · digest (32) · frame · frame · …
    frame   = head (56) · columns · body · personal · zeros to a multiple of 8 · digest (32)

A digest covers the log's id, the segment's number, the frame's offset, the digest that stands just
before the frame, and the frame: so a frame proves itself where it lies, and only there. A header's
digest covers the last digest of the segment before it.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Mapping
from functools import lru_cache
from hashlib import sha256
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

from finmodel.errors import BadInput, NotFound

Bytes: TypeAlias = bytes | bytearray | memoryview

DIGEST: Final = 32
SHAPE: Final = 1
ENTRY: Final = 2
NOBODY: Final = bytes(16)
"""The pseudonym of an entry that is about no one."""
TIME: Final = "time_us"
"""The column of the entries' times, which every kind has."""

_HEADER = struct.Struct("<8sII16sq32s")
_HEAD = struct.Struct("<IIB3xIIIIIq16s")
_SEED = struct.Struct("<16sIQ")
_MARK = struct.Struct("<8s16sIQ32sI")
_SEGMENT_MAGIC: Final = b"FMAUDIT\x01"
_MARK_MAGIC: Final = b"FMMARK\x00\x01"
_FRAME_MAGIC: Final = 0x1E4D_46B5
HEADER_BYTES: Final = _HEADER.size + DIGEST
HEAD_BYTES: Final = _HEAD.size
MARK_BYTES: Final = _MARK.size
FRAME_LEAST: Final = HEAD_BYTES + DIGEST
LARGEST_FRAME: Final = 16 << 20
FRAME_MAGIC: Final = _FRAME_MAGIC.to_bytes(4, "little")
"""How each frame begins; a reader looks for it past a place that is broken."""
LENGTH_AT: Final = 4
TYPE_AT: Final = 8
SHAPE_AT: Final = 12
TIME_AT: Final = 32
"""Where some of a head's fields stand, for whoever reads many frames at once."""

_ID = re.compile(r"a([0-9]{6,8})-([0-9a-f]{8})-([0-9a-f]{12})")
_DTYPES: Final = frozenset({"<f4", "<f8", "<i8", "|u1"})


class Header(NamedTuple):
    """How a segment opens."""

    number: int
    log: bytes
    """16 random bytes: which log this is."""
    created_us: int
    previous: bytes
    """The last digest of the segment before; zeros in the first."""
    digest: bytes


class Head(NamedTuple):
    """The fixed fields of a frame."""

    magic: int
    length: int
    type: int
    shape_at: int
    """Offset of the frame that says the kind and the columns, in the same segment."""
    group_at: int
    """Offset of the first frame that was written with this one: all before it was synced."""
    columns: int
    body: int
    personal: int
    time_us: int
    pseudonym: bytes


class Mark(NamedTuple):
    """Up to where everything was acknowledged, and the last digest there."""

    log: bytes
    number: int
    end: int
    digest: bytes


class Field(NamedTuple):
    """One fixed column: its name, numpy's name of its type, and the shape of one record's value."""

    name: str
    dtype: str
    shape: tuple[int, ...]


class Shape(msgspec.Struct, frozen=True, array_like=True):
    """What entries of one layout have in common: their kind and their columns."""

    kind: str
    fields: tuple[Field, ...]

    @property
    def dtype(self) -> np.dtype[np.void]:
        """The packed numpy type of one record's columns."""
        return _dtype(self.fields)


class Draft(NamedTuple):
    """An entry as its writer gives it: everything but its place."""

    shape: bytes
    time_us: int
    columns: bytes
    body: bytes
    personal: bytes = b""
    pseudonym: bytes = NOBODY

    @property
    def room(self) -> int:
        """The most bytes that it can take, its shape included."""
        told = len(self.shape) + len(self.columns) + len(self.body) + len(self.personal)
        return told + 2 * (FRAME_LEAST + 8)


def digest_at(log: bytes, number: int, offset: int, chained: Bytes) -> bytes:
    """The digest of a frame in its place; `chained` is the digest before it, then the frame."""
    whole = sha256(_SEED.pack(log, number, offset))
    whole.update(chained)
    return whole.digest()


def encode_header(number: int, log: bytes, created_us: int, previous: bytes) -> bytes:
    """The bytes with which a segment opens, its digest at the end."""
    head = _HEADER.pack(_SEGMENT_MAGIC, 1, number, log, created_us, previous)
    return head + digest_at(log, number, 0, head)


def decode_header(data: Bytes) -> Header | None:
    """The header of a segment, or None where these bytes are not a whole one.

    >>> decode_header(encode_header(3, bytes(16), 0, bytes(32))).number
    3
    >>> decode_header(bytes(HEADER_BYTES))
    """
    if len(data) < HEADER_BYTES:
        return None
    magic, version, number, log, created_us, previous = _HEADER.unpack_from(data)
    digest = bytes(data[_HEADER.size : HEADER_BYTES])
    if (magic, version) != (_SEGMENT_MAGIC, 1):
        return None
    if digest_at(log, number, 0, data[: _HEADER.size]) != digest:
        return None
    return Header(number, log, created_us, previous, digest)


def encode_frame(kind: int, shape_at: int, group_at: int, draft: Draft) -> bytes:
    """A frame without its digest; `kind` is SHAPE (the shape is the body) or ENTRY."""
    told = len(draft.columns) + len(draft.body) + len(draft.personal)
    padding = -(HEAD_BYTES + told) % 8
    head = _HEAD.pack(
        _FRAME_MAGIC,
        HEAD_BYTES + told + padding + DIGEST,
        kind,
        shape_at,
        group_at,
        len(draft.columns),
        len(draft.body),
        len(draft.personal),
        draft.time_us,
        draft.pseudonym,
    )
    return b"".join((head, draft.columns, draft.body, draft.personal, bytes(padding)))


def decode_head(data: Bytes, at: int) -> Head:
    """The fixed fields of the frame that begins at `at`; at least HEAD_BYTES must follow."""
    return Head._make(_HEAD.unpack_from(data, at))


def what_breaks(head: Head, log: bytes, number: int, offset: int, chained: Bytes) -> str:
    """What is wrong with a frame in its place, or nothing ('').

    `chained` holds the digest before the frame and then the frame, digest included.
    """
    told = HEAD_BYTES + head.columns + head.body + head.personal
    if head.magic != _FRAME_MAGIC or head.length != told + (-told % 8) + DIGEST:
        return "no frame begins here"
    if len(chained) != DIGEST + head.length:
        return "the frame is cut short"
    if digest_at(log, number, offset, chained[:-DIGEST]) != chained[-DIGEST:]:
        return "the chain does not hold: a digest differs"
    if head.type not in (SHAPE, ENTRY):
        return f"the frame is of an unknown type {head.type}"
    return ""


def parts_of(head: Head, frame: Bytes) -> tuple[Bytes, Bytes, Bytes]:
    """A frame's columns, body and personal bytes."""
    body = HEAD_BYTES + head.columns
    personal = body + head.body
    return frame[HEAD_BYTES:body], frame[body:personal], frame[personal : personal + head.personal]


def encode_mark(mark: Mark) -> bytes:
    """The mark's bytes, with a checksum against a reading halfway through a writing."""
    start = _MARK.pack(_MARK_MAGIC, mark.log, mark.number, mark.end, mark.digest, 0)[:-4]
    return start + zlib.crc32(start).to_bytes(4, "little")


def decode_mark(data: bytes) -> Mark | None:
    """The mark, or None where these bytes are not a whole one.

    >>> mark = Mark(bytes(16), 2, 104, bytes(32))
    >>> decode_mark(encode_mark(mark)) == mark, decode_mark(bytes(MARK_BYTES))
    (True, None)
    """
    if len(data) != MARK_BYTES or zlib.crc32(data[:-4]) != int.from_bytes(data[-4:], "little"):
        return None
    magic, log, number, end, digest, _ = _MARK.unpack(data)
    return Mark(log, number, end, digest) if magic == _MARK_MAGIC else None


def entry_id(number: int, offset: int, digest: bytes) -> str:
    """The short name of an entry: where it lies, and how its digest begins.

    >>> entry_id(1, 41968, bytes.fromhex("9f3ac41d0b7e") + bytes(26))
    'a000001-0000a3f0-9f3ac41d0b7e'
    """
    return f"a{number:06d}-{offset:08x}-{digest[:6].hex()}"


def parse_id(text: str) -> tuple[int, int, bytes]:
    """Segment, offset and the digest's first 6 bytes; NotFound where it is no id at all.

    >>> parse_id("a000001-0000a3f0-9f3ac41d0b7e")[:2]
    (1, 41968)
    """
    match = _ID.fullmatch(text)
    if match is None:
        raise unknown_id(text)
    return int(match[1]), int(match[2], 16), bytes.fromhex(match[3])


def unknown_id(text: str) -> NotFound:
    """The answer to an id that this log did not give."""
    return NotFound(
        "no entry of this log has this id",
        where=f"audit id {text[:40]!r}",
        remedy="give the id as it was answered, such as a000001-0000a3f0-9f3ac41d0b7e",
    )


def pack_columns(kind: str, columns: Mapping[str, Any] | None) -> tuple[bytes, bytes]:
    """The shape's bytes and one record's raw columns, widest type first so that each is aligned.

    Values are float32, float64, int64 or uint8 arrays, or numbers (a float is float64, an int
    int64); their bits are kept. BadInput for anything else.

    >>> pack_columns("decision", {"score": 0.5})[1].hex()
    '000000000000e03f'
    """
    if not columns:
        return _shape_bytes(kind, ()), b""
    values = [(name, _raw(name, value)) for name, value in columns.items()]
    values.sort(key=lambda pair: (-pair[1].dtype.itemsize, pair[0]))
    fields = tuple(Field(name, raw.dtype.str, raw.shape) for name, raw in values)
    return _shape_bytes(kind, fields), b"".join([raw.tobytes() for _, raw in values])


def unpack_columns(shape: Shape, data: Bytes) -> dict[str, Any]:
    """One record's columns by name: arrays, and numpy scalars where numbers were given."""
    record = np.frombuffer(data, dtype=shape.dtype, count=1)[0]
    return {f.name: record[f.name].copy() for f in shape.fields}


@lru_cache(maxsize=256)
def decode_shape(data: bytes) -> Shape:
    """The shape that a shape frame's body tells."""
    return msgspec.msgpack.decode(data, type=Shape)


@lru_cache(maxsize=256)
def _dtype(fields: tuple[Field, ...]) -> np.dtype[np.void]:
    return np.dtype([(f.name, f.dtype, f.shape) for f in fields])


@lru_cache(maxsize=256)
def _shape_bytes(kind: str, fields: tuple[Field, ...]) -> bytes:
    if not kind or len(kind) > 64 or not kind.isprintable():
        raise BadInput(
            "an entry's kind is 1 to 64 printable characters",
            where="audit entry",
            remedy="name what happened, such as 'decision'",
        )
    return msgspec.msgpack.encode(Shape(kind, fields))


def _raw(name: str, value: Any) -> npt.NDArray[Any]:
    if not isinstance(value, np.ndarray | np.generic | float | int):
        raise _not_raw(name, type(value).__name__)
    raw = np.asarray(value)
    dtype = raw.dtype.newbyteorder("<")
    if dtype.str not in _DTYPES:
        raise _not_raw(name, str(raw.dtype))
    if name in ("", TIME):
        raise BadInput(
            "a column may not be called so", where=f"audit column {name!r}", remedy="rename it"
        )
    return raw.astype(dtype, copy=False)


def _not_raw(name: str, given: str) -> BadInput:
    return BadInput(
        f"a column of type {given} cannot be kept raw",
        where=f"audit column {name!r}",
        remedy="give float32, float64, int64 or uint8, or put it into the body",
    )
