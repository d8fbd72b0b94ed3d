"""Starts the decision service as a child, waits until it is ready, and ends all that it began.

Comes in: settings. Goes out: a running service on the loopback address, and an exit that leaves no
process behind. Knows nothing about decisions.
"""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from finmodel.errors import BadInput, NotReady
from finmodel.settings import Settings
from serving.watch import watch_aliases

START_SECONDS = 90
STOP_SECONDS = 15


def serve(settings: Settings, announce: Callable[[], None] | None = None) -> None:
    """Serve until Ctrl-C or SIGTERM; `announce` is called once the service answers."""
    require_free_port(settings)
    log = settings.home / "service.log"
    with _terminate_on_sigterm(), _service(settings, log) as child:
        _wait_until_ready(settings, child, log)
        if announce:
            announce()
        stop = threading.Event()
        watcher = threading.Thread(target=watch_aliases, args=(settings, stop), daemon=True)
        watcher.start()
        try:
            if child.wait():
                raise NotReady("the service ended by itself", where=str(log), remedy=_tail(log))
        finally:
            stop.set()


def require_free_port(settings: Settings) -> None:
    """Refuse early, in one sentence, where somebody else listens."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            raise BadInput(
                f"the port cannot be used ({error.strerror})",
                where=f"{settings.host}:{settings.port}",
                remedy="end what uses it, or choose another: FINMODEL_PORT=3001",
            ) from error


@contextmanager
def _service(settings: Settings, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [
        *(sys.executable, "-m", "bentoml", "serve", "serving.decisions:Decisions"),
        *("--host", settings.host, "--port", str(settings.port)),
    ]
    with log.open("ab") as out:
        child = subprocess.Popen(
            command,
            stdout=out,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,  # its own group: one signal reaches all that it starts
            env=settings.child_env(),
            cwd=Path(__file__).resolve().parent.parent,
        )
    try:
        yield child
    finally:
        _end_group(child)


def _end_group(child: subprocess.Popen[bytes]) -> None:
    """Ask the whole group to stop, then insist."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(child.pid, sign)
        except ProcessLookupError:
            break
        try:
            child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            continue
        if not _group_lives(child.pid):
            break


def _group_lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def _wait_until_ready(settings: Settings, child: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if child.poll() is not None:
            break
        if _is_ready(settings):
            return
        time.sleep(0.1)
    raise NotReady("the service did not start", where=str(log), remedy=_tail(log))


def _is_ready(settings: Settings) -> bool:
    connection = http.client.HTTPConnection(settings.host, settings.port, timeout=2)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except OSError:  # not listening yet
        return False
    finally:
        connection.close()


def _tail(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    return "its last words: " + (" | ".join(lines[-4:]) or "none")


@contextmanager
def _terminate_on_sigterm() -> Iterator[None]:
    """SIGTERM unwinds like Ctrl-C, so that the child is ended in both cases."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
