"""Where monitoring is computed for the service: one question after the other, in its own process.

A question comes in and is answered at once with how far it is; a thread hands questions to the
worker and listens to it. The worker is started with the first question and let go when none came
for a while. Knows nothing of what is computed.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from queue import Empty, Full, Queue
from typing import Final

import msgspec

from finmodel.errors import NotReady
from finmodel.settings import Settings
from serving.monitoring.asked import Doing, Question, Told
from serving.refusals import Problem

MOST_WAITING: Final = 16
IDLE_SECONDS: Final = 300.0
_WAITING: Final = Doing("waiting", 0, 1)
_BEGUN: Final = Doing("beginning", 0, 1)
_BROKEN: Final = Problem(
    "Damaged", "the computation ended by itself", "monitoring", "see the service's log, ask again"
)


class MonitorRoom:
    """Questions that are being computed, and why the last tries failed."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._waiting: Queue[Question | None] = Queue(MOST_WAITING)
        self._doing: dict[str, Doing] = {}
        self._failed: dict[str, Problem] = {}
        self._gate, self._closing = threading.Lock(), threading.Event()
        self._child: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._run, name="monitoring", daemon=True)
        self._thread.start()

    def ask(self, question: Question) -> Doing:
        """Have it computed, unless it is already; NotReady where too many wait."""
        with self._gate:
            if question.key in self._doing:
                return self._doing[question.key]
            try:
                self._waiting.put_nowait(question)
            except Full as error:
                raise NotReady(
                    f"{MOST_WAITING} questions are waiting", where="monitoring", remedy="ask later"
                ) from error
            self._failed.pop(question.key, None)
            self._doing[question.key] = _WAITING
        return _WAITING

    def doing(self, question: Question) -> Doing | None:
        """How far it is; None where it is not being computed."""
        return self._doing.get(question.key)

    def failed(self, question: Question) -> Problem | None:
        """Why the last try failed; None where it did not."""
        return self._failed.get(question.key)

    def close(self) -> None:
        """Leave what is not done, and end the worker."""
        self._closing.set()
        with suppress(Full):
            self._waiting.put_nowait(None)
        if (child := self._child) is not None:
            child.kill()
        self._thread.join(5.0)

    def _run(self) -> None:
        while True:
            try:
                question = self._waiting.get(timeout=IDLE_SECONDS)
            except Empty:
                self._let_go()
                continue
            if question is None or self._closing.is_set():
                return self._let_go()
            problem = self._compute(question)
            with self._gate:
                del self._doing[question.key]
                if problem is not None:
                    self._failed[question.key] = problem

    def _compute(self, question: Question) -> Problem | None:
        """Why it failed, if it did."""
        self._doing[question.key] = _BEGUN
        child = self._child or self._start()
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            child.stdin.write(msgspec.json.encode(question) + b"\n")
            child.stdin.flush()
            for line in child.stdout:
                told = msgspec.json.decode(line, type=Told)
                if told.ended:
                    return told.problem
                if told.doing is not None:
                    self._doing[question.key] = told.doing
        except (OSError, msgspec.MsgspecError):
            pass  # it is gone, which is said below
        self._let_go()
        return _BROKEN

    def _start(self) -> subprocess.Popen[bytes]:
        self._child = subprocess.Popen(
            [sys.executable, "-m", "serving.monitoring.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=self._settings.child_env(),
            cwd=Path(__file__).resolve().parent.parent.parent,
        )
        if self._closing.is_set():
            self._child.kill()
        return self._child

    def _let_go(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        with suppress(OSError):
            child.stdin.close()  # type: ignore[union-attr] # it was opened with a pipe
        try:
            child.wait(5.0)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
