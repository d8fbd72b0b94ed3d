from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from finmodel import audit_columns, audit_side, audit_since
from finmodel.audit import AuditLog, read_columns, scan
from finmodel.audit_format import FRAME_MAGIC
from finmodel.audit_segments import load_segment, segment_name
from finmodel.audit_side import SideLayout, pieces_of
from finmodel.audit_since import Place, entries_since
from finmodel.clock import StandingClock, parse_time
from finmodel.errors import BadInput, Damaged, NotFound
from finmodel.vault import Vault

NOON = parse_time("2026-03-01T12:00:00+08:00")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "audit"


@pytest.fixture
def opened(folder: Path) -> Iterator[Callable[[], AuditLog]]:
    """Opens the log once more, with segments of 4 KB."""
    logs: list[AuditLog] = []
    with closing(Vault(folder.parent / "keys.db")) as vault:

        def again() -> AuditLog:
            clock = StandingClock(NOON)
            logs.append(AuditLog(folder, vault, clock, False, segment_bytes=4096))
            return logs[-1]

        yield again
        for log in logs:
            log.close()


def test_columns_are_those_of_a_scan(opened: Callable[[], AuditLog], folder: Path) -> None:
    rng = np.random.default_rng(0)
    one, two = opened(), opened()
    for i in range(120):
        log = one if i % 3 else two
        columns = {
            "vector": rng.random(5, dtype=np.float32),
            "states": rng.integers(0, 4, 3).astype(np.uint8),
            "points": float(i),
            "i": i,
        }
        log.append("decision", {"pad": "x" * int(rng.integers(0, 40))}, columns=columns)
        log.append("score", {"i": i})
    stacked = read_columns(folder, "decision")
    entries = list(scan(folder, "decision"))
    assert len({entry.id[:7] for entry in entries}) > 3
    assert stacked["vector"].shape == (120, 5)
    assert stacked["vector"].flags.c_contiguous
    for name in ("vector", "states", "points", "i"):
        each = np.stack([entry.columns[name] for entry in entries])
        assert stacked[name].dtype == each.dtype
        assert stacked[name].tobytes() == each.tobytes()
    assert stacked["time_us"].tolist() == [entry.time_us for entry in entries]
    assert list(read_columns(folder, "score")) == ["time_us"]
    assert len(read_columns(folder, "score")["time_us"]) == 120


def test_columns_are_read_by_name(opened: Callable[[], AuditLog], folder: Path) -> None:
    opened().append("decision", {}, columns={"a": 1.0, "b": 2.0})
    assert read_columns(folder, "decision", ["b"]).keys() == {"time_us", "b"}
    with pytest.raises(BadInput, match="'c'"):
        read_columns(folder, "decision", ["c"])


def test_layouts_that_differ_share_what_they_share(
    opened: Callable[[], AuditLog], folder: Path
) -> None:
    log = opened()
    for i in range(60):
        width = 2 + i % 2
        log.append("decision", {}, columns={"vector": np.ones(width), "points": float(i)})
    with pytest.raises(BadInput, match="'vector'"):
        read_columns(folder, "decision")
    assert read_columns(folder, "decision", ["points"])["points"].tolist() == list(range(60))


def test_a_kind_that_never_happened_has_no_rows(
    opened: Callable[[], AuditLog], folder: Path
) -> None:
    opened().append("decision", {}, columns={"a": 1.0})
    assert [len(column) for column in read_columns(folder, "rollback").values()] == [0]
    with pytest.raises(NotFound):
        read_columns(folder.parent / "none", "decision")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)
@given(st.lists(st.integers(0, 3), min_size=1, max_size=20))
def test_a_body_that_looks_like_a_frame_misleads_no_one(
    opened: Callable[[], AuditLog], folder: Path, bait: list[int]
) -> None:
    log, before = opened(), 0
    if folder.exists():
        before = len(read_columns(folder, "decision", []).get("time_us", []))
    magic = np.frombuffer(FRAME_MAGIC * 16, np.uint8)
    for i in bait:
        log.append("decision", {"i": i}, columns={"bait": np.tile(magic, i + 1)})
    assert len(read_columns(folder, "decision", [])["time_us"]) == before + len(bait)


def test_a_frame_that_is_being_written_is_left_out(
    opened: Callable[[], AuditLog], folder: Path
) -> None:
    opened().append("decision", {}, columns={"a": 1.0})
    path = folder / segment_name(1)
    with path.open("ab") as file:
        file.write(path.read_bytes()[-130:-8])
    assert read_columns(folder, "decision")["a"].tolist() == [1.0]


def test_a_broken_length_is_damage(opened: Callable[[], AuditLog], folder: Path) -> None:
    log = opened()
    for _ in range(100):
        log.append("decision", {}, columns={"a": 1.0})
    path = folder / segment_name(1)
    whole = bytearray(path.read_bytes())
    whole[whole.index(FRAME_MAGIC, 500) + 4] ^= 8
    path.write_bytes(whole)
    with pytest.raises(Damaged, match=path.name):
        read_columns(folder, "decision")


LAYOUT = SideLayout("decision", ("code", "points"), (), "code")
READERS = {
    "columns": lambda folder: len(read_columns(folder, "decision")["points"]),
    "pieces": lambda folder: sum(map(len, pieces_of(folder, 1, LAYOUT))),
    "since": lambda folder: len(list(entries_since(folder, "decision", Place(1, 0)))),
}


@pytest.mark.parametrize("reader", READERS)
def test_what_is_acknowledged_while_a_segment_is_read_is_not_missed(
    opened: Callable[[], AuditLog], folder: Path, monkeypatch: pytest.MonkeyPatch, reader: str
) -> None:
    """A mark that was read after the bytes says of more than they hold."""
    log = opened()

    def decide() -> None:
        log.append("decision", {}, columns={"points": 1.0, "code": 0})

    def beside_a_writer(folder: Path, number: int) -> object:
        found = load_segment(folder, number)
        decide()
        return found

    decide()
    for module in (audit_columns, audit_side, audit_since):
        monkeypatch.setattr(module, "load_segment", beside_a_writer, raising=False)
    assert READERS[reader](folder) == 1
