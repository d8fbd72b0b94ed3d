from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from finmodel.audit import find, scan, verify
from finmodel.audit_format import Draft, pack_columns
from finmodel.audit_segments import Walk, segment_name
from finmodel.audit_tail import Tail
from finmodel.clock import StandingClock, parse_time
from finmodel.errors import Damaged, NoRoom, NotFound
from tests.full_disk import room

CLOCK = StandingClock(parse_time("2026-03-01T12:00:00+08:00"))
FIRST = segment_name(1)
again_and_again = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def draft(body: bytes = b"\x80", kind: str = "decision") -> Draft:
    """An entry whose body is an empty dictionary, unless told otherwise."""
    return Draft(pack_columns(kind, None)[0], 0, b"", body)


@contextmanager
def tail(folder: Path, *, sync: bool = False, segment_bytes: int = 1 << 20) -> Iterator[Tail]:
    with closing(Tail(folder, CLOCK, sync=sync, segment_bytes=segment_bytes)) as opened:
        yield opened


def ids(folder: Path) -> list[str]:
    return [entry.id for entry in scan(folder)]


def two_groups(folder: Path) -> tuple[list[str], int, bytes]:
    """Write two groups. The first one's ids, and the size and the mark before the second."""
    with tail(folder) as log:
        first = log.commit([draft(), draft()])
        before = (folder / FIRST).stat().st_size, (folder / "HEAD").read_bytes()
        log.commit([draft(kind="score"), draft(), draft()])
    return first, *before


@again_and_again
@given(st.integers(0, 700), st.binary(max_size=50))
def test_a_torn_end_is_cut_and_nothing_before_it(tmp_path: Path, half: int, garbage: bytes) -> None:
    folder = tmp_path / os.urandom(8).hex()
    first, size, mark = two_groups(folder)
    path = folder / FIRST
    whole = path.read_bytes()
    # As a crash leaves it: some of the second group in the file, and the mark not yet moved.
    path.write_bytes(whole[: size + half] + garbage)
    (folder / "HEAD").write_bytes(mark)

    there = ids(folder)
    assert there[:2] == first
    assert verify(folder).torn == path.stat().st_size - verify(folder).size
    with tail(folder) as log:
        assert ids(folder) == there
        there += log.commit([draft()])
    assert ids(folder) == there
    assert verify(folder).torn == 0


@again_and_again
@given(st.integers(0, 699), st.integers(0, 7))
def test_a_torn_page_in_the_middle_of_the_last_group_is_cut(
    tmp_path: Path, at: int, bit: int
) -> None:
    folder = tmp_path / os.urandom(8).hex()
    first, size, mark = two_groups(folder)
    path = folder / FIRST
    torn = bytearray(path.read_bytes())
    torn[size + at % (len(torn) - size)] ^= 1 << bit
    path.write_bytes(torn)
    (folder / "HEAD").write_bytes(mark)
    with tail(folder) as log:
        last = log.commit([draft()])
    there = ids(folder)
    assert (there[:2], there[-1:]) == (first, last)


@again_and_again
@given(st.data())
def test_a_damaged_middle_is_never_cut(tmp_path: Path, data: st.DataObject) -> None:
    folder = tmp_path / os.urandom(8).hex()
    with tail(folder) as log:
        log.commit([draft()])
        mark = (folder / "HEAD").read_bytes()
        middle = (folder / FIRST).stat().st_size
        log.commit([draft(), draft()])
        end = (folder / FIRST).stat().st_size
        log.commit([draft()])
    path = folder / FIRST
    whole = bytearray(path.read_bytes())
    whole[data.draw(st.integers(middle, end - 1))] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(whole)
    # Even where a power cut has set the mark back: the third group proves the second was synced.
    (folder / "HEAD").write_bytes(mark)
    with pytest.raises(Damaged, match=FIRST), tail(folder):
        pass
    with pytest.raises(Damaged, match=FIRST):
        verify(folder)
    assert path.read_bytes() == whole


