"""The audit log read as columns: every entry of one kind, stacked, and no body decoded.

A log's folder and a kind come in, numpy arrays come out. Only the frames' lengths are checked, not
the chain: whoever must be sure of the log verifies it first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from finmodel.audit_format import (
    ENTRY,
    FRAME_LEAST,
    FRAME_MAGIC,
    HEAD_BYTES,
    HEADER_BYTES,
    LENGTH_AT,
    SHAPE_AT,
    TIME,
    TIME_AT,
    TYPE_AT,
    Field,
    Mark,
    Shape,
    decode_shape,
    parts_of,
)
from finmodel.audit_segments import (
    Segment,
    broken,
    check_mark,
    load_segment,
    read_mark,
    segment_exists,
    whole_end,
)
from finmodel.errors import BadInput

Columns: TypeAlias = dict[str, npt.NDArray[Any]]
_Offsets: TypeAlias = npt.NDArray[np.int64]
_Words: TypeAlias = npt.NDArray[np.uint32]


def read_columns(folder: Path, kind: str, names: Sequence[str] | None = None) -> Columns:
    """The columns of every entry of a kind, in order: (n, *shape) each, and `time_us` (n,).

    All columns, or those named. BadInput where entries of this kind do not all have one of them
    in the same type and shape, such as vectors of two feature services: name what they share.
    """
    parts: list[Columns] = []
    fields: dict[str, Field] | None = None
    for segment, end in _segments(folder):
        columns: list[Columns] = []
        starts: list[_Offsets] = []
        for shape, found in entries_of(segment, end, kind):
            fields = _agreed(fields, shape, names)
            columns.append(gather(segment, shape, fields, found))
            starts.append(found)
        if columns:
            parts.append(_in_order(columns, starts))
    if not parts:
        return {TIME: np.empty(0, np.int64)}
    return {name: np.concatenate([part.pop(name) for part in parts]) for name in list(parts[0])}


def _segments(folder: Path) -> Iterator[tuple[Segment, int]]:
    """Each segment, and where its last whole frame ends."""
    mark, number = read_mark(folder), 1
    while True:
        last = number >= mark.number and not segment_exists(folder, number + 1)
        segment = load_segment(folder, number)
        yield segment, _end_of(segment, mark)
        if last:
            return
        number += 1


def to_its_end(folder: Path, number: int) -> tuple[Segment, int]:
    """A segment, and where its last whole frame ends; works beside a writer."""
    mark = read_mark(folder)  # before the bytes: they may not hold what is acknowledged after them
    segment = load_segment(folder, number)
    return segment, _end_of(segment, mark)


def _end_of(segment: Segment, mark: Mark) -> int:
    number = segment.header.number
    if number < mark.number:
        return len(segment.data) // 8 * 8
    if number == mark.number:
        check_mark(segment, mark)
    # Past the mark a frame may be half-written, and only its digest can tell.
    return whole_end(segment, mark.end if number == mark.number else HEADER_BYTES)


def entries_of(segment: Segment, end: int, kind: str) -> Iterator[tuple[Shape, _Offsets]]:
    """Offsets of the entries of a kind, by shape."""
    words = np.frombuffer(segment.data[:end], "<u4")
    starts = _starts(segment, words, end)
    types = np.frombuffer(segment.data[:end], np.uint8)[starts + TYPE_AT]
    starts = starts[types == ENTRY]
    shapes_at = words[(starts + SHAPE_AT) // 4]
    found: dict[Shape, list[int]] = {}
    for at in np.unique(shapes_at).tolist():
        shape = _shape(segment, at)
        if shape.kind == kind:
            found.setdefault(shape, []).append(at)
    for shape, places in found.items():
        yield shape, starts[np.isin(shapes_at, places)]


def _starts(segment: Segment, words: _Words, end: int) -> _Offsets:
    """Where each frame begins.

    All places that look like a beginning are found at once. From the first on, each must be just
    where the one before it ends; only if one is not (a body that holds the magic) is each frame
    visited in turn.
    """
    magic = int.from_bytes(FRAME_MAGIC, "little")
    starts = np.flatnonzero(words[HEADER_BYTES // 4 :: 2] == magic) * 8 + HEADER_BYTES
    ends = starts + words[(starts + LENGTH_AT) // 4]
    due = np.concatenate(([HEADER_BYTES], ends))
    if np.array_equal(due[:-1], starts) and due[-1] == end:
        return starts
    return _starts_one_by_one(segment, words, end)


def _starts_one_by_one(segment: Segment, words: _Words, end: int) -> _Offsets:
    magic, at = int.from_bytes(FRAME_MAGIC, "little"), HEADER_BYTES
    starts = []
    while at < end:
        length = int(words[(at + LENGTH_AT) // 4])
        if int(words[at // 4]) != magic or length < FRAME_LEAST or length % 8 or at + length > end:
            raise broken(segment.name, at, "no frame begins here")
        starts.append(at)
        at += length
    return np.array(starts, np.int64)


def _shape(segment: Segment, at: int) -> Shape:
    if at < HEADER_BYTES:
        raise broken(segment.name, at, "an entry's shape is not here")
    head = segment.frame(at)
    return decode_shape(bytes(parts_of(head, segment.data[at:])[1]))


def _agreed(
    agreed: dict[str, Field] | None, shape: Shape, names: Sequence[str] | None
) -> dict[str, Field]:
    here = {field.name: field for field in shape.fields}
    wanted = here if names is None else dict.fromkeys(name for name in names if name != TIME)
    chosen = {name: here[name] for name in wanted if name in here}
    differing = set(wanted) - set(here)
    if agreed is not None:
        differing |= {field.name for field in set(agreed.values()) ^ set(chosen.values())}
    if differing:
        raise BadInput(
            f"entries of kind {shape.kind!r} do not all have the columns {sorted(differing)} alike",
            where="audit columns",
            remedy="name columns that they share",
        )
    return chosen


def gather(segment: Segment, shape: Shape, names: Iterable[str], starts: _Offsets) -> Columns:
    """The columns of the entries that begin at `starts`, all of one shape, and their times."""
    fields: Mapping[str, Any] = shape.dtype.fields or {}
    rows = starts // 8
    gathered = {TIME: _at_every_8th(segment.data, np.dtype("<i8"), TIME_AT)[rows]}
    for name in names:
        field, at = fields[name][:2]
        gathered[name] = _at_every_8th(segment.data, field, HEAD_BYTES + at)[rows]
    return gathered


def _at_every_8th(data: memoryview, dtype: np.dtype[Any], offset: int) -> npt.NDArray[Any]:
    """A view with a value at each multiple of 8 bytes, since that is where frames begin."""
    inner = np.empty(dtype.shape, dtype.base).strides
    rows = (len(data) - offset - dtype.itemsize) // 8 + 1
    return np.ndarray((rows, *dtype.shape), dtype.base, data, offset, (8, *inner))


def _in_order(columns: list[Columns], starts: list[_Offsets]) -> Columns:
    if len(columns) == 1:
        return columns[0]
    order = np.argsort(np.concatenate(starts))
    return {name: np.concatenate([c[name] for c in columns])[order] for name in columns[0]}
