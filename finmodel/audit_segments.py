"""The audit log's folder as a reader finds it: the mark, the segments, the walk along the chain.

A folder comes in; whole, chained frames come out, or Damaged with the segment and the byte. Below
the mark everything must hold. Beyond it lies what a writer was about to acknowledge: whole frames
count, and what follows the last whole one is torn. It opens files for reading only and knows
nothing of what entries mean.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from finmodel.audit_format import (
    DIGEST,
    FRAME_LEAST,
    FRAME_MAGIC,
    HEADER_BYTES,
    MARK_BYTES,
    Head,
    Header,
    Mark,
    decode_head,
    decode_header,
    decode_mark,
    digest_at,
    what_breaks,
)
from finmodel.durable import disk_error
from finmodel.errors import Damaged, NotFound

MARK_NAME: Final = "HEAD"
_KEEP = "keep the folder as it is for the auditor, and start a new one"


class Segment(NamedTuple):
    """One segment's bytes, as long as they were when they were read."""

    name: str
    header: Header
    data: memoryview

    def frame(self, offset: int) -> Head:
        """The whole, chained frame at `offset`; Damaged otherwise."""
        head, wrong = self._look(offset)
        if head is None or wrong:
            raise broken(self.name, offset, wrong)
        return head

    def whole(self, offset: int) -> Head | None:
        """The frame at `offset` where it is whole and chained."""
        head, wrong = self._look(offset)
        return None if wrong else head

    def digest_before(self, offset: int) -> bytes:
        """The digest that stands just before `offset`."""
        return bytes(self.data[offset - DIGEST : offset])

    def written_after(self, offset: int) -> bool:
        """Whether a later group stands past `offset`, so that the bytes there were once synced."""
        rest = bytes(self.data[offset:])  # mostly nothing; all of it would be copied each time
        found = rest.find(FRAME_MAGIC, 1)
        while found >= 0:
            at = offset + found
            head = self.whole(at) or self._whole_after(offset, at) if at % 8 == 0 else None
            if head is not None and head.group_at > offset:
                return True
            found = rest.find(FRAME_MAGIC, found + 1)
        return False

    def _whole_after(self, offset: int, at: int) -> Head | None:
        """The frame at `at`, where only the digest of the frame before it, at `offset`, is hurt."""
        if len(self.data) - at < FRAME_LEAST:
            return None
        log, number = self.header.log, self.header.number
        before = digest_at(log, number, offset, self.data[offset - DIGEST : at - DIGEST])
        head = decode_head(self.data, at)
        chained = b"".join((before, self.data[at : at + head.length]))
        return None if what_breaks(head, log, number, at, chained) else head

    def _look(self, offset: int) -> tuple[Head | None, str]:
        if len(self.data) - offset < FRAME_LEAST:
            return None, "the frame is cut short"
        head = decode_head(self.data, offset)
        chained = self.data[offset - DIGEST : offset + head.length]
        log, number = self.header.log, self.header.number
        return head, what_breaks(head, log, number, offset, chained)


class Step(NamedTuple):
    """One frame of the walk."""

    segment: Segment
    offset: int
    head: Head


def segment_name(number: int) -> str:
    """The file name of a segment."""
    return f"audit-{number:06d}.log"


def segment_exists(folder: Path, number: int) -> bool:
    """Whether this segment was begun."""
    return (folder / segment_name(number)).exists()


def broken(name: str, offset: int, what: str) -> Damaged:
    """The answer where the chain does not hold."""
    return Damaged(what, where=f"{name} at byte {offset}", remedy=_KEEP)


def read_mark(folder: Path) -> Mark:
    """Up to where the log was acknowledged; NotFound where there is no log at all."""
    path = folder / MARK_NAME
    for _ in range(100):
        try:
            mark = decode_mark(path.read_bytes()[:MARK_BYTES])
        except FileNotFoundError as error:
            if not any(folder.glob("audit-*.log")):
                raise NotFound(
                    "there is no audit log", where=str(folder), remedy="name the log's folder"
                ) from error
            raise broken(MARK_NAME, 0, "the mark of the log's end is missing") from error
        except OSError as error:
            raise disk_error(error, path) from error
        # A writer may be halfway through its 76 bytes; the checksum says so.
        if mark is not None:
            return mark
    raise broken(MARK_NAME, 0, "the mark of the log's end cannot be read")


def load_segment(folder: Path, number: int) -> Segment:
    """A segment's bytes, read once; Damaged where it is missing or its header does not hold."""
    name = segment_name(number)
    try:
        # Not a memory map: a torn tail may be cut while we read, and a map would then kill us.
        # numpy's memory has huge pages, so that it is twice as fast to fill as `bytes`.
        with (folder / name).open("rb", buffering=0) as file:
            room = np.empty(os.fstat(file.fileno()).st_size, np.uint8).data
            data = room[: file.readinto(room)].toreadonly()
    except FileNotFoundError as error:
        raise broken(name, 0, "the segment is missing") from error
    except OSError as error:
        raise disk_error(error, folder / name) from error
    header = decode_header(data)
    if header is None or header.number != number:
        raise broken(name, 0, "the segment's header does not hold")
    return Segment(name, header, data)


class Walk:
    """Every frame from the first to the last whole one, in order, each checked against the chain.

    Raises Damaged, naming segment and byte, at the first place where the chain does not hold.
    """

    segment: Segment
    """The segment being walked."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.end = 0
        """Where the last whole frame ends in the segment being walked."""
        self.before = 0
        """Bytes of the segments before it."""

    def __iter__(self) -> Iterator[Step]:
        mark = read_mark(self._folder)
        previous, number = bytes(DIGEST), 1
        while True:
            # Asked before the reading: a segment that has a follower is complete.
            last = number >= mark.number and not segment_exists(self._folder, number + 1)
            self.segment = load_segment(self._folder, number)
            if self.segment.header.previous != previous or self.segment.header.log != mark.log:
                raise broken(self.segment.name, 0, "it does not follow the segment before it")
            yield from self._steps(mark, last)
            if last:
                return
            previous, number = self.segment.digest_before(self.end), number + 1
            self.before += self.end

    def _steps(self, mark: Mark, last: bool) -> Iterator[Step]:
        segment, self.end = self.segment, HEADER_BYTES
        sure = HEADER_BYTES if last else len(segment.data)
        if segment.header.number == mark.number:
            check_mark(segment, mark)
            sure = max(sure, mark.end)
        while self.end < sure:
            yield self._step(segment.frame(self.end))
        while (head := segment.whole(self.end)) is not None:
            yield self._step(head)
        if segment.written_after(self.end):
            segment.frame(self.end)

    def _step(self, head: Head) -> Step:
        step = Step(self.segment, self.end, head)
        self.end += head.length
        return step


def whole_end(segment: Segment, offset: int) -> int:
    """Where the last whole frame ends, from `offset` on.

    Damaged where a group that was written later stands past the place that is broken.
    """
    while (head := segment.whole(offset)) is not None:
        offset += head.length
    if segment.written_after(offset):
        segment.frame(offset)
    return offset


def check_mark(segment: Segment, mark: Mark) -> None:
    """Damaged where the segment does not reach the mark, or another frame ends there."""
    if len(segment.data) < mark.end:
        missing = mark.end - len(segment.data)
        raise broken(
            segment.name, len(segment.data), f"{missing} bytes that were acknowledged are missing"
        )
    if segment.header.log != mark.log or segment.digest_before(mark.end) != mark.digest:
        raise broken(segment.name, mark.end, "the frame that ends here is not the mark's")
