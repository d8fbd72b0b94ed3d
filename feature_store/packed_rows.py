"""The bytes of a customer: one value, and in it a section for each feature view.

Values of one row go in, a section comes out, and back. This module knows neither LMDB nor Feast:
what has no fixed width is bytes that somebody else made. Everything is little-endian and a
multiple of eight bytes. A section is

    word 0   view u16 | schema u16 | kind u8 | flags u8 | words u16 (the section's own length)
    word 1   event time, microseconds since 1970 (i64)
    CREATED  created time, microseconds (i64)                     only where the flag is set
    STREAM   topic id u32 | partition u32, then offset i64        only where the flag is set
    NULLS    one bit a feature, 64 a word; 1 is null              only where the flag is set
    body     the schema's fixed slots, widest first, each kind in the schema's order (so a
             Float32 view is one block, with NaN in the slot of a null); then for each feature
             without a fixed width and not null, its length u32 and its bytes

A reader skips a section whose kind or view it does not know, by its length.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from feature_store.plan import FeaturePlan
from finmodel.errors import BadInput, Damaged

ROW = 1
"""Kind of a section that holds one row. Other kinds are for whoever defines them."""
CREATED, STREAM, NULLS = 1, 2, 4
NONE = -(2**63)
"""Created time of a row that has none, and age of nothing."""
MAX_WORDS = 0xFFFF

HEAD = struct.Struct("<HHBBHq")
_CREATED, _STREAM, _LENGTH = struct.Struct("<q"), struct.Struct("<IIq"), struct.Struct("<I")

FIXED: dict[str, tuple[str, int]] = {
    "Float64": ("d", 8),
    "Int64": ("q", 8),
    "UnixTimestamp": ("q", 8),
    "Float32": ("f", 4),
    "Int32": ("i", 4),
    "Bool": ("?", 1),
}
"""Feast types with a slot of their own: struct code and bytes, widest first."""

_FLOATS, _INTS = {"Float32", "Float64"}, {"Int32", "Int64"}
_WIDER = {
    "Float32": {"Float64"},
    "Int32": {"Int64", "Float64"},
    "Bool": _INTS | _FLOATS,
}


def widens(stored: str, wanted: str) -> bool:
    """Whether every value stored as one Feast type is the same value in the other.

    >>> widens("Int32", "Int64"), widens("Int64", "Int32"), widens("Float64", "Float32")
    (True, False, False)
    """
    return stored == wanted or wanted in _WIDER.get(stored, ())


def fits_matrix(stored: str, wanted: str) -> bool:
    """Whether a stored value may stand for a wanted one in a float32 matrix.

    There every number is rounded to float32, so only a change of meaning keeps one out.

    >>> fits_matrix("Float64", "Float32"), fits_matrix("Int64", "Float32")
    (True, True)
    >>> fits_matrix("Float32", "Int64"), fits_matrix("String", "Float32")
    (False, False)
    """
    kinds = {"Bool": 0, "Int32": 1, "Int64": 1, "Float32": 2, "Float64": 2}
    if stored not in kinds or wanted not in kinds:
        return False
    return kinds[stored] <= kinds[wanted]


class Origin(NamedTuple):
    """The event in a log that made a row."""

    topic: int
    partition: int
    offset: int


class Row(NamedTuple):
    """What one view knows of one customer."""

    values: Sequence[Any]
    """One of each feature of the schema; None is null, what has no fixed width is bytes."""
    event_us: int
    created_us: int = NONE
    """`NONE` where the row has no created time."""
    origin: Origin | None = None


class Section(NamedTuple):
    """One section of a value, not yet read."""

    view: int
    schema: int
    kind: int
    data: bytes


class RowLayout(NamedTuple):
    """Where a schema's features lie in a body."""

    features: tuple[FeaturePlan, ...]
    fixed: struct.Struct
    slots: tuple[int, ...]
    """Feature index of each fixed slot, in the slots' order."""
    at: tuple[int, ...]
    """Byte position of each feature's slot in the body; -1 where it has no fixed width."""

    @property
    def null_words(self) -> int:
        """Words of null bits, where there are any."""
        return (len(self.features) + 63) // 64

    @property
    def body_words(self) -> int:
        """Words that the fixed slots take."""
        return (self.fixed.size + 7) // 8


@lru_cache(maxsize=4096)
def layout_of(features: tuple[FeaturePlan, ...]) -> RowLayout:
    """The layout of a schema.

    >>> layout_of((FeaturePlan("b", "Bool"), FeaturePlan("x", "Float32"))).at
    (4, 0)
    """
    widths = [FIXED[f.dtype][1] if f.dtype in FIXED else 0 for f in features]
    slots = sorted((i for i, width in enumerate(widths) if width), key=lambda i: -widths[i])
    at, end = [-1] * len(features), 0
    for i in slots:
        at[i], end = end, end + widths[i]
    fixed = struct.Struct("<" + "".join(FIXED[features[i].dtype][0] for i in slots))
    return RowLayout(features, fixed, tuple(slots), tuple(at))


