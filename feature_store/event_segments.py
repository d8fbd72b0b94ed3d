"""Segment files of an event log: frames of a header and a body, appended, synced and checked.

A frame is whole or it is not there: its header has its own checksum, and so has its body. What a
crash can leave behind (a last frame that is cut short or not flushed) is told from damage (a
complete frame, with others behind it, that does not hold). This module knows no event.
"""

from __future__ import annotations

import errno
import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import BinaryIO

from finmodel.errors import Damaged, NoRoom

_TOLD = struct.Struct("<4sQIII")
"""Magic, first offset, count, length of the body, checksum of the body."""
_CHECK = struct.Struct("<I")
"""Checksum of what is told."""
_HEAD_SIZE = _TOLD.size + _CHECK.size
_MAGIC = b"FEV1"
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@dataclass(frozen=True, slots=True)
class Frame:
    """Consecutive records: the first one's offset, how many, and their bytes."""

    first_offset: int
    count: int
    body: bytes


def segments(folder: Path) -> list[Path]:
    """A partition's segment files, oldest first."""
    return sorted(folder.glob("*.log"))


def walk(path: Path, *, is_last: bool) -> Iterator[Frame]:
    """Frames of one segment in order, up to a torn tail, which only the last segment may have."""
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        while (place := file.tell()) < size:
            frame, torn = _next_frame(file, size)
            if frame is not None:
                yield frame
            elif torn and is_last:
                return
            else:
                raise Damaged(
                    f"the frame at byte {place} does not hold",
                    where=str(path),
                    remedy="restore this file from a copy",
                )


def cut_tail(path: Path) -> int:
    """Cut what a crash left half-written off a segment's end; how many bytes it was."""
    whole = sum(_HEAD_SIZE + len(frame.body) for frame in walk(path, is_last=True))
    torn = path.stat().st_size - whole
    if torn:
        with path.open("r+b") as file:
            file.truncate(whole)
            os.fsync(file.fileno())
    return torn


def bytes_of(frame: Frame) -> bytes:
    """A frame as it stands in a segment."""
    told = (_MAGIC, frame.first_offset, frame.count, len(frame.body), zlib.crc32(frame.body))
    head = _TOLD.pack(*told)
    return head + _CHECK.pack(zlib.crc32(head)) + frame.body


def append_frame(path: Path, frame: Frame) -> None:
    """Put a frame at a segment's end, durably; NoRoom, and nothing written, if the disk is full."""
    data = bytes_of(frame)
    is_new = not path.exists()
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab", buffering=0) as file:
        end = file.tell()
        try:
            _write_all(file, data)
            os.fsync(file.fileno())
        except OSError as error:
            file.truncate(end)
            if error.errno not in _FULL:
                raise
            raise NoRoom("the disk is full", where=str(path), remedy="make room on it") from error
    if is_new:
        for folder in path.parents[:3]:
            _sync_folder(folder)


def _next_frame(file: BinaryIO, size: int) -> tuple[Frame | None, bool]:
    """The frame that starts here; else none, and whether a crash can have left it so."""
    head = file.read(_HEAD_SIZE)
    told, check = head[: _TOLD.size], head[_TOLD.size :]
    if check != _CHECK.pack(zlib.crc32(told)) or not told.startswith(_MAGIC):
        return None, not file.read().strip(b"\0")
    _, first_offset, count, length, checksum = _TOLD.unpack(told)
    body = file.read(length)
    if len(body) == length and zlib.crc32(body) == checksum:
        return Frame(first_offset, count, body), False
    return None, len(body) < length or file.tell() >= size


def _write_all(file: FileIO, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]


def _sync_folder(folder: Path) -> None:
    """Make the names in a folder as durable as the files."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
