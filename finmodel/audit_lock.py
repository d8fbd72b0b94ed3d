"""Whose turn it is to write to an audit log, and whether the last writer finished.

A file comes in; holding its lock, a process knows that it is alone. A byte of the file, shared in
memory, stays set when a writer dies in the middle: so that the next one, of whatever process, looks
at what was left, and everyone else need not ask the disk. It knows nothing of segments and entries.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from finmodel.errors import NotReady

_PATIENCE_S: Final = 10.0


class WriterLock:
    """The lock of one log's folder."""

    def __init__(self, path: Path) -> None:
        """Open or make the lock's file; takes no lock yet."""
        self._path = path
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        if os.fstat(self._file).st_size == 0:
            os.ftruncate(self._file, 1)
        self._shared = mmap.mmap(self._file, 1)

    @property
    def unfinished(self) -> bool:
        """Whether a writer began and has not ended well; only the holder may ask or say."""
        return self._shared[0] != 0

    @unfinished.setter
    def unfinished(self, value: bool) -> None:
        self._shared[0] = int(value)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lock. Tried again and again, so that a stuck holder stops no one for ever.

        NotReady after ten seconds.
        """
        until, pause = time.monotonic() + _PATIENCE_S, 0.0001
        while not self._taken():
            if time.monotonic() > until:
                raise NotReady(
                    "another process holds the audit log",
                    where=str(self._path),
                    remedy="end it, then try again",
                )
            time.sleep(pause)
            pause = min(2 * pause, 0.002)
        try:
            yield
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    def close(self) -> None:
        """Let go of the file."""
        self._shared.close()
        os.close(self._file)

    def _taken(self) -> bool:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
