"""Columns beside a segment against the entries of a scan, and what is done to them."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from finmodel.audit import AuditLog, find, scan
from finmodel.audit_entries import id_at
from finmodel.audit_side import (
    SideLayout,
    check_sides,
    make_side,
    pieces_of,
    segments_of,
    side_name,
)
from finmodel.clock import StandingClock, parse_time
from finmodel.errors import Damaged
from finmodel.vault import Vault

LAYOUT = SideLayout("decision", ("code", "vector", "points"), ("parts",), "code")
ENTRIES = 900


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    home = tmp_path_factory.mktemp("log")
    rng = np.random.default_rng(1)
    with closing(Vault(home / "keys.db")) as vault:
        clock = StandingClock(parse_time("2026-03-01T12:00:00+08:00"))
        log = AuditLog(home / "audit", vault, clock, False, segment_bytes=64 << 10, side=LAYOUT)
        for i in range(ENTRIES):
            columns = {
                "code": i % 3,
                "points": float(i),
                "vector": rng.random((6, 0, 5)[min(i % 7, 2)], dtype=np.float32),
                "parts": rng.random(7),
                "other": 1.0,
            }
            log.append("decision", {"third": i % 3}, columns=columns)
            log.append("other", {"i": i})
        log.close()
    return home / "audit"


def pieces(folder):
    return [piece for n in segments_of(folder) for piece in pieces_of(folder, n, LAYOUT)]


def test_pieces_hold_what_a_scan_finds_from_columns_and_from_rows(folder):
    numbers = segments_of(folder)
    assert len(numbers) > 4
    for number in numbers:
        make_side(folder, number, LAYOUT)
    sides = [n for n in numbers if (folder / side_name(n)).exists()]
    assert sides == numbers[:-1], "the last segment is not full"
    by_points = {}
    for piece in pieces(folder):
        assert set(piece.bodies) <= {0, 1, 2}
        assert all(body == {"third": code} for code, body in piece.bodies.items())
        for row in range(len(piece)):
            name = id_at(folder, piece.segment, int(piece.at[row]))
            by_points[float(piece.columns["points"][row])] = (name, piece, row)
    entries = list(scan(folder, "decision"))
    assert len(by_points) == len(entries) == ENTRIES
    for entry in entries:
        name, piece, row = by_points[float(entry.columns["points"])]
        assert name == entry.id
        assert find(folder, name).id == entry.id
        assert piece.columns["vector"][row].tobytes() == entry.columns["vector"].tobytes()
        assert piece.columns["code"][row] == entry.columns["code"]
        assert piece.columns["time_us"][row] == entry.time_us
        if row in piece.sample:
            place = np.searchsorted(piece.sample, row)
            assert piece.sampled["parts"][place].tobytes() == entry.columns["parts"].tobytes()
    drawn = sum(len(piece.sample) for piece in pieces(folder))
    assert 25 < drawn < 95  # one in 16 of 900, by chance


def test_the_writer_keeps_columns_itself_and_always_the_same_bytes(folder):
    number = segments_of(folder)[0]
    path = folder / side_name(number)
    for n in segments_of(folder):
        make_side(folder, n, LAYOUT)
    before = path.read_bytes()
    path.unlink()
    assert make_side(folder, number, LAYOUT)
    assert path.read_bytes() == before
    assert check_sides(folder, LAYOUT) == len(segments_of(folder)) - 1


def test_columns_that_were_altered_or_of_another_log_are_refused(folder):
    make_side(folder, 1, LAYOUT)
    make_side(folder, 2, LAYOUT)
    path, other = folder / side_name(1), folder / side_name(2)
    whole = path.read_bytes()
    try:
        for place in (3, 40, len(whole) // 2):
            path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
            with pytest.raises(Damaged, match=r"audit-000001\.side"):
                check_sides(folder, LAYOUT)
        path.write_bytes(whole[: len(whole) // 2])
        with pytest.raises(Damaged, match="does not hold"):
            pieces_of(folder, 1, LAYOUT)
        path.write_bytes(other.read_bytes())
        with pytest.raises(Damaged, match="of another segment"):
            pieces_of(folder, 1, LAYOUT)
        other_layout = LAYOUT._replace(whole=("code", "vector"))
        path.write_bytes(whole)
        with pytest.raises(Damaged, match="another layout"):
            pieces_of(folder, 1, other_layout)
    finally:
        path.write_bytes(whole)


def test_only_the_columns_that_are_named_are_read(folder):
    make_side(folder, 1, LAYOUT)
    for number in (1, segments_of(folder)[-1]):
        for piece in pieces_of(folder, number, LAYOUT, only=("points",)):
            assert set(piece.columns) == {"time_us", "points", "code"}
            assert not piece.sampled


def test_entries_from_before_codes_stand_each_for_itself(folder):
    layout = LAYOUT._replace(code="none", whole=("points",))
    found = pieces_of(folder, segments_of(folder)[-1], layout)
    assert sum(len(piece.bodies) for piece in found) == sum(map(len, found))
