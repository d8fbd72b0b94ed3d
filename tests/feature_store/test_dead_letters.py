"""Dead letters in files: whole, once, for the owner's eyes, and through crashes at any byte."""

import base64
import json
import os
import stat
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feature_store.dead_letters import DeadLetter, FileDeadLetters, count_dead, read_dead
from finmodel.errors import BadInput, Damaged, NoRoom, Refused
from tests.full_disk import room

LETTER = DeadLetter("core.repay", 2, 17, "missing: amount_minor", '{"姓名":1}\n'.encode(), b"7")
NOISE = DeadLetter("core.repay", 0, 18, "broken_bytes", b"\xff\x00\n{", None)
NOTHING = DeadLetter("core.repay", 0, 19, "tombstone", None, b"\xfe")
OTHER = DeadLetter("card.status.v1", 0, 17, "unknown_version: topic", b"{}")
ALL = [LETTER, NOISE, NOTHING, OTHER]


def by_place(letters):
    return sorted(letters, key=lambda one: (one.topic, one.offset))


def test_what_is_put_is_read_and_counted(tmp_path):
    folder = tmp_path / "home" / "dead_letters"
    assert FileDeadLetters(folder).put(ALL) == 4
    assert by_place(read_dead(folder)) == by_place(ALL)
    assert count_dead(read_dead(folder)) == {
        ("core.repay", "missing"): 1,
        ("core.repay", "broken_bytes"): 1,
        ("core.repay", "tombstone"): 1,
        ("card.status.v1", "unknown_version"): 1,
    }
    lines = (folder / "core.repay.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [
        {
            "partition": 2,
            "offset": 17,
            "reason": "missing: amount_minor",
            "key": "7",
            "value": '{"姓名":1}\n',
        },
        {
            "partition": 0,
            "offset": 18,
            "reason": "broken_bytes",
            "value_base64": base64.b64encode(b"\xff\x00\n{").decode(),
        },
        {"partition": 0, "offset": 19, "reason": "tombstone", "key_base64": "/g=="},
    ]


@given(st.lists(st.tuples(st.none() | st.binary(max_size=40), st.none() | st.binary(max_size=9))))
def test_any_bytes_come_back(tmp_path_factory, some):
    folder = tmp_path_factory.mktemp("dead")
    letters = [DeadLetter("t", 0, at, "empty", value, key) for at, (value, key) in enumerate(some)]
    FileDeadLetters(folder).put(letters)
    assert list(read_dead(folder)) == letters


def test_only_the_owner_may_read(tmp_path):
    old = os.umask(0)
    try:
        FileDeadLetters(tmp_path / "dead").put(ALL)
    finally:
        os.umask(old)
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "dead").iterdir()]
    assert modes == [0o600, 0o600]
    assert stat.S_IMODE((tmp_path / "dead").stat().st_mode) == 0o700
    assert "姓名" not in repr(LETTER)


def test_a_letter_put_again_is_kept_once(tmp_path):
    here, there = FileDeadLetters(tmp_path), FileDeadLetters(tmp_path)
    assert here.put([LETTER, LETTER, NOISE]) == 2
    assert here.put([LETTER]) == 0
    assert there.put(ALL) == 2, "another worker knows what the first has written"
    assert here.put(ALL) == 0, "and the first what the other has"
    assert FileDeadLetters(tmp_path).put(ALL) == 0, "after a crash too"
    assert by_place(read_dead(tmp_path)) == by_place(ALL)


def test_a_topic_made_anew_counts_from_0_and_loses_nothing(tmp_path):
    again = DeadLetter(LETTER.topic, LETTER.partition, LETTER.offset, "empty", b"")
    nothing = DeadLetter(LETTER.topic, LETTER.partition, LETTER.offset, "tombstone", None)
    letters = FileDeadLetters(tmp_path)
    assert [letters.put([one]) for one in (LETTER, again, nothing)] == [1, 1, 1]
    assert list(read_dead(tmp_path)) == [LETTER, again, nothing]


def test_a_file_that_was_put_away_is_begun_again(tmp_path):
    letters = FileDeadLetters(tmp_path)
    letters.put([LETTER, NOISE])
    (tmp_path / "core.repay.jsonl").rename(tmp_path / "core.repay.old")
    assert letters.put([NOTHING, LETTER]) == 2
    assert list(read_dead(tmp_path)) == [NOTHING, LETTER]


