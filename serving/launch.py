"""Starts a service as a child, waits until it is ready, and ends all that it began.

Comes in: settings. Goes out: a running service on the loopback address, and an exit that leaves no
process behind. Knows nothing of what a service does.
"""

from __future__ import annotations

import ctypes
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Final, NamedTuple

from finmodel.errors import BadInput, NotReady
from finmodel.settings import Settings
from serving.live import LOADING
from serving.watch import watch_aliases

START_SECONDS = 90
STOP_SECONDS = 15
LEFT_SECONDS = 5
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
"""prctl(2)"""


class Service(NamedTuple):
    """What is started."""

    target: str
    """As BentoML names it."""
    log: str
    """Its log's name under home."""
    has_models: bool
    """Whether somebody may move its models' aliases by hand, which is watched for."""


DECISIONS: Final = Service("serving.decisions:Decisions", "service.log", has_models=True)
ASSIST: Final = Service("serving.assist:Assist", "assist.log", has_models=False)


def serve(
    settings: Settings, announce: Callable[[str], None], service: Service = DECISIONS
) -> None:
    """Serve until Ctrl-C or SIGTERM; `announce` is called with what is amiss, once it answers.

    Without a model that can be served it waits for one: what to do is said, and a promotion is
    picked up.
    """
    require_free_port(settings)
    log = settings.home / service.log
    with _unwinding(), _service(settings, service, log) as child:
        announce(_trouble_once_open(settings, child, log))
        stop = threading.Event()
        watcher = threading.Thread(target=watch_aliases, args=(settings, stop), daemon=True)
        if service.has_models:
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
def _service(settings: Settings, service: Service, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    settings.make_home()
    command = [
        *(sys.executable, "-m", "bentoml", "serve", service.target),
        *("--host", settings.host, "--port", str(settings.port)),
    ]
    with log.open("ab") as out:
        _adopt_orphans()
        child = subprocess.Popen(
            command,
            stdout=out,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,  # a terminal's Ctrl-C reaches the launcher alone
            preexec_fn=_end_with_parent,  # no thread is running yet
            env=settings.child_env(),
            cwd=Path(__file__).resolve().parent.parent,
        )
    try:
        yield child
    finally:
        _end(child)


def _adopt_orphans() -> None:
    """Become the parent of whatever a dying child leaves (Linux): so that nothing is left."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _end_with_parent() -> None:
    """In the child: SIGTERM as soon as the launcher is gone, however it went (Linux)."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def _end(child: subprocess.Popen[bytes]) -> None:
    """Ask the service to stop, then insist; then end what it left, which is ours by then."""
    child.terminate()
    try:
        child.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
    for sign in (signal.SIGTERM, signal.SIGKILL):
        deadline = time.monotonic() + LEFT_SECONDS
        while (left := _children()) and time.monotonic() < deadline:
            for pid in left:
                with suppress(ProcessLookupError):
                    os.kill(pid, sign)
            time.sleep(0.05)


def _children() -> list[int]:
    """Processes whose parent we are and that have not ended; the ended are let go."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    tasks = Path("/proc/self/task").glob("*/children")
    return [int(pid) for task in tasks for pid in task.read_text().split()]


def _trouble_once_open(settings: Settings, child: subprocess.Popen[bytes], log: Path) -> str:
    """Why no model is in service, empty where one is; asked until there is an answer."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if child.poll() is not None:
            break
        trouble = _trouble(settings)
        if trouble not in (None, LOADING):
            return trouble
        time.sleep(0.1)
    raise NotReady("the service did not start", where=str(log), remedy=_tail(log))


def _trouble(settings: Settings) -> str | None:
    """What the service says is amiss; None while it does not answer."""
    connection = http.client.HTTPConnection(settings.host, settings.port, timeout=2)
    try:
        connection.request("GET", "/status")
        return str(json.loads(connection.getresponse().read())["trouble"])
    except (OSError, http.client.HTTPException, ValueError, KeyError):  # not open yet
        return None
    finally:
        connection.close()


def _tail(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    return "its last words: " + (" | ".join(lines[-4:]) or "none")


@contextmanager
def _unwinding() -> Iterator[None]:
    """SIGTERM, and a terminal that closes, unwind like Ctrl-C: the child is ended in each case."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {sign: signal.signal(sign, interrupt) for sign in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for sign, was in before.items():
            signal.signal(sign, was)
