"""One SQLite file of this user's own, in which words lie sealed beside what may be read.

A path and tables come in; rows, and transactions that happen whole or not at all, go out. Which
rows they are, and what is sealed in them, is not known here.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from finmodel.sqlite_errors import fold_journal, transaction, typed


class BookFile:
    """An open file. Safe for threads, and for several processes."""

    def __init__(self, path: Path, tables: str) -> None:
        """Open the file, or make it for this user alone; `tables` is SQL that may run again."""
        self.path, self._lock = path, threading.RLock()
        with typed(path):
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.touch(mode=0o600)
            self._db = sqlite3.connect(
                path, timeout=5.0, isolation_level=None, check_same_thread=False
            )
            # What was answered must be there after a power cut; what was removed must not.
            for pragma in ("journal_mode = WAL", "synchronous = FULL", "secure_delete = ON"):
                self._db.execute(f"PRAGMA {pragma}")
        self.also(tables)

    def also(self, tables: str) -> None:
        """Make further tables; SQL that may run again."""
        with typed(self.path), self._lock:
            self._db.executescript(f"BEGIN IMMEDIATE; {tables} COMMIT;")

    def rows(self, sql: str, *given: Any) -> list[Any]:
        """All rows of a question."""
        with typed(self.path), self._lock:
            return self._db.execute(sql, given).fetchall()

    def row(self, sql: str, *given: Any) -> Any:
        """Its first row; None where there is none."""
        return next(iter(self.rows(sql, *given)), None)

    def change(self, sql: str, *given: Any) -> int:
        """Change rows, within `writing`; how many."""
        with typed(self.path), self._lock:
            return self._db.execute(sql, given).rowcount

    @contextmanager
    def writing(self) -> Iterator[None]:
        """One transaction: all that is changed in it, or nothing."""
        with typed(self.path), self._lock, transaction(self._db):
            yield

    def fold(self) -> None:
        """As `fold_journal` does it."""
        with typed(self.path), self._lock:
            fold_journal(self._db, self.path)

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._db.close()
