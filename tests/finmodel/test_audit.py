from __future__ import annotations

import asyncio
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import finmodel.audit
from finmodel.audit import AuditLog, find, scan, verify
from finmodel.clock import SystemClock
from finmodel.errors import BadInput, Damaged, FinmodelError, NoRoom, NotReady
from finmodel.vault import Vault

# What one writer does in the tests with real processes: three tasks at a time, each waiting for
# its entry; an entry's id is printed once it was acknowledged.
WRITER = """
import asyncio, os, sys
from pathlib import Path
from finmodel.audit import AuditLog
from finmodel.clock import SystemClock
from finmodel.vault import Vault

folder, name = Path(sys.argv[1]), sys.argv[2]
log = AuditLog(folder / "audit", Vault(folder / "keys.db"), SystemClock(), segment_bytes=16384)

async def work(task):
    for i in range(int(sys.argv[3])):
        entry = await log.append_async(
            "decision", {"by": name, "task": task, "i": i, "pad": "x" * (i % 50)},
            columns={"score": i / 7}, personal={"i": i}, subject=f"{name}-{task}-{i}")
        os.write(1, f"{entry} {task} {i}\\n".encode())

async def main():
    await asyncio.gather(*[work(task) for task in range(3)])

asyncio.run(main())
log.close()
"""


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    with closing(Vault(tmp_path / "keys.db")) as opened:
        yield opened


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "audit"


@pytest.fixture
def log(folder: Path, vault: Vault) -> Iterator[AuditLog]:
    with closing(AuditLog(folder, vault, SystemClock())) as opened:
        yield opened


def start_writer(folder: Path, name: str, entries: int) -> subprocess.Popen[bytes]:
    arguments = [sys.executable, "-c", WRITER, str(folder), name, str(entries)]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE)


def acknowledged(printed: bytes) -> list[list[str]]:
    """Id, task and number of each entry that a writer was told is durable."""
    return [line.split() for line in printed.decode().splitlines() if line.count(" ") == 2]


def test_several_processes_write_one_log_and_each_entry_is_found(tmp_path: Path) -> None:
    writers = {name: start_writer(tmp_path, name, 60) for name in ("service", "command", "other")}
    printed = {name: writer.communicate()[0] for name, writer in writers.items()}
    assert [writer.returncode for writer in writers.values()] == [0, 0, 0]
    verified = verify(tmp_path / "audit")
    assert verified.counts == {"decision": 3 * 3 * 60}
    assert verified.segments > 5
    with closing(Vault(tmp_path / "keys.db")) as vault:
        for name, lines in printed.items():
            assert len(acknowledged(lines)) == 3 * 60
            for entry_id, task, i in acknowledged(lines):
                entry = find(tmp_path / "audit", entry_id, vault)
                assert (entry.body["by"], entry.body["task"]) == (name, int(task))
                assert entry.personal == {"i": int(i)}


@pytest.mark.slow
def test_a_killed_process_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    chance, told = random.Random(7), []
    lasting = start_writer(tmp_path, "lasting", 200)
    victims = [start_writer(tmp_path, f"victim{n}", 100_000) for n in range(4)]
    for victim in victims:
        assert victim.stdout is not None
        told.append(victim.stdout.readline())
    for victim in victims:
        time.sleep(chance.uniform(0.02, 0.2))
        victim.send_signal(signal.SIGKILL)
        told.append(victim.communicate()[0])
        assert verify(tmp_path / "audit").entries > 0
    told.append(lasting.communicate()[0])
    assert [victim.returncode for victim in victims] == [-signal.SIGKILL] * 4
    assert lasting.returncode == 0
    lines = acknowledged(b"".join(told))
    with closing(Vault(tmp_path / "keys.db")) as vault:
        with closing(AuditLog(tmp_path / "audit", vault, SystemClock())):
            pass
        verified = verify(tmp_path / "audit")
        assert verified.torn == 0
        assert verified.entries >= len(lines) > 3 * 200 + 4
        there = {entry.id: entry.personal for entry in scan(tmp_path / "audit", vault=vault)}
    assert [there[entry_id] for entry_id, _, i in lines] == [{"i": int(i)} for _, _, i in lines]


def test_readers_work_beside_a_writer(tmp_path: Path) -> None:
    writer = start_writer(tmp_path, "service", 300)
    assert writer.stdout is not None
    first = writer.stdout.readline().decode().split()[0]
    seen = [0]
    while writer.poll() is None:
        seen.append(verify(tmp_path / "audit").entries)
        assert len(finmodel.audit.read_columns(tmp_path / "audit", "decision")["score"]) >= seen[-1]
        assert find(tmp_path / "audit", first).body["by"] == "service"
    assert seen == sorted(seen)
    assert len(set(seen)) > 3
    assert writer.wait() == 0


def test_tasks_that_wait_share_syncs(log: AuditLog, folder: Path) -> None:
    commits, commit = [], log._tail.commit

    def counted(drafts: Any) -> list[str]:
        commits.append(len(drafts))
        return commit(drafts)

    log._tail.commit = counted  # type: ignore[method-assign]

    async def main() -> list[str]:
        return await asyncio.gather(*[log.append_async("decision", {"i": i}) for i in range(200)])

    ids = asyncio.run(main())
    assert [find(folder, entry_id).body["i"] for entry_id in ids] == list(range(200))
    assert sum(commits) == 200
    assert len(commits) < 20


