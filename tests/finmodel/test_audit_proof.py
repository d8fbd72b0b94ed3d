from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from finmodel.audit import Anchor, AuditLog, anchor, scan, verify
from finmodel.audit_segments import Walk, segment_name
from finmodel.clock import StandingClock, parse_time
from finmodel.errors import BadInput, Damaged, NotFound
from finmodel.signing import ensure_key, sign_bytes, verify_bytes
from finmodel.vault import Vault

NOON = parse_time("2026-03-01T12:00:00+08:00")
again_and_again = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@contextmanager
def begun(folder: Path, *, segment_bytes: int = 1 << 20) -> Iterator[AuditLog]:
    """A new log in `folder`, its vault beside it."""
    with (
        closing(Vault(folder.parent / "keys" / "keys.db")) as vault,
        closing(
            AuditLog(folder, vault, StandingClock(NOON), False, segment_bytes=segment_bytes)
        ) as log,
    ):
        yield log


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A closed log of 60 entries in several segments."""
    folder = tmp_path_factory.mktemp("log") / "audit"
    with begun(folder, segment_bytes=3072) as log:
        for i in range(60):
            kind = "decision" if i % 3 else "score"
            log.append(kind, {"i": i}, columns={"x": np.arange(4, dtype=np.float32) + i})
    return folder


@pytest.fixture
def copy(written: Path, tmp_path: Path) -> Callable[[], Path]:
    """Makes a fresh copy of the log to spoil."""
    made = 0

    def fresh() -> Path:
        nonlocal made
        made += 1
        return shutil.copytree(written, tmp_path / f"copy{made}")

    return fresh


def segments(folder: Path) -> list[Path]:
    return sorted(folder.glob("audit-*.log"))


def frames(folder: Path, number: int) -> list[tuple[int, int]]:
    """Where each frame of a segment begins and ends."""
    steps = [step for step in Walk(folder) if step.segment.header.number == number]
    return [(step.offset, step.offset + step.head.length) for step in steps]


def test_a_whole_log_is_counted(written: Path) -> None:
    verified = verify(written)
    assert verified.counts == {"score": 20, "decision": 40}
    assert (verified.entries, verified.torn) == (60, 0)
    assert verified.first == verified.last == NOON
    assert verified.segments == len(segments(written)) == 3
    assert verified.size == sum(path.stat().st_size for path in segments(written))
    assert verified.anchor == anchor(written)
    assert verified.head == anchor(written).digest


@again_and_again
@given(data=st.data())
def test_a_flipped_bit_anywhere_shows(copy: Callable[[], Path], data: st.DataObject) -> None:
    folder = copy()
    path = data.draw(st.sampled_from([*segments(folder), folder / "HEAD"]))
    bit = data.draw(st.integers(0, path.stat().st_size * 8 - 1))
    changed = bytearray(path.read_bytes())
    changed[bit // 8] ^= 1 << bit % 8
    path.write_bytes(changed)
    with pytest.raises(Damaged, match=path.name):
        verify(folder)


@again_and_again
@given(data=st.data())
def test_a_removed_frame_shows(copy: Callable[[], Path], data: st.DataObject) -> None:
    folder = copy()
    number = data.draw(st.integers(1, len(segments(folder))))
    start, end = data.draw(st.sampled_from(frames(folder, number)))
    path = folder / segment_name(number)
    whole = path.read_bytes()
    path.write_bytes(whole[:start] + whole[end:])
    # A segment's last frame is missed where the next segment begins.
    with pytest.raises(Damaged, match=r"audit-\d+\.log at byte"):
        verify(folder)


@again_and_again
@given(data=st.data())
def test_two_swapped_frames_show(copy: Callable[[], Path], data: st.DataObject) -> None:
    folder = copy()
    one, two = sorted(
        data.draw(st.lists(st.sampled_from(frames(folder, 2)), min_size=2, max_size=2, unique=True))
    )
    path = folder / segment_name(2)
    whole = path.read_bytes()
    parts = whole[: one[0]], whole[slice(*two)], whole[one[1] : two[0]], whole[slice(*one)]
    path.write_bytes(b"".join(parts) + whole[two[1] :])
    with pytest.raises(Damaged, match=path.name):
        verify(folder)


@again_and_again
@given(data=st.data())
def test_a_removed_segment_shows(copy: Callable[[], Path], data: st.DataObject) -> None:
    folder = copy()
    data.draw(st.sampled_from(segments(folder))).unlink()
    with pytest.raises(Damaged, match="audit-"):
        verify(folder)


def test_two_swapped_segments_show(copy: Callable[[], Path]) -> None:
    folder = copy()
    one, two, *_ = segments(folder)
    one.rename(folder / "aside")
    two.rename(one)
    (folder / "aside").rename(two)
    with pytest.raises(Damaged, match=one.name):
        verify(folder)


def test_a_segment_of_another_log_shows(copy: Callable[[], Path], tmp_path: Path) -> None:
    folder, other = copy(), tmp_path / "other"
    with begun(other):
        pass
    shutil.copy(other / segment_name(1), folder / segment_name(1))
    with pytest.raises(Damaged, match=segment_name(1)):
        verify(folder)


@again_and_again
@given(data=st.data())
def test_a_cut_end_shows_by_the_mark(copy: Callable[[], Path], data: st.DataObject) -> None:
    folder = copy()
    path = data.draw(st.sampled_from(segments(folder)))
    size = path.stat().st_size
    ends = [end for _, end in frames(folder, int(path.stem[-6:]))]
    cut = data.draw(st.one_of(st.integers(0, size - 1), st.sampled_from(ends[:-1] or [0])))
    with path.open("r+b") as file:
        file.truncate(cut)
    with pytest.raises(Damaged):
        verify(folder)


def test_a_missing_mark_shows(copy: Callable[[], Path]) -> None:
    folder = copy()
    (folder / "HEAD").unlink()
    with pytest.raises(Damaged, match="HEAD"):
        verify(folder)


def set_back(folder: Path, kept: Path) -> None:
    """Cut a log to an earlier state, its mark with it, as somebody who may write could."""
    for path in segments(folder):
        earlier = kept / path.name
        if earlier.exists():
            shutil.copy(earlier, path)
        else:
            path.unlink()
    shutil.copy(kept / "HEAD", folder / "HEAD")


def test_only_an_anchor_shows_an_end_cut_off_on_purpose(tmp_path: Path) -> None:
    folder, kept = tmp_path / "audit", tmp_path / "kept"
    with begun(folder) as log:
        log.append("decision", {"i": 0})
        early = anchor(folder)
        shutil.copytree(folder, kept)
        log.append("decision", {"i": 1})
    late = anchor(folder)
    assert verify(folder, [early, late]).entries == 2

    set_back(folder, kept)
    assert verify(folder, [early]).entries == 1
    with pytest.raises(Damaged, match="ends before the anchor"):
        verify(folder, [late])


def test_an_anchor_shows_a_log_written_anew(written: Path, tmp_path: Path) -> None:
    with begun(tmp_path / "audit") as log:
        for i in range(20):
            log.append("decision", {"i": i})
    with pytest.raises(Damaged, match="another log"):
        verify(tmp_path / "audit", [anchor(written)])
    forged = Anchor(anchor(tmp_path / "audit").log, 1, 400, anchor(written).digest)
    with pytest.raises(Damaged, match="rewritten"):
        verify(tmp_path / "audit", [forged])


def test_an_anchor_is_signed_kept_and_read_again(written: Path, tmp_path: Path) -> None:
    ensure_key(tmp_path / "keys")
    kept = anchor(written).to_json()
    signature = sign_bytes(kept, tmp_path / "keys", context="audit anchor")
    verify_bytes(kept, signature, tmp_path / "keys", context="audit anchor")
    assert verify(written, [Anchor.from_json(kept)]).entries == 60
    with pytest.raises(BadInput):
        Anchor.from_json(b"{}")


def test_there_is_nothing_to_verify_where_no_log_is(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        verify(tmp_path / "none")
    with pytest.raises(NotFound):
        list(scan(tmp_path / "none"))
