"""Replies that are being written, and what ends one before its time: the customer wrote again.

Conversations' names and messages' ids come in; a reply that has not read one of them is told so,
and nobody wants it any more. Nor is one waited for beyond its time. What a reply says, and who
writes it, is not known here. Safe for threads.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final

LATEST_S: Final = 25.0
"""A place is waited for and a reply written within so long; the service cuts what takes longer."""


class Reply:
    """One that is under way in a conversation."""

    def __init__(self, left: threading.Event, seconds: float = LATEST_S) -> None:
        self._seconds = seconds
        self.left = left
        """Set, nobody wants it any more."""
        self.newer = ""
        """The latest of the customer's messages that it did not read; empty where it read all."""
        self.late = False
        """Its time was over before it was written: what stands already is all of it."""
        self._lock = threading.Lock()
        self._read: frozenset[str] | None = None
        self._came: list[str] = []

    def reads(self, messages: Iterable[str]) -> None:
        """These it answers: one that came before they were read may be among them."""
        with self._lock:
            self._read = frozenset(messages)
            self._look()

    def came(self, messages: Iterable[str]) -> None:
        """The customer wrote these, now or long ago."""
        with self._lock:
            self._came += messages
            self._look()

    @contextmanager
    def in_time(self, *, writes: bool) -> Iterator[None]:
        """While somebody writes it, it ends once its time is over; scripts need no time."""
        if not writes:
            yield
            return
        over = threading.Timer(self._seconds, self._end)
        over.daemon = True
        over.start()
        try:
            yield
        finally:
            over.cancel()

    def _end(self) -> None:
        self.late = True
        self.left.set()

    def _look(self) -> None:
        if self._read is None:
            return
        self.newer = next((one for one in reversed(self._came) if one not in self._read), "")
        if self.newer:
            self.left.set()


class Replies:
    """Those of this process, each of which has so many seconds."""

    def __init__(self, seconds: float = LATEST_S) -> None:
        self._seconds = seconds
        self._under_way: dict[str, list[Reply]] = {}
        self._lock = threading.Lock()

    @contextmanager
    def under_way(self, conversation: str, left: threading.Event) -> Iterator[Reply]:
        """One more, begun before the conversation is read: so no message comes in between."""
        reply = Reply(left, self._seconds)
        with self._lock:
            self._under_way.setdefault(conversation, []).append(reply)
        try:
            yield reply
        finally:
            with self._lock:
                self._under_way[conversation].remove(reply)
                if not self._under_way[conversation]:
                    del self._under_way[conversation]

    def came(self, conversation: str, messages: Iterable[str]) -> None:
        """The customer wrote these: replies that have not read all of them end."""
        ids = tuple(messages)
        with self._lock:
            there = tuple(self._under_way.get(conversation, ()))
        for reply in there:
            reply.came(ids)
