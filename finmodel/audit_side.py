"""A full segment of the audit log as columns beside it: the same bits in a quarter of the bytes.

A folder and a layout (which kind, which columns) come in; pieces of columns come out, from the
file of columns where there is one, else from the segment's own frames. The file is derived: it is
made of one segment alone, the same bytes each time, and names the digest with which the next
segment begins. It is no proof: `check_sides` compares it with the log.

    audit-000001.side = magic (8) · length and checksum (8) · header · blocks at multiples of 64
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np

from finmodel.audit_columns import Columns, entries_of, gather, to_its_end
from finmodel.audit_format import (
    HEADER_BYTES,
    TIME,
    Header,
    decode_head,
    decode_header,
    parts_of,
)
from finmodel.audit_segments import (
    Segment,
    broken,
    read_mark,
    segment_exists,
    segment_name,
)
from finmodel.durable import disk_error, replace_file
from finmodel.progress import Progress
from finmodel.records import Int64s

ONE_IN: Final = 16
"""Of so many entries one has its sampled columns kept."""
_MAGIC: Final = b"FMSIDE\x00\x01"
_OPENING: Final = struct.Struct("<8sII")
_ROUND: Final = 64
_AT: Final = "@"
_SAMPLE: Final = "#"


class SideLayout(NamedTuple):
    """What is kept of which entries."""

    kind: str
    whole: tuple[str, ...]
    """Columns kept of every entry."""
    sampled: tuple[str, ...]
    """Columns kept of a seeded sample, one entry in `ONE_IN`."""
    code: str
    """The column whose number stands for what bodies share: one body is kept for each number."""


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """Entries of one kind and one shape in one segment, in order."""

    segment: int
    at: Int64s
    """(n,) where each entry begins in its segment."""
    columns: Columns
    """(n, ...) `time_us` and those of the whole columns that the entries have."""
    sample: Int64s
    """(s,) rows of the seeded sample."""
    sampled: Columns
    """(s, ...) of the sample."""
    bodies: dict[int, dict[str, Any]]
    """An entry's body for each code."""
    features: tuple[str, ...] | None = None
    """Of decisions that were imported: what the vector's columns are; None where it is whole."""

    def __len__(self) -> int:
        return len(self.at)


class _Block(NamedTuple):
    name: str
    dtype: str
    shape: tuple[int, ...]
    at: int
    crc: int


class _Group(NamedTuple):
    blocks: tuple[_Block, ...]
    codes: tuple[int, ...]
    bodies: tuple[bytes, ...]


class _Told(msgspec.Struct, frozen=True, array_like=True):
    layout: SideLayout
    log: bytes
    number: int
    end: bytes
    """The last digest of the segment, with which the next one begins."""
    groups: tuple[_Group, ...]


def side_name(number: int) -> str:
    """The file name of a segment's columns."""
    return f"audit-{number:06d}.side"


def make_side(folder: Path, number: int, layout: SideLayout) -> bool:
    """Keep a full segment as columns, unless it is; whether the segment is full at all."""
    following = _header(folder, number + 1)
    if following is None:
        return False
    path = folder / side_name(number)
    if not path.exists():
        replace_file(path, _encoded(folder, number, following, layout))
    return True


def pieces_of(
    folder: Path, number: int, layout: SideLayout, only: Collection[str] | None = None
) -> list[Piece]:
    """A segment's entries of the layout's kind; Damaged where columns do not hold.

    All columns of the layout, or only those named, and `time_us`.
    """
    following = _header(folder, number + 1)
    path = folder / side_name(number)
    if following is not None and path.exists():
        return _read(path, following, layout, only)
    return list(_gathered(*to_its_end(folder, number), _named(layout, only)))


def segments_of(folder: Path) -> list[int]:
    """The numbers of the log's segments, up to the last that was begun."""
    last = read_mark(folder).number
    while segment_exists(folder, last + 1):
        last += 1
    return list(range(1, last + 1))


def check_sides(folder: Path, layout: SideLayout, progress: Progress | None = None) -> int:
    """Compare every file of columns with its segment, byte for byte; how many there are.

    Damaged at the first that differs. It says nothing of the segments themselves: see `verify`.
    """
    found = [n for n in segments_of(folder) if (folder / side_name(n)).exists()]
    for done, number in enumerate(found, start=1):
        following, path = _header(folder, number + 1), folder / side_name(number)
        due = _encoded(folder, number, following, layout) if following is not None else b""
        if path.read_bytes() != due:
            raise broken(path.name, 0, "the columns are not those of the segment")
        if progress is not None:
            progress("columns compared with their segments", done, len(found))
    return len(found)


def _named(layout: SideLayout, only: Collection[str] | None) -> SideLayout:
    if only is None:
        return layout
    whole = tuple(name for name in layout.whole if name in only or name == layout.code)
    return layout._replace(whole=whole, sampled=tuple(n for n in layout.sampled if n in only))


def _header(folder: Path, number: int) -> Header | None:
    """The header of a segment, or None where it was not begun."""
    path = folder / segment_name(number)
    try:
        with path.open("rb", buffering=0) as file:
            header = decode_header(file.read(HEADER_BYTES))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise disk_error(error, path) from error
    if header is None:
        raise broken(path.name, 0, "the segment's header does not hold")
    return header


