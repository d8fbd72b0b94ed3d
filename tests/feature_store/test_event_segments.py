"""A frame is whole or it is not there; what a crash leaves is told from damage."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feature_store.event_segments import Frame, append_frame, cut_tail, segments, walk
from finmodel.errors import Damaged, NoRoom
from tests.full_disk import room

FRAMES = [Frame(0, 2, b"one\ntwo\n"), Frame(2, 1, b"three\n"), Frame(3, 1, b"\0\0four\0\n")]


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "topic" / "0" / f"{0:020}.log"
    for frame in FRAMES:
        append_frame(path, frame)
    return path


def ends(path):
    """Where each frame ends, by writing them one after another."""
    found = []
    for frame in FRAMES:
        append_frame(path, frame)
        found.append(path.stat().st_size)
    return found


def test_frames_come_back_in_order(path):
    assert list(walk(path, is_last=True)) == FRAMES
    assert list(walk(path, is_last=False)) == FRAMES
    assert segments(path.parent) == [path]
    assert cut_tail(path) == 0


def test_a_tail_cut_at_any_byte_is_not_seen_and_is_cut_off(path, tmp_path):
    whole, places = path.read_bytes(), ends(tmp_path / "a" / "b" / "c.log")
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        kept = sum(place <= size for place in places)
        assert list(walk(path, is_last=True)) == FRAMES[:kept]
        assert cut_tail(path) == size - ([0, *places][kept])
        append_frame(path, Frame(9, 1, b"next\n"))
        assert list(walk(path, is_last=True)) == [*FRAMES[:kept], Frame(9, 1, b"next\n")]
    assert len(whole) > 90


def test_a_tail_that_was_not_flushed_is_torn(path, tmp_path):
    whole, places = path.read_bytes(), ends(tmp_path / "a" / "b" / "c.log")
    for kept, place in enumerate(places[:-1], start=1):
        path.write_bytes(whole[:place] + bytes(5000))
        assert list(walk(path, is_last=True)) == FRAMES[:kept]
        assert cut_tail(path) == 5000


@settings(max_examples=60)
@given(st.data())
def test_a_changed_byte_before_the_last_frame_is_damage(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("s") / "t" / "0" / "0.log"
    places = ends(path)
    changed = bytearray(path.read_bytes())
    changed[data.draw(st.integers(0, places[1] - 1))] ^= data.draw(st.integers(1, 255))
    path.write_bytes(changed)
    with pytest.raises(Damaged, match="byte"):
        list(walk(path, is_last=True))
    with pytest.raises(Damaged):
        cut_tail(path)
    assert path.read_bytes() == changed


def test_a_torn_tail_before_the_last_segment_is_damage(path):
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(Damaged, match="restore"):
        list(walk(path, is_last=False))


def test_a_full_disk_leaves_nothing_half_written(path):
    before = path.read_bytes()
    with room(len(before) + 20), pytest.raises(NoRoom, match="make room"):
        append_frame(path, Frame(4, 1, b"x" * 1000))
    assert path.read_bytes() == before
    append_frame(path, Frame(4, 1, b"fits\n"))
    assert list(walk(path, is_last=True)) == [*FRAMES, Frame(4, 1, b"fits\n")]