def test_threads_and_tasks_write_one_log(log: AuditLog, folder: Path) -> None:
    ids: list[str] = []

    def thread(name: str) -> None:
        ids.extend(log.append("decision", {"by": name}, subject=name) for _ in range(30))

    async def tasks() -> None:
        made = [log.append_async("score", {}, subject=f"c{i}") for i in range(50)]
        ids.extend(await asyncio.gather(*made))

    threads = [threading.Thread(target=thread, args=(f"t{n}",)) for n in range(4)]
    threads.append(threading.Thread(target=lambda: asyncio.run(tasks())))
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sorted(ids) == [entry.id for entry in scan(folder)]
    assert verify(folder).counts == {"decision": 120, "score": 50}


def test_a_full_disk_reaches_every_waiter_and_passes(
    log: AuditLog, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> int:
        raise OSError(28, "No space left on device")

    async def main() -> list[Any]:
        made = [log.append_async("decision", {}) for _ in range(5)]
        return await asyncio.gather(*made, return_exceptions=True)

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwritev", full)
        answers = asyncio.run(main())
        assert [type(answer) for answer in answers] == [NoRoom] * 5
        assert len({id(answer) for answer in answers}) == 5
        with pytest.raises(NoRoom, match="make room"):
            log.append("decision", {})
    assert verify(folder).entries == 0
    assert find(folder, log.append("decision", {})).kind == "decision"


def test_a_group_that_cannot_be_cut_back_stops_the_log(
    log: AuditLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: Any) -> int:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwritev", failing)
        patch.setattr(os, "ftruncate", failing)
        with pytest.raises(Damaged):
            log.append("decision", {})
    with pytest.raises(Damaged, match="half-written"):
        log.append("decision", {})


def test_keys_that_cannot_be_synced_are_not_acknowledged(
    log: AuditLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(_: int) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", failing)
        with pytest.raises(Damaged, match=r"keys\.db"):
            log.append("decision", {}, personal={"a": 1}, subject="c")
    with pytest.raises(Damaged, match=r"keys\.db"):
        log.append("decision", {}, personal={"a": 1}, subject="c")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_writer_that_dies_leaves_no_one_waiting(log: AuditLog) -> None:
    def die(_: Any) -> list[str]:
        raise ZeroDivisionError

    log._tail.commit = die  # type: ignore[method-assign]

    async def main() -> list[Any]:
        made = [log.append_async("decision", {}) for _ in range(5)]
        return await asyncio.gather(*made, return_exceptions=True)

    answers = asyncio.run(main())
    assert {type(answer) for answer in answers} <= {Damaged, NotReady}
    with pytest.raises(NotReady, match="closed"):
        log.append("decision", {})


def test_closing_writes_what_is_queued_and_then_refuses(folder: Path, vault: Vault) -> None:
    log = AuditLog(folder, vault, SystemClock())

    async def main() -> list[str]:
        waiting = [asyncio.ensure_future(log.append_async("decision", {})) for _ in range(50)]
        await asyncio.sleep(0)
        log.close()
        return await asyncio.gather(*waiting)

    assert sorted(asyncio.run(main())) == [entry.id for entry in scan(folder)]
    log.close()
    with pytest.raises(NotReady, match="closed"):
        log.append("decision", {})


def test_a_task_that_was_cancelled_disturbs_no_one(log: AuditLog, folder: Path) -> None:
    async def main() -> str:
        gone = asyncio.ensure_future(log.append_async("decision", {}))
        stays = asyncio.ensure_future(log.append_async("decision", {}))
        await asyncio.sleep(0)
        gone.cancel()
        return await stays

    assert find(folder, asyncio.run(main())).kind == "decision"


def test_a_loop_that_was_closed_disturbs_no_one(log: AuditLog, folder: Path) -> None:
    loop = asyncio.new_event_loop()
    held = log._tail.commit
    ready = threading.Event()

    def late(drafts: Any) -> list[str]:
        ready.wait(5)
        return held(drafts)

    log._tail.commit = late  # type: ignore[method-assign]
    task = loop.create_task(log.append_async("decision", {}))
    loop.run_until_complete(asyncio.sleep(0))
    task.cancel()
    loop.run_until_complete(asyncio.gather(task, return_exceptions=True))
    loop.close()
    ready.set()
    assert find(folder, log.append("score", {})).kind == "score"
    assert verify(folder).entries == 2


def test_a_child_that_was_forked_is_told_to_open_its_own(log: AuditLog) -> None:
    def child() -> None:
        try:
            log.append("decision", {})
        except NotReady:
            os._exit(7)

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    process.join(20)
    assert process.exitcode == 7


@pytest.mark.parametrize("body", [{"a": object()}, {"a": 1j}, {"a": 2**70}, {"a": np.zeros(2)}])
def test_what_cannot_be_written_is_refused_at_once(log: AuditLog, body: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match="JSON"):
        log.append("decision", body)


def test_an_entry_too_large_is_refused(log: AuditLog) -> None:
    with pytest.raises(BadInput, match="MiB"):
        log.append("score", {}, columns={"rows": np.zeros(3 << 20)})


def test_a_log_that_falls_far_behind_says_so(
    log: AuditLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finmodel.audit, "_QUEUE", 0)
    with pytest.raises(NotReady, match="behind"):
        log.append("decision", {})


def test_a_vault_that_fails_reaches_the_waiter(log: AuditLog, vault: Vault) -> None:
    vault.close()
    with pytest.raises(FinmodelError):
        log.append("decision", {}, subject="c")
    assert log.append("decision", {})
