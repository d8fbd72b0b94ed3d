from __future__ import annotations

import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from finmodel import audit_lock
from finmodel.audit_lock import WriterLock
from finmodel.errors import NotReady


def test_one_holder_at_a_time(tmp_path: Path) -> None:
    held, most = 0, 0

    def work() -> None:
        nonlocal held, most
        with closing(WriterLock(tmp_path / "LOCK")) as lock:
            for _ in range(20):
                with lock.held():
                    held += 1
                    most = max(most, held)
                    time.sleep(0.0001)
                    held -= 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1


def test_a_stuck_holder_stops_no_one_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_lock, "_PATIENCE_S", 0.05)
    with (
        closing(WriterLock(tmp_path / "LOCK")) as one,
        closing(WriterLock(tmp_path / "LOCK")) as two,
    ):
        with one.held(), pytest.raises(NotReady, match="LOCK"), two.held():
            pass
        with two.held():
            pass


def test_everyone_sees_that_a_writer_did_not_finish(tmp_path: Path) -> None:
    with (
        closing(WriterLock(tmp_path / "LOCK")) as one,
        closing(WriterLock(tmp_path / "LOCK")) as two,
    ):
        assert not two.unfinished
        one.unfinished = True
        assert two.unfinished
        two.unfinished = False
        assert not one.unfinished