def encode(view: int, schema: int, layout: RowLayout, row: Row) -> bytes:
    """The section of one row; BadInput if it is longer than a section can be (512 KiB).

    >>> layout = layout_of((FeaturePlan("x", "Float32"), FeaturePlan("y", "Int32")))
    >>> data = encode(3, 0, layout, Row([None, 7], event_us=1_000_000))
    >>> len(data), decode(layout, data)
    (32, Row(values=[None, 7], event_us=1000000, created_us=-9223372036854775808, origin=None))
    """
    flags, parts = 0, []
    if row.created_us != NONE:
        flags |= CREATED
        parts.append(row.created_us.to_bytes(8, "little", signed=True))
    if row.origin is not None:
        flags |= STREAM
        parts.append(_STREAM.pack(*row.origin))
    nulls = sum(1 << i for i, value in enumerate(row.values) if value is None)
    if nulls:
        flags |= NULLS
        parts.append(nulls.to_bytes(8 * layout.null_words, "little"))
    rest = b"".join(parts) + _body(layout, row.values)
    words = 2 + (len(rest) + 7) // 8
    if words > MAX_WORDS:
        raise BadInput(
            f"it takes {8 * words} bytes, and a section holds {8 * MAX_WORDS}",
            where="a row of features",
            remedy="keep documents elsewhere and their address here",
        )
    head = HEAD.pack(view, schema, ROW, flags, words, row.event_us)
    return head + rest.ljust(8 * (words - 2), b"\0")


def _body(layout: RowLayout, values: Sequence[Any]) -> bytes:
    blanks = [math.nan if f.dtype == "Float32" else 0 for f in layout.features]
    slots = [blanks[i] if values[i] is None else values[i] for i in layout.slots]
    parts = [layout.fixed.pack(*slots)]
    for value, at in zip(values, layout.at, strict=True):
        if at < 0 and value is not None:
            parts += [len(value).to_bytes(4, "little"), value]
    return b"".join(parts)


def sections(value: bytes) -> Iterator[Section]:
    """Each section of a customer's value; Damaged where the bytes do not hold together.

    >>> list(sections(b"")), list(sections(bytes(16)))
    Traceback (most recent call last):
    finmodel.errors.Damaged: map of online features: a customer's value has a section of an \
impossible length; materialise it again into a new map
    """
    at = 0
    while at < len(value):
        if len(value) - at < HEAD.size:
            raise damaged("ends inside a section's head")
        view, schema, kind, _, words, _ = HEAD.unpack_from(value, at)
        end = at + 8 * words
        if words < 2 or end > len(value):
            raise damaged("has a section of an impossible length")
        yield Section(view, schema, kind, value[at:end])
        at = end


def decode(layout: RowLayout, data: bytes) -> Row:
    """The row in a section that `encode` made by the same layout; Damaged if it is too short."""
    *_, flags, _, event_us = HEAD.unpack_from(data)
    at, created_us, origin, nulls = HEAD.size, NONE, None, 0
    try:
        if flags & CREATED:
            (created_us,), at = _CREATED.unpack_from(data, at), at + _CREATED.size
        if flags & STREAM:
            origin, at = Origin(*_STREAM.unpack_from(data, at)), at + _STREAM.size
        if flags & NULLS:
            end = at + 8 * layout.null_words
            nulls, at = int.from_bytes(data[at:end], "little"), end
        values = _values(layout, nulls, data, at)
    except struct.error as error:
        raise damaged("is shorter than its schema") from error
    return Row(values, event_us, created_us, origin)


def _values(layout: RowLayout, nulls: int, data: bytes, at: int) -> list[Any]:
    values: list[Any] = [None] * len(layout.features)
    for i, value in zip(layout.slots, layout.fixed.unpack_from(data, at), strict=True):
        values[i] = None if nulls >> i & 1 else value
    end = at + layout.fixed.size
    for i, slot in enumerate(layout.at):
        if slot < 0 and not nulls >> i & 1:
            (length,) = _LENGTH.unpack_from(data, end)
            start, end = end + 4, end + 4 + length
            if end > len(data):
                raise damaged("is shorter than its schema")
            values[i] = data[start:end]
    return values


def damaged(what: str) -> Damaged:
    """The error of a value that does not hold together; it names no customer."""
    return Damaged(
        f"a customer's value {what}",
        where="map of online features",
        remedy="materialise it again into a new map",
    )
