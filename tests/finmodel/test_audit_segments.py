from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from finmodel.audit_format import HEADER_BYTES, MARK_BYTES, Draft, Mark, pack_columns
from finmodel.audit_segments import (
    Walk,
    check_mark,
    load_segment,
    read_mark,
    segment_name,
    whole_end,
)
from finmodel.audit_tail import Tail
from finmodel.clock import StandingClock, parse_time
from finmodel.errors import Damaged, NotFound

CLOCK = StandingClock(parse_time("2026-03-01T12:00:00+08:00"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A log of three groups of one entry each."""
    shape = pack_columns("decision", None)[0]
    with closing(Tail(tmp_path / "audit", CLOCK, sync=False, segment_bytes=1 << 20)) as tail:
        for _ in range(3):
            tail.commit([Draft(shape, 0, b"", b"\x80")])
    return tmp_path / "audit"


def test_the_mark_is_where_the_last_frame_ends(folder: Path) -> None:
    segment = load_segment(folder, 1)
    mark = read_mark(folder)
    assert mark == Mark(segment.header.log, 1, len(segment.data), segment.digest_before(mark.end))
    check_mark(segment, mark)
    with pytest.raises(Damaged, match=f"byte {mark.end - 8}"):
        check_mark(segment, mark._replace(end=mark.end - 8))


def test_a_walk_goes_from_frame_to_frame_to_the_end(folder: Path) -> None:
    walk = Walk(folder)
    steps = list(walk)
    assert steps[0].offset == HEADER_BYTES
    assert [s.offset + s.head.length for s in steps[:-1]] == [s.offset for s in steps[1:]]
    assert walk.end == len(walk.segment.data)
    assert [s.head.group_at for s in steps] == [s.offset for s in (steps[0], steps[0], *steps[2:])]


def test_what_is_written_halfway_does_not_count(folder: Path) -> None:
    path = folder / segment_name(1)
    whole = path.read_bytes()
    with path.open("ab") as file:
        file.write(whole[-100:-40])
    segment = load_segment(folder, 1)
    assert whole_end(segment, read_mark(folder).end) == len(whole)
    assert len(list(Walk(folder))) == 4


def test_a_place_where_no_frame_begins_is_named(folder: Path) -> None:
    segment = load_segment(folder, 1)
    assert segment.whole(HEADER_BYTES + 8) is None
    with pytest.raises(Damaged, match=rf"{segment.name} at byte {HEADER_BYTES + 8}"):
        segment.frame(HEADER_BYTES + 8)


def test_a_mark_that_cannot_be_read_is_damage(folder: Path) -> None:
    (folder / "HEAD").write_bytes(bytes(MARK_BYTES))
    with pytest.raises(Damaged, match="HEAD"):
        read_mark(folder)


def test_a_folder_without_a_log_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no audit log"):
        read_mark(tmp_path)
