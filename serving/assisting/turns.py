"""Who may use an engine now: so many at once, and who writes a reply before who reads ahead.

Names of conversations come in; a turn goes out once there is one. In a conversation that is being
read nobody writes until that is done, or its words would be read twice. What is done with a turn is
not known here. Safe for threads.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from finmodel.errors import NotReady

WAIT_S: Final = 20.0
"""Nobody waits longer for a place."""
_LOOK_S: Final = 0.05
"""How often it is seen that somebody has left."""


class Turns:
    """So many places at an engine."""

    def __init__(self, places: int) -> None:
        self._free, self._waiting = places, 0
        self._being_read: set[str] = set()
        self._changed = threading.Condition()

    @contextmanager
    def to_write(self, name: str, left: threading.Event) -> Iterator[None]:
        """A place for a reply in a conversation; NotReady where it is waited for too long.

        Whoever waits for it has `left` says that it is no longer wanted.
        """
        with self._changed:
            self._waiting += 1
            try:
                self._wait(lambda: self._free > 0 and name not in self._being_read, left)
            finally:
                self._waiting -= 1
            self._free -= 1
        try:
            yield
        finally:
            self._give_back()

    @contextmanager
    def to_read(self, name: str, left: threading.Event) -> Iterator[None]:
        """A place to read a conversation, once nobody waits to write; NotReady as above."""
        with self._changed:
            self._wait(lambda: self._free > 0 and not self._waiting, left)
            self._free -= 1
            self._being_read.add(name)
        try:
            yield
        finally:
            self._being_read.discard(name)
            self._give_back()

    def _wait(self, ready: Callable[[], bool], left: threading.Event) -> None:
        until = time.monotonic() + WAIT_S
        while not ready():
            if left.is_set() or time.monotonic() > until:
                raise NotReady(
                    "no place at the engine came free",
                    where="the writer",
                    remedy="ask again in a few seconds; scripts need no place",
                )
            self._changed.wait(_LOOK_S)

    def _give_back(self) -> None:
        with self._changed:
            self._free += 1
            self._changed.notify_all()
