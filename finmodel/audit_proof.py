"""The proof that an audit log is whole, and anchors: places in it that are kept elsewhere.

A log's folder comes in; what it holds comes out, or Damaged with the segment and the byte.

    what was done to the folder                                who sees it
    a bit, a frame, two frames, a segment changed or gone      verify
    the end cut off, by accident                               verify (the mark lies beyond it)
    the end cut off and the mark set back, on purpose          verify with an anchor kept elsewhere
    the whole log written anew                                 verify with an anchor kept elsewhere
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec

from finmodel.audit_entries import time_of
from finmodel.audit_format import DIGEST, HEADER_BYTES, SHAPE, decode_shape, parts_of
from finmodel.audit_segments import Walk, broken, read_mark, segment_name
from finmodel.durable import disk_error
from finmodel.errors import BadInput


class Anchor(msgspec.Struct, frozen=True):
    """A place in a log, to sign and to keep where the log's keeper cannot write.

    A log that still holds passes through it: what came before has not been rewritten or cut off.
    It says nothing of entries that came after it was taken.
    """

    log: str
    segment: int
    end: int
    digest: str

    def to_json(self) -> bytes:
        """The anchor's bytes, to sign and to keep."""
        return msgspec.json.encode(self)

    @classmethod
    def from_json(cls, data: bytes) -> Anchor:
        """An anchor that was kept; BadInput where these bytes are none."""
        try:
            return msgspec.json.decode(data, type=cls)
        except msgspec.MsgspecError as error:
            raise BadInput(
                "it is not an anchor of an audit log",
                where="audit anchor",
                remedy="give the bytes that were kept",
            ) from error


@dataclass(frozen=True, slots=True)
class Verified:
    """What a log that holds has in it."""

    counts: dict[str, int]
    """Entries of each kind."""
    first: datetime | None
    """The earliest and the latest time of an entry."""
    last: datetime | None
    segments: int
    size: int
    """Bytes of all segments, up to the last whole frame."""
    torn: int
    """Bytes past the last whole frame: being written now, or left by a crash and cut later."""
    anchor: Anchor
    """The end of what was verified."""

    @property
    def entries(self) -> int:
        """How many entries there are."""
        return sum(self.counts.values())

    @property
    def head(self) -> str:
        """The last digest of the chain, in hex."""
        return self.anchor.digest


def anchor(folder: Path) -> Anchor:
    """The log's acknowledged end, as its mark says it: verifies nothing."""
    mark = read_mark(folder)
    return Anchor(mark.log.hex(), mark.number, mark.end, mark.digest.hex())


def verify(folder: Path, anchors: Iterable[Anchor] = ()) -> Verified:
    """Check every byte of the log against its chain, and that it passes through the anchors.

    Damaged at the first place that does not hold; works beside a writer.
    """
    counts: dict[str, int] = {}
    times: list[int] = []
    shapes: dict[tuple[int, int], str] = {}
    walk = Walk(folder)
    for segment, offset, head in walk:
        number = segment.header.number
        if head.type == SHAPE:
            body = parts_of(head, segment.data[offset:])[1]
            shapes[number, offset] = decode_shape(bytes(body)).kind
            continue
        kind = shapes[number, head.shape_at]
        counts[kind] = counts.get(kind, 0) + 1
        times = [min([*times[:1], head.time_us]), max([*times[1:], head.time_us])]
    verified = Verified(
        counts=counts,
        first=time_of(times[0]) if times else None,
        last=time_of(times[1]) if times else None,
        segments=walk.segment.header.number,
        size=walk.before + walk.end,
        torn=len(walk.segment.data) - walk.end,
        anchor=Anchor(
            walk.segment.header.log.hex(),
            walk.segment.header.number,
            walk.end,
            walk.segment.digest_before(walk.end).hex(),
        ),
    )
    for kept in anchors:
        _pass_through(folder, kept, verified.anchor)
    return verified


def _pass_through(folder: Path, kept: Anchor, end: Anchor) -> None:
    name = segment_name(kept.segment)
    if kept.log != end.log:
        raise broken(name, 0, "the anchor is of another log")
    if (kept.segment, kept.end) > (end.segment, end.end):
        raise broken(name, kept.end, "the log ends before the anchor: its newest part is missing")
    try:
        with (folder / name).open("rb") as file:
            file.seek(max(kept.end, HEADER_BYTES) - DIGEST)
            found = file.read(DIGEST)
    except OSError as error:
        raise disk_error(error, folder / name) from error
    if found.hex() != kept.digest:
        raise broken(name, kept.end, "the log does not pass through the anchor: it was rewritten")
