"""The newest part of a log: whole, torn, and broken where it was acknowledged."""

from contextlib import closing
from pathlib import Path

import pytest

from finmodel.audit_end import end_of_log
from finmodel.audit_format import Draft, pack_columns
from finmodel.audit_tail import Tail
from finmodel.clock import StandingClock, parse_time
from finmodel.errors import Damaged, NotFound

CLOCK = StandingClock(parse_time("2026-03-01T12:00:00+08:00"))


def log(folder: Path, entries: int, segment_bytes: int = 1 << 20) -> Path:
    shape = pack_columns("decision", None)[0]
    with closing(Tail(folder, CLOCK, sync=False, segment_bytes=segment_bytes)) as tail:
        for number in range(entries):
            tail.commit([Draft(shape, number * 1_000_000, b"", b"\x80")])
    return folder


def test_the_newest_entry_and_how_many_lie_beside_it(tmp_path):
    end = end_of_log(log(tmp_path / "audit", 3))
    assert (end.segments, end.entries) == (1, 3)
    assert end.newest == parse_time("1970-01-01T00:00:02+00:00")


def test_of_many_segments_the_last_alone_is_read(tmp_path):
    folder = log(tmp_path / "audit", 40, segment_bytes=1_024)
    end = end_of_log(folder)
    assert end.segments > 2
    assert end.newest == parse_time("1970-01-01T00:00:39+00:00")
    (folder / "audit-000001.log").write_bytes(b"")
    assert end_of_log(folder) == end


def test_a_bit_that_was_acknowledged_and_changed_is_found(tmp_path):
    folder = log(tmp_path / "audit", 3)
    path = folder / "audit-000001.log"
    data = bytearray(path.read_bytes())
    for place in (150, 300, len(data) - 1):
        path.write_bytes(bytes(data[:place]) + bytes([data[place] ^ 1]) + bytes(data[place + 1 :]))
        with pytest.raises(Damaged, match=r"audit-000001\.log at byte"):
            end_of_log(folder)
    path.write_bytes(bytes(data[:-8]))
    with pytest.raises(Damaged, match="missing"):
        end_of_log(folder)


def test_bytes_that_a_crash_left_are_no_damage(tmp_path):
    folder = log(tmp_path / "audit", 3)
    with (folder / "audit-000001.log").open("ab") as file:
        file.write(bytes(40))
    assert end_of_log(folder).entries == 3


def test_no_log_is_told(tmp_path):
    with pytest.raises(NotFound):
        end_of_log(tmp_path)