def _gathered(segment: Segment, end: int, layout: SideLayout) -> Iterator[Piece]:
    """A segment's pieces out of its frames, by shape."""
    for shape, starts in entries_of(segment, end, layout.kind):
        if not starts.size:
            continue
        told = {field.name for field in shape.fields}
        columns = gather(segment, shape, [n for n in layout.whole if n in told], starts)
        if layout.code not in columns:
            # Written before codes were: each entry stands for itself.
            columns[layout.code] = starts.copy()
        sample = np.flatnonzero(_drawn(segment.header.number, starts))
        sampled = gather(segment, shape, [n for n in layout.sampled if n in told], starts[sample])
        del sampled[TIME]
        bodies = _bodies(segment, starts, columns[layout.code])
        yield Piece(segment.header.number, starts, columns, sample, sampled, bodies)


def _drawn(number: int, starts: Int64s) -> Any:
    """(n,) whether an entry is in the sample: by its place alone (splitmix64), so always the same.

    >>> int(_drawn(1, np.arange(0, 8_000_000, 8)).sum())
    62980
    """
    mixed = starts.astype(np.uint64) + np.uint64(number << 32) + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return (mixed ^ (mixed >> np.uint64(31))) % np.uint64(ONE_IN) == 0


def _bodies(segment: Segment, starts: Int64s, codes: Int64s) -> dict[int, dict[str, Any]]:
    """The body of the first entry with each code."""
    values, first = np.unique(codes, return_index=True)
    bodies = {}
    for code, at in zip(values.tolist(), starts[first].tolist(), strict=True):
        body = parts_of(decode_head(segment.data, at), segment.data[at:])[1]
        bodies[code] = msgspec.msgpack.decode(body)
    return bodies


def _encoded(folder: Path, number: int, following: Header, layout: SideLayout) -> bytes:
    """The file's bytes; Damaged where the next segment does not follow this one."""
    segment, end = to_its_end(folder, number)
    if segment.digest_before(end) != following.previous:
        raise broken(segment_name(number + 1), 0, "it does not follow the segment before it")
    groups, blocks, at = [], list[bytes](), 0
    for piece in _gathered(segment, end, layout):
        laid, data, at = _laid(piece, at)
        blocks += data
        bodies = tuple(map(msgspec.msgpack.encode, piece.bodies.values()))
        groups.append(_Group(laid, tuple(piece.bodies), bodies))
    header = segment.header
    told = _Told(layout, header.log, number, following.previous, tuple(groups))
    packed = msgspec.msgpack.encode(told)
    opening = _OPENING.pack(_MAGIC, len(packed), zlib.crc32(packed))
    return b"".join([opening, packed, bytes(-(len(opening) + len(packed)) % _ROUND), *blocks])


def _laid(piece: Piece, at: int) -> tuple[tuple[_Block, ...], list[bytes], int]:
    """A piece's blocks from `at` on (counted from the first block), and where the next begins."""
    columns = {_AT: piece.at, _SAMPLE: piece.sample, **piece.columns, **piece.sampled}
    told, data = [], []
    for name, values in columns.items():
        raw = np.ascontiguousarray(values).tobytes()
        told.append(_Block(name, values.dtype.str, values.shape, at, zlib.crc32(raw)))
        data += [raw, bytes(-len(raw) % _ROUND)]
        at += len(raw) + len(data[-1])
    return tuple(told), data, at


def _read(
    path: Path, following: Header, layout: SideLayout, only: Collection[str] | None
) -> list[Piece]:
    wanted = {_AT, _SAMPLE, TIME, *_named(layout, only).whole, *_named(layout, only).sampled}
    try:
        with path.open("rb", buffering=0) as file:
            told, begin = _opened(path.name, file)
            if (told.log, told.number + 1, told.end) != (
                following.log,
                following.number,
                following.previous,
            ):
                raise broken(path.name, 0, "these columns are of another segment")
            if told.layout != layout:
                raise broken(path.name, 0, "these columns are of another layout: remove this file")
            return [_piece(file, begin, group, told, wanted) for group in told.groups]
    except OSError as error:
        raise disk_error(error, path) from error


def _opened(name: str, file: FileIO) -> tuple[_Told, int]:
    opening = file.read(_OPENING.size)
    if len(opening) == _OPENING.size:
        magic, length, crc = _OPENING.unpack(opening)
        packed = file.read(length) if magic == _MAGIC else b""
        if len(packed) == length and zlib.crc32(packed) == crc:
            end = len(opening) + length
            return msgspec.msgpack.decode(packed, type=_Told), end + -end % _ROUND
    raise broken(name, 0, "the columns' header does not hold: remove this file")


def _piece(file: FileIO, begin: int, group: _Group, told: _Told, wanted: set[str]) -> Piece:
    columns: Columns = {}
    for block in group.blocks:
        if block.name not in wanted:
            continue
        values = np.empty(block.shape, np.dtype(block.dtype))
        raw = values.reshape(-1).view(np.uint8).data
        file.seek(begin + block.at)
        if file.readinto(raw) != len(raw) or zlib.crc32(raw) != block.crc:
            what = f"column {block.name!r} does not hold: remove this file"
            raise broken(side_name(told.number), begin + block.at, what)
        columns[block.name] = values
    at, sample = columns.pop(_AT), columns.pop(_SAMPLE)
    sampled = {n: columns.pop(n) for n in told.layout.sampled if n in columns}
    bodies = map(msgspec.msgpack.decode, group.bodies)
    named = dict(zip(group.codes, bodies, strict=True))
    return Piece(told.number, at, columns, sample, sampled, named)