def test_a_crash_at_any_byte_leaves_no_half_line(tmp_path):
    FileDeadLetters(tmp_path).put([LETTER, NOISE, NOTHING])
    path = tmp_path / "core.repay.jsonl"
    whole = path.read_bytes()
    first = whole.index(b"\n") + 1
    for cut in range(first, len(whole)):
        path.write_bytes(whole[:cut])
        kept = whole[:cut].count(b"\n")
        assert list(read_dead(tmp_path)) == [LETTER, NOISE, NOTHING][:kept]
        assert FileDeadLetters(tmp_path).put([LETTER, NOISE, NOTHING]) == 3 - kept
        assert path.read_bytes() == whole


def test_a_kill_while_many_are_put_is_made_good(tmp_path):
    """A real process, killed in the middle; the same letters are put again."""
    code = (
        "import sys; from pathlib import Path\n"
        "from feature_store.dead_letters import *\n"
        "dead = FileDeadLetters(Path(sys.argv[1]))\n"
        "for n in range(10**6):\n"
        "    dead.put([DeadLetter('t', 0, n, 'empty', b'x' * 99) ])\n"
        "    print(n, flush=True)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code, tmp_path], stdout=subprocess.PIPE) as child:
        acknowledged = [int(child.stdout.readline()) for _ in range(20)][-1]
        child.kill()
    letters = [DeadLetter("t", 0, n, "empty", b"x" * 99) for n in range(acknowledged + 100)]
    assert len(list(read_dead(tmp_path))) > acknowledged
    FileDeadLetters(tmp_path).put(letters)
    found = list(read_dead(tmp_path))
    assert len(found) == len(set(found)) >= len(letters)


def test_two_processes_write_one_file(tmp_path):
    code = (
        "import sys; from pathlib import Path\n"
        "from feature_store.dead_letters import *\n"
        "dead = FileDeadLetters(Path(sys.argv[1]))\n"
        "for n in range(100):\n"
        "    dead.put([DeadLetter('t', p, n, 'empty', b'x') for p in (0, int(sys.argv[2]))])\n"
    )
    children = [subprocess.Popen([sys.executable, "-c", code, tmp_path, p]) for p in ("1", "2")]
    assert [child.wait(60) for child in children] == [0, 0]
    found = [(letter.partition, letter.offset) for letter in read_dead(tmp_path)]
    assert sorted(found) == [(p, n) for p in (0, 1, 2) for n in range(100)]


def test_a_broken_line_is_told_to_who_reads_and_stops_no_worker(tmp_path):
    FileDeadLetters(tmp_path).put([LETTER])
    with (tmp_path / "core.repay.jsonl").open("ab") as file:
        file.write(b"\0\0\0\n")
    assert FileDeadLetters(tmp_path).put([LETTER, NOISE]) == 1
    with pytest.raises(Damaged, match=r"core\.repay\.jsonl:2: the line does not hold"):
        list(read_dead(tmp_path))


@pytest.mark.parametrize("topic", ["../x", "a/b", "", "x" * 245, "a\n"])
def test_a_topic_leads_nowhere_else(tmp_path, topic):
    with pytest.raises(BadInput, match="no topic's name"):
        FileDeadLetters(tmp_path).put([DeadLetter(topic, 0, 0, "empty", b"")])
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_no_room_and_nothing_is_half_written(tmp_path):
    letters = FileDeadLetters(tmp_path)
    letters.put([LETTER])
    long = DeadLetter(LETTER.topic, 0, 0, "broken_bytes", b"x" * 10_000)
    with room(5_000), pytest.raises(NoRoom, match=r"core\.repay\.jsonl"):
        letters.put([long])
    assert list(read_dead(tmp_path)) == [LETTER]
    assert letters.put([long, NOISE]) == 2
    assert list(read_dead(tmp_path)) == [LETTER, long, NOISE]


def test_a_link_is_not_followed(tmp_path):
    (tmp_path / "other").touch()
    (tmp_path / "core.repay.jsonl").symlink_to(tmp_path / "other")
    with pytest.raises((Damaged, Refused)):
        FileDeadLetters(tmp_path).put([LETTER])
    assert (tmp_path / "other").read_bytes() == b""