def test_an_end_that_was_acknowledged_and_is_gone_is_damage(tmp_path: Path) -> None:
    _, size, _ = two_groups(tmp_path)
    os.truncate(tmp_path / FIRST, size)
    with pytest.raises(Damaged, match="acknowledged"), tail(tmp_path):
        pass


def test_a_segment_that_is_full_is_followed_by_another(tmp_path: Path) -> None:
    with tail(tmp_path, segment_bytes=2048) as log:
        there = [log.commit([draft(), draft()]) for _ in range(20)]
    with tail(tmp_path, segment_bytes=2048) as log:
        there.append(log.commit([draft()]))
    flat = [name for group in there for name in group]
    assert ids(tmp_path) == flat
    assert {name[:7] for name in flat} == {
        f"a{n:06d}" for n in range(1, verify(tmp_path).segments + 1)
    }
    assert all((tmp_path / segment_name(n)).stat().st_size <= 2048 for n in (1, 2, 3))


def test_an_entry_larger_than_a_segment_gets_one_of_its_own(tmp_path: Path) -> None:
    with tail(tmp_path, segment_bytes=2048) as log:
        log.commit([draft()])
        [name] = log.commit([draft(b"\xc5\x20\x00" + bytes(8192))])
        log.commit([draft()])
    assert name.startswith("a000002")
    assert verify(tmp_path).entries == 3


def test_a_crash_between_a_new_segment_and_the_mark_loses_nothing(tmp_path: Path) -> None:
    with tail(tmp_path, segment_bytes=2048) as log:
        there = []
        while not (tmp_path / segment_name(2)).exists():
            mark = (tmp_path / "HEAD").read_bytes()
            there += log.commit([draft()])
    (tmp_path / "HEAD").write_bytes(mark)
    assert verify(tmp_path).entries == len(there)
    with tail(tmp_path, segment_bytes=2048) as log:
        there += log.commit([draft()])
    assert ids(tmp_path) == there


def test_two_tails_of_one_folder_take_turns(tmp_path: Path) -> None:
    with tail(tmp_path, segment_bytes=4096) as one, tail(tmp_path, segment_bytes=4096) as two:
        there = [
            name for _ in range(30) for log in (one, two, two) for name in log.commit([draft()])
        ]
    assert ids(tmp_path) == there
    assert verify(tmp_path).segments > 2


def test_a_tail_cuts_what_another_left_half_written(tmp_path: Path) -> None:
    with tail(tmp_path) as log:
        there = log.commit([draft()])
        with tail(tmp_path) as killed:
            killed._lock.unfinished = True
            os.pwrite(killed._segment, b"half a frame", (tmp_path / FIRST).stat().st_size)
        there += log.commit([draft()])
    assert ids(tmp_path) == there
    assert verify(tmp_path).torn == 0


def test_a_group_that_another_tail_left_whole_is_kept(tmp_path: Path) -> None:
    with tail(tmp_path) as log:
        there = log.commit([draft()])
        mark = (tmp_path / "HEAD").read_bytes()
        with tail(tmp_path) as killed:
            there += killed.commit([draft()])
            killed._lock.unfinished = True
        (tmp_path / "HEAD").write_bytes(mark)
        there += log.commit([draft()])
    assert ids(tmp_path) == there


def die(*_: object) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return 0


def half_written(data: list[memoryview], file: int, at: int) -> int:
    os.pwrite(file, data[0][:90], at)
    return die()


def killed(folder: Path, point: str) -> None:
    """Write one group, then die at a point of the second."""
    log = Tail(folder, CLOCK, sync=True, segment_bytes=1024)
    log.commit([draft()])
    if point == "half-way through the write":
        os.pwritev = lambda file, data, at, _: half_written(data, file, at)  # type: ignore[assignment]
    if point == "between the write and the mark":
        os.pwrite = die  # type: ignore[assignment]
    if point == "between a new segment and the mark":
        Tail._use = die  # type: ignore[assignment, method-assign]
    log.commit([draft() for _ in range(8 if "segment" in point else 2)])


