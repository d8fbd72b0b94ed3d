"""Whoever writes beside scripts: opened in the background, shared by so many conversations at once.

Settings come in; a writer goes out once there is one, and a sentence about how it stands. Until
then, and where every place is taken, scripts stand alone and say so.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from typing import Final

from finmodel.arrival import until_here
from finmodel.assistant.guards.judge import Judge
from finmodel.assistant.suggesting.shelf import MANY, Writer
from finmodel.errors import FinmodelError, NotReady
from finmodel.settings import Settings
from serving.assisting.turns import Turns

log = logging.getLogger("bentoml.finmodel")
WAITING: Final = 6
"""So many more may wait for a place."""
LOOK_S: Final = 1.0
"""How often it is looked whether a base that is being brought has come."""
OWN_BASE: Final = "writer"
"""FINMODEL_JUDGE: the writer's base, without an adapter."""
NO_WRITER: Final = "scripts alone: no FINMODEL_WRITER is set"

Opening = Callable[[Settings, ExitStack], Writer]


class Writing:
    """The writer of this process. Safe for threads."""

    def __init__(self, settings: Settings, opening: Opening | None = None) -> None:
        """Begin to open the writer that the settings name."""
        self.state = NO_WRITER
        self.writer: Writer | None = None
        self._stack, self._lock = ExitStack(), threading.Lock()
        self.turns = Turns(MANY)
        self._inside, self._closed = 0, threading.Event()
        if not settings.writer:
            return
        self.state = f"scripts alone: {settings.writer} is being opened"
        opening = opening or _open
        threading.Thread(target=self._open, args=(settings, opening), daemon=True).start()

    @contextmanager
    def place(
        self, left: threading.Event, scenario: str = "", conversation: str = ""
    ) -> Iterator[Writer | None]:
        """The writer, for one reply, which ends once its reader has `left`; None of none.

        It waits for its turn when it is asked, so that scripts need not. NotReady where too many
        are about.
        """
        writer = self.writer
        if writer is None:
            yield None
            return
        with self._lock:
            if self._inside >= writer.places + WAITING:
                raise NotReady(
                    f"{self._inside} replies are being written or waited for",
                    where="the writer",
                    remedy="ask again in a second; scripts alone need no place",
                )
            self._inside += 1
        turn = partial(self.turns.to_write, conversation, left)
        try:
            yield replace(writer.within(scenario), turn=turn, cancelled=left)
        finally:
            with self._lock:
                self._inside -= 1

    def close(self) -> None:
        """Let go of the engine."""
        with self._lock:
            self._closed.set()
            self.writer = None
        self._stack.close()

    def _open(self, settings: Settings, opening: Opening) -> None:
        with ExitStack() as stack:
            try:
                for said in until_here(settings.arrival):
                    self.state = f"scripts alone: {said}"
                    if self._closed.wait(LOOK_S):
                        return
                self.state = f"scripts alone: {settings.writer} is being opened"
                writer = opening(settings, stack)
            except FinmodelError as error:
                self.state = f"scripts alone: {error}"
                log.warning("the writer could not be opened: %s", error.code)
                return
            except Exception as error:
                self.state = f"scripts alone: the writer failed ({type(error).__name__})"
                raise
            with self._lock:
                if self._closed.is_set():
                    return
                self._stack = stack.pop_all()
                self.turns, self.writer = Turns(writer.places), writer
            self.state = f"{writer.adapter or settings.writer} writes beside scripts"


def _open(settings: Settings, stack: ExitStack) -> Writer:
    from serving.assisting.signed_writers import open_signed_writer

    writer = stack.enter_context(open_signed_writer(settings, settings.writer))
    if not settings.judge:
        return writer
    if settings.judge == OWN_BASE:
        return replace(writer, judge=Judge(writer.engine))
    other = stack.enter_context(open_signed_writer(settings, settings.judge))
    return replace(writer, judge=Judge(other.engine, other.adapter))
