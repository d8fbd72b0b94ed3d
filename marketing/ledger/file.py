"""The ledger of contacts, one SQLite file: how customers stand, what is planned, what came of it.

An act is one transaction: it stands whole or not at all, also where the power fails. Customers,
plans and receipts are kept in it by `ledger_customers`, `ledger_contacts` and `ledger_receipts`;
here it is opened, read from and written to. Knows no rule.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from finmodel.settings import Settings
from finmodel.sqlite_errors import fold_journal, typed
from marketing.ledger.failed import judge_all

_FORM: Final = 1
"""Kept in the file; 0 before 1, where a contact that failed once had failed for good, or none had
a cost. To be raised where older files have to be mended once more."""
_TABLES: Final = """
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS acts(
    one INTEGER PRIMARY KEY CHECK (one = 1), count INTEGER NOT NULL) STRICT;
INSERT OR IGNORE INTO acts VALUES (1, 0);
CREATE TABLE IF NOT EXISTS customers(
    id INTEGER PRIMARY KEY, flags INTEGER NOT NULL, declined_us INTEGER,
    updated_us INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS plans(
    id INTEGER PRIMARY KEY, campaign TEXT NOT NULL, number INTEGER NOT NULL,
    policy_version TEXT NOT NULL, made_us INTEGER NOT NULL, made_by TEXT NOT NULL,
    contacts INTEGER NOT NULL, audit_entry TEXT NOT NULL, UNIQUE(campaign, number)) STRICT;
CREATE TABLE IF NOT EXISTS contacts(
    customer INTEGER NOT NULL, opens_us INTEGER NOT NULL, plan INTEGER NOT NULL,
    closes_us INTEGER NOT NULL, offer TEXT NOT NULL, channel TEXT NOT NULL,
    propensity REAL NOT NULL, lane INTEGER NOT NULL, failed INTEGER NOT NULL DEFAULT 0,
    cost_minor REAL, -- expected; null where it was offered at once and uses no plan's limits
    PRIMARY KEY(customer, opens_us, plan)) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS receipts(
    event_id TEXT PRIMARY KEY, plan INTEGER, customer INTEGER NOT NULL, opens_us INTEGER,
    kind TEXT NOT NULL, at_us INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS receipts_of ON receipts(customer, kind, at_us);
CREATE TABLE IF NOT EXISTS restricted(id INTEGER PRIMARY KEY) STRICT;
CREATE TABLE IF NOT EXISTS spent_at_once(
    campaign TEXT NOT NULL, name TEXT NOT NULL, used REAL NOT NULL,
    PRIMARY KEY(campaign, name)) STRICT, WITHOUT ROWID;
COMMIT;
"""


class Ledger:
    """The open file; for any number of threads and processes, one of which writes at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.RLock()
        with typed(path):
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            self._db = sqlite3.connect(
                path, timeout=30.0, isolation_level=None, check_same_thread=False
            )
            for pragma in ("journal_mode = WAL", "synchronous = FULL", "temp_store = MEMORY"):
                self._db.execute(f"PRAGMA {pragma}")
            self._db.executescript(_TABLES)
            if _form(self._db) < _FORM:
                self._bring_up()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The database, to be asked."""
        with self._lock, typed(self.path):
            yield self._db

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """The database, in one transaction: undone whole where anything is raised within."""
        with self._lock, typed(self.path):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("UPDATE acts SET count = count + 1")
            self._db.execute("COMMIT")

    def _bring_up(self) -> None:
        """Bring an older file to what is kept now: once, whole or not at all."""
        with self.writing() as db:
            if _form(db) < _FORM:  # another process may have been first
                _keep_costs(db)
                judge_all(db)
                db.execute(f"PRAGMA user_version = {_FORM}")

    def tidy(self) -> None:
        """Write the file anew, so that nothing of what was removed is left in it."""
        with self._lock, typed(self.path):
            self._db.execute("VACUUM")
            fold_journal(self._db, self.path)

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._db.close()


def open_ledger(settings: Settings) -> Ledger:
    """The ledger of a home; made where there is none."""
    settings.make_home()
    return Ledger(_place(settings))


def has_ledger(settings: Settings) -> bool:
    """Whether anything was ever kept in one."""
    return _place(settings).exists()


def _form(db: sqlite3.Connection) -> int:
    found: int = db.execute("PRAGMA user_version").fetchone()[0]
    return found


def _keep_costs(db: sqlite3.Connection) -> None:
    """A file older than costs gets their column: its contacts count, at a cost of 0."""
    if "cost_minor" not in {row[1] for row in db.execute("PRAGMA table_info(contacts)")}:
        db.execute("ALTER TABLE contacts ADD COLUMN cost_minor REAL")
        db.execute("UPDATE contacts SET cost_minor = 0.0")


def _place(settings: Settings) -> Path:
    return settings.marketing / "ledger.db"