@pytest.mark.parametrize(
    ("point", "kept"),
    [
        ("half-way through the write", 1),
        ("between the write and the mark", 3),
        ("between a new segment and the mark", 1),
    ],
)
@pytest.mark.parametrize("reopened", [True, False])
def test_a_writer_killed_at_any_point_leaves_a_log_to_go_on_with(
    tmp_path: Path, point: str, kept: int, reopened: bool
) -> None:
    with tail(tmp_path, segment_bytes=1024) as survivor:
        there = survivor.commit([draft()])
        process = multiprocessing.get_context("fork").Process(target=killed, args=(tmp_path, point))
        process.start()
        process.join()
        assert process.exitcode == -signal.SIGKILL
        assert ids(tmp_path)[:1] == there
        assert verify(tmp_path).entries == 1 + kept
        if not reopened:
            survivor.commit([draft()])
    with tail(tmp_path, segment_bytes=1024) as log:
        last = log.commit([draft()])
    assert ids(tmp_path)[-1:] == last
    assert verify(tmp_path).entries == 1 + kept + (1 if reopened else 2)
    assert verify(tmp_path).torn == 0


def test_shapes_are_told_once_in_each_segment(tmp_path: Path) -> None:
    with tail(tmp_path, segment_bytes=2048) as log:
        for _ in range(30):
            log.commit([draft(), draft(kind="score")])
    told = [step.segment.header.number for step in Walk(tmp_path) if step.head.type == 1]
    assert sorted(told) == sorted(2 * list(range(1, verify(tmp_path).segments + 1)))


def alone(work: Callable[[Path], None], folder: Path) -> None:
    """Run in a process of its own, whose limits are its own."""
    process = multiprocessing.get_context("fork").Process(target=work, args=(folder,))
    process.start()
    process.join()
    assert process.exitcode == 0


def full_in_a_group(folder: Path) -> None:
    with tail(folder, sync=True) as log:
        log.commit([draft()])
        size = (folder / FIRST).stat().st_size
        with room(size + 500):
            for _ in range(2):
                with pytest.raises(NoRoom):
                    log.commit([draft() for _ in range(20)])
                assert (folder / FIRST).stat().st_size == size
                assert verify(folder).entries == 1
        log.commit([draft(), draft()])
    assert verify(folder).entries == 3


def full_at_a_new_segment(folder: Path) -> None:
    with tail(folder, segment_bytes=1024) as log:
        while (folder / FIRST).stat().st_size < 800:
            log.commit([draft()])
        before = verify(folder).entries
        with room(50), pytest.raises(NoRoom):
            log.commit([draft() for _ in range(5)])
        assert not list(folder.glob(".*"))
        log.commit([draft() for _ in range(5)])
    assert verify(folder).entries == before + 5
    assert verify(folder).segments == 2


@pytest.mark.parametrize("work", [full_in_a_group, full_at_a_new_segment])
def test_a_full_disk_leaves_nothing_half_written_and_the_log_usable(
    tmp_path: Path, work: Callable[[Path], None]
) -> None:
    alone(work, tmp_path)


def test_a_log_that_only_began_is_begun_again(tmp_path: Path) -> None:
    with tail(tmp_path):
        pass
    (tmp_path / "HEAD").unlink()
    with tail(tmp_path) as log:
        [name] = log.commit([draft()])
    assert find(tmp_path, name).kind == "decision"


def test_a_log_without_its_mark_is_not_begun_again(tmp_path: Path) -> None:
    two_groups(tmp_path)
    (tmp_path / "HEAD").unlink()
    with pytest.raises(Damaged, match="HEAD"), tail(tmp_path):
        pass


def test_the_folder_is_for_its_owner_alone(tmp_path: Path) -> None:
    with tail(tmp_path / "new" / "audit"):
        pass
    made = [tmp_path / "new" / "audit", *(tmp_path / "new" / "audit").iterdir()]
    assert [path.stat().st_mode & 0o077 for path in made] == [0] * 4


def test_an_id_of_another_log_is_not_found(tmp_path: Path) -> None:
    first, _, _ = two_groups(tmp_path / "one")
    second, _, _ = two_groups(tmp_path / "two")
    assert [name[:16] for name in first] == [name[:16] for name in second]
    for name in first:
        with pytest.raises(NotFound):
            find(tmp_path / "two", name)
