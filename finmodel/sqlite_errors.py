"""Work on a SQLite file: whole or not at all, its errors in the platform's words.

Work on a database's file comes in, what it raises goes out as NoRoom, NotReady, Refused or Damaged.
Who only looks gets a connection that makes nothing. Knows no table.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from finmodel.durable import disk_error
from finmodel.errors import Damaged, FinmodelError, NoRoom, NotReady, Refused


@contextmanager
def typed(path: Path) -> Iterator[None]:
    """SQLite's and the disk's errors in the platform's words."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_MISUSE) & 0xFF
        raise _ERRORS.get(code, _broken)(str(error), path.name) from error
    except OSError as error:
        raise disk_error(error, path) from error


def read_only(path: Path, patience_s: float) -> sqlite3.Connection:
    """A connection that changes nothing and makes no file; it waits so long for who writes.

    A write-ahead log without its index is passed over: SQLite would make an index beside it. Only
    for a process that has the file open nowhere else: closing it lets go of SQLite's locks.
    """
    beside = [path.with_name(f"{path.name}-{end}") for end in ("wal", "shm")]
    at_rest = _is_wal(path) and not all(one.exists() for one in beside)
    mode = "mode=ro&immutable=1" if at_rest else "mode=ro"
    return sqlite3.connect(f"{path.absolute().as_uri()}?{mode}", timeout=patience_s, uri=True)


def _is_wal(path: Path) -> bool:
    """Whether the file says, in bytes 18 and 19, that it is written by way of a write-ahead log."""
    with path.open("rb") as file:
        return file.read(20)[18:] == b"\x02\x02"


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """All that is changed in it, or nothing; for a connection that begins none by itself."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    finally:
        if db.in_transaction:
            db.execute("ROLLBACK")


def fold_journal(db: sqlite3.Connection, path: Path) -> None:
    """Leave nothing of what was removed in SQLite's journal; NotReady while others read."""
    busy, _, _ = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if busy:
        raise NotReady(
            "another process keeps older pages of it in use", where=path.name, remedy="try again"
        )


def _full(what: str, where: str) -> FinmodelError:
    return NoRoom(what, where=where, remedy="make room, then try again")


def _busy(what: str, where: str) -> FinmodelError:
    return NotReady(what, where=where, remedy="try again")


def _closed(what: str, where: str) -> FinmodelError:
    return Refused(what, where=where, remedy="give this user the right to the file")


def _broken(what: str, where: str) -> FinmodelError:
    return Damaged(what, where=where, remedy="keep the file as it is, and look for a copy of it")


_ERRORS: Final = {
    sqlite3.SQLITE_FULL: _full,
    sqlite3.SQLITE_BUSY: _busy,
    sqlite3.SQLITE_LOCKED: _busy,
    sqlite3.SQLITE_MISUSE: _busy,
    sqlite3.SQLITE_READONLY: _closed,
    sqlite3.SQLITE_CANTOPEN: _closed,
    sqlite3.SQLITE_PERM: _closed,
}
