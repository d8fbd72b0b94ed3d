"""The newest part of an audit log: its last segment, checked, and when its newest entry was made.

A log's folder comes in; how much holds goes out, or Damaged with the segment and the byte. Whoever
must know soon asks here; that the whole chain holds, `audit_proof.verify` alone can say.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from finmodel.audit_entries import time_of
from finmodel.audit_format import ENTRY, HEADER_BYTES
from finmodel.audit_segments import check_mark, load_segment, read_mark, segment_exists


class End(NamedTuple):
    """What the last segment of a log holds."""

    segments: int
    entries: int
    newest: datetime | None
    """The latest time of an entry in it."""


def end_of_log(folder: Path) -> End:
    """Check the newest segment's chain; works beside a writer. NotFound where there is no log."""
    mark = read_mark(folder)
    number = mark.number
    while segment_exists(folder, number + 1):
        number += 1
    segment = load_segment(folder, number)
    sure = HEADER_BYTES
    if number == mark.number:
        check_mark(segment, mark)
        sure = mark.end
    offset, times = HEADER_BYTES, list[int]()
    while (head := segment.whole(offset)) is not None:
        times += [head.time_us] if head.type == ENTRY else []
        offset += head.length
    if offset < sure or segment.written_after(offset):
        segment.frame(offset)  # and says what is wrong there
    return End(number, len(times), time_of(max(times)) if times else None)
