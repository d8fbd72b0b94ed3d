"""One thread that reads what may be asked about soon, one wish after the other.

Names and work come in, the latest wish of a name in place of the one before; nothing goes out. Of
too many wishes the oldest is dropped. What is read is not known here. Safe for threads.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Final, TypeAlias

from finmodel.errors import FinmodelError

log = logging.getLogger("bentoml.finmodel")
MOST: Final = 16
"""So many wait to be read."""
GRACE_S: Final = 0.3
"""A wish is begun so much later: whoever asks for a reply at once, in whatever tone, need not wait
for a reading of the same words."""
Work: TypeAlias = Callable[[threading.Event], None]
"""It ends early where it is told that nobody wants it any more."""


class Reading:
    """The thread; it begins with the first wish."""

    def __init__(self, grace_s: float = GRACE_S) -> None:
        self._grace_s = grace_s
        self._wanted: dict[str, tuple[float, Work]] = {}
        """Each with the time from which on it is done."""
        self._changed = threading.Condition()
        self._left = threading.Event()
        self._thread: threading.Thread | None = None

    def soon(self, name: str, work: Work) -> None:
        """Do it when those before are done."""
        with self._changed:
            if self._left.is_set():
                return
            self._wanted.pop(name, None)
            self._wanted[name] = time.monotonic() + self._grace_s, work
            while len(self._wanted) > MOST:
                del self._wanted[next(iter(self._wanted))]
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, daemon=True, name="reading")
                self._thread.start()
            self._changed.notify_all()

    def leave(self, name: str) -> None:
        """Nobody wants it any more, unless it has begun."""
        with self._changed:
            self._wanted.pop(name, None)

    def close(self) -> None:
        """Begin nothing more, and wait for what is being done."""
        self._left.set()
        with self._changed:
            self._wanted.clear()
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while (work := self._next()) is not None:
            try:
                work(self._left)
            except FinmodelError as error:
                log.info("a conversation was not read ahead: %s", error.code)

    def _next(self) -> Work | None:
        """The oldest wish once it is due; None where the thread is to end."""
        with self._changed:
            while not self._left.is_set():
                name = next(iter(self._wanted), None)
                if name is None:
                    self._changed.wait()
                    continue
                due, work = self._wanted[name]
                if (wait := due - time.monotonic()) > 0:
                    self._changed.wait(wait)
                    continue
                del self._wanted[name]
                return work
        return None
