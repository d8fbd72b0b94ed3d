"""Starts services as children, waits until they are ready, and ends all that it began.

Comes in: settings. Goes out: running services on the loopback address, and an exit that leaves no
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
from collections.abc import Callable, Iterator, Sequence
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
LOOK_SECONDS = 0.2
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


class Run(NamedTuple):
    """A service that is to be served."""

    settings: Settings
    announce: Callable[[str], None]
    """Called with what is amiss, once it answers."""
    service: Service = DECISIONS

    @property
    def log(self) -> Path:
        """Where it writes what it says."""
        return self.settings.home / self.service.log


class Helper(NamedTuple):
    """A command of ours that runs beside, and may end at any time."""

    settings: Settings
    words: tuple[str, ...]
    """Behind `finmodel`."""
    log: str
    """Its log's name under home."""
    started: Callable[[int], None]
    """Called with its process's number."""


def serve(
    settings: Settings, announce: Callable[[str], None], service: Service = DECISIONS
) -> None:
    """Serve until Ctrl-C or SIGTERM; `announce` is called with what is amiss, once it answers.

    Without a model that can be served it waits for one: what to do is said, and a promotion is
    picked up.
    """
    serve_all((Run(settings, announce, service),))


def serve_all(runs: Sequence[Run], helpers: Sequence[Helper] = ()) -> None:
    """Serve several, each announced once it answers; where one ends, all do."""
    from feature_store.earlier_maps import bring_up_map

    for run in runs:
        require_free_port(run.settings)
        if run.service.has_models:
            bring_up_map(run.settings)
    stop = threading.Event()
    with _unwinding(), _ended_together() as children:
        for helper in helpers:
            children.append(_helper(helper))
            helper.started(children[-1].pid)
        begun = [(run, _service(run.settings, run.service, run.log)) for run in runs]
        children += [child for _, child in begun]
        for run, child in begun:
            run.announce(_trouble_once_open(run.settings, child, run.log))
        for run in runs:
            watcher = threading.Thread(target=watch_aliases, args=(run.settings, stop), daemon=True)
            if run.service.has_models:
                watcher.start()
        try:
            _watch(begun, children)
        finally:
            stop.set()


def _watch(
    begun: Sequence[tuple[Run, subprocess.Popen[bytes]]], children: list[subprocess.Popen[bytes]]
) -> None:
    """Wait until a service has ended; NotReady where it did not mean to."""
    while True:
        for child in children:
            child.poll()  # a helper that has ended is let go
        for run, child in begun:
            if child.returncode is not None:
                if child.returncode:
                    raise NotReady(
                        "the service ended by itself", where=str(run.log), remedy=_tail(run.log)
                    )
                return
        time.sleep(LOOK_SECONDS)


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


def _service(settings: Settings, service: Service, log: Path) -> subprocess.Popen[bytes]:
    words = ("-m", "bentoml", "serve", service.target)
    where = ("--host", settings.host, "--port", str(settings.port))
    return _started(settings, (*words, *where), log)


def _helper(helper: Helper) -> subprocess.Popen[bytes]:
    words = ("-c", "from serving.cli import main; main()", *helper.words)
    return _started(helper.settings, words, helper.settings.home / helper.log, _behind_all)


def _started(
    settings: Settings,
    words: Sequence[str],
    log: Path,
    begin: Callable[[], None] | None = None,
) -> subprocess.Popen[bytes]:
    """A process of this Python that sees the same settings, and ends with us."""
    settings.make_home()
    with log.open("ab") as out:
        _adopt_orphans()
        return subprocess.Popen(
            [sys.executable, *words],
            stdout=out,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,  # a terminal's Ctrl-C reaches the launcher alone
            preexec_fn=begin or _end_with_parent,  # no thread is running yet
            env=settings.child_env() | settings.provider.env,
            cwd=Path(__file__).resolve().parent.parent,
        )


@contextmanager
def _ended_together() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Children that are put in here are ended at the end, with all that they left."""
    children: list[subprocess.Popen[bytes]] = []
    try:
        yield children
    finally:
        _end(children)


def _adopt_orphans() -> None:
    """Become the parent of whatever a dying child leaves (Linux): so that nothing is left."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _end_with_parent() -> None:
    """In the child: SIGTERM as soon as the launcher is gone, however it went (Linux)."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def _behind_all() -> None:
    """In a helper: the same, and no service waits for it."""
    _end_with_parent()
    os.nice(10)


def _end(children: Sequence[subprocess.Popen[bytes]]) -> None:
    """Ask all to stop, then insist; then end what they left, which is ours by then."""
    for child in children:
        child.terminate()
    until = time.monotonic() + STOP_SECONDS
    for child in children:
        try:
            child.wait(max(0.0, until - time.monotonic()))
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
