"""Small files put together: the same events, also where it is killed between its steps."""

import signal
import subprocess
import sys

import pytest

from feature_store import archive_compaction
from feature_store.archive import archive_log
from feature_store.archive_compaction import compact
from feature_store.archive_files import files_of, passed_over
from feature_store.archive_key import Archive
from feature_store.event_log import FileEventLog
from finmodel.durable import held_alone
from finmodel.errors import FinmodelError, NotReady
from tests.feature_store.test_archive import KEY, LOGIN, archived, assert_each_once, login

FILES = 20


@pytest.fixture
def log(tmp_path) -> FileEventLog:
    """A hundred logins of a few customers."""
    with FileEventLog(tmp_path / "log", partitions=2, write=True) as log:
        for start in range(0, 100, 5):
            log.append(LOGIN, [login(n % 7, n) for n in range(start, start + 5)])
    return FileEventLog(tmp_path / "log")


@pytest.fixture
def small(log, tmp_path, monkeypatch) -> Archive:
    """The log archived, a file for each append."""
    ours = Archive(tmp_path / "archive", KEY)
    monkeypatch.setattr("feature_store.archive.FILE_EVENTS", 1)
    archive_log(log, ours, at_least=1)
    assert len(files_of(ours.folder / LOGIN)) > FILES
    return ours


def test_small_files_become_one_with_the_same_events(log, small):
    before = archived(small.folder, LOGIN)
    fewer = compact(small)
    after = files_of(small.folder / LOGIN)
    assert len(after) == log.partitions
    assert fewer > FILES
    assert len(list((small.folder / LOGIN).glob("*.parquet"))) == log.partitions
    assert archived(small.folder, LOGIN).equals(before)
    assert compact(small) == 0
    assert sum(one.events for one in archive_log(log, small, at_least=1)) == 0


def test_a_file_stays_within_its_size_and_few_files_stay_as_they_are(log, small, monkeypatch):
    before = archived(small.folder, LOGIN)
    monkeypatch.setattr(archive_compaction, "FILE_EVENTS", 30)
    monkeypatch.setattr(archive_compaction, "AT_ONCE", 4)
    compact(small)
    sizes = [one.end - one.first for one in files_of(small.folder / LOGIN)]
    assert max(sizes) <= 30
    assert 4 <= len(sizes) <= 12
    assert archived(small.folder, LOGIN).equals(before)
    monkeypatch.setattr(archive_compaction, "AT_ONCE", 50)
    assert compact(small) == 0


CRASH = """
import os, signal, sys
from pathlib import Path

from feature_store import archive_compaction
from feature_store.archive_key import Archive

left, unlink = [int(sys.argv[2])], Path.unlink

def crashing(path, *more, **words):
    if path.suffix == ".parquet":
        left[0] -= 1
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)
    unlink(path, *more, **words)

Path.unlink = crashing
archive_compaction.compact(Archive(Path(sys.argv[1]), bytes(range(32))))
"""


def test_killed_before_all_that_it_replaced_is_gone_readers_take_the_wider(log, small):
    command = [sys.executable, "-c", CRASH, str(small.folder), "3"]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert len(passed_over(small.folder / LOGIN)) > 2
    assert_each_once(small.folder, log)
    compact(small)
    assert passed_over(small.folder / LOGIN) == []
    assert_each_once(small.folder, log)


def test_it_waits_for_who_archives(small):
    lock = small.folder / LOGIN / ".00001.lock"
    with held_alone(lock, FinmodelError("busy")), pytest.raises(NotReady, match="another process"):
        compact(small)


def test_an_archive_without_files_stays_empty(tmp_path):
    assert compact(Archive(tmp_path, KEY)) == 0
