"""The queue of cases, in a SQLite file that the audit log can fill again.

The log is the source of truth: each act stands there before it counts here. This file is the fold
of the log's acts, with the place up to which it was read: deleted, or left by a crash between log
and file, it is filled from the log. Decisions that enter, and acts, come in; cases go out.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from finmodel.audit_since import BEGINNING, Place
from finmodel.book_file import BookFile
from finmodel.errors import NotFound
from risk.underwriting.case import About, Act, Case, after

ACT: Final = "case_act"
"""The kind of the audit log's entries."""
MOST: Final = 200
"""So many waiting cases are listed, the oldest first."""
_TABLES: Final = """
CREATE TABLE IF NOT EXISTS place(
    one INTEGER PRIMARY KEY CHECK (one = 1), log BLOB NOT NULL, segment INTEGER NOT NULL,
    at INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS begun(
    one INTEGER PRIMARY KEY CHECK (one = 1), since_us INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS acted(entry TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS cases(
    decision TEXT PRIMARY KEY, at_us INTEGER NOT NULL, state TEXT NOT NULL, body BLOB NOT NULL
    ) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS waiting ON cases(state, at_us);
"""
_AMOUNTS_GONE: Final = """
UPDATE cases SET body = CAST(json_remove(CAST(body AS TEXT), '$.about.amount_minor') AS BLOB)
"""


class CaseBook:
    """The cases of one home. What changes it is done within `writing`."""

    def __init__(self, path: Path) -> None:
        """Open or make the book."""
        self._file = BookFile(path, _TABLES)
        self.writing = self._file.writing
        if not self._file.row("PRAGMA user_version")[0]:
            self._drop_amounts()

    def place(self, log: bytes) -> Place:
        """Up to where this log was read; a book of another log is emptied first."""
        row = self._file.row("SELECT log, segment, at FROM place")
        if row is not None and row[0] == log:
            return Place(row[1], row[2])
        for table in ("place", "begun", "acted", "cases"):
            self._file.change(f"DELETE FROM {table}")
        return BEGINNING

    def move(self, log: bytes, place: Place) -> None:
        """Say up to where the log was read."""
        self._file.change("INSERT OR REPLACE INTO place VALUES (1, ?, ?, ?)", log, *place)

    def since(self) -> int | None:
        """From which time on decisions enter; None where that was not yet said."""
        row = self._file.row("SELECT since_us FROM begun")
        return None if row is None else int(row[0])

    def begin(self, since_us: int) -> None:
        """Say from which time on decisions enter."""
        self._file.change("INSERT OR REPLACE INTO begun VALUES (1, ?)", since_us)

    def enter(self, about: About) -> None:
        """Enter a case, unless it is there."""
        self._file.change(
            "INSERT OR IGNORE INTO cases VALUES (?, ?, 'open', ?)",
            about.decision, about.at_us, msgspec.json.encode(Case(about=about)),
        )  # fmt: skip

    def take(self, act: Act, entry: str, time_us: int) -> Case:
        """The case after an act of the log; the same entry counts once."""
        self.enter(act.about)
        case = self.case(act.about.decision)
        if not self._file.change("INSERT OR IGNORE INTO acted VALUES (?)", entry):
            return case
        changed = after(case, act, entry, time_us)
        self._file.change(
            "UPDATE cases SET state = ?, body = ? WHERE decision = ?",
            changed.state, msgspec.json.encode(changed), act.about.decision,
        )  # fmt: skip
        return changed

    def known(self, decision: str) -> Case | None:
        """The case of a decision; None where it has none."""
        row = self._file.row("SELECT body FROM cases WHERE decision = ?", decision)
        return None if row is None else msgspec.json.decode(row[0], type=Case)

    def case(self, decision: str) -> Case:
        """The case of a decision; NotFound where it has none."""
        found = self.known(decision)
        if found is None:
            raise NotFound(
                "no case of this decision is in the queue",
                where=f"decision {decision[:40]}",
                remedy="ask for a person to look at it first",
            )
        return found

    def waiting(self, most: int = MOST) -> list[Case]:
        """Cases without their last verdict, the oldest first."""
        rows = self._file.rows(
            "SELECT body FROM cases WHERE state IN ('open', 'second') ORDER BY at_us LIMIT ?", most
        )
        return [msgspec.json.decode(body, type=Case) for (body,) in rows]

    def count_waiting(self) -> int:
        """How many there are of them."""
        row = self._file.row("SELECT count(*) FROM cases WHERE state IN ('open', 'second')")
        return int(row[0])

    def judged(self) -> list[Case]:
        """Cases with their last verdict, the oldest first."""
        rows = self._file.rows("SELECT body FROM cases WHERE state = 'done' ORDER BY at_us")
        return [msgspec.json.decode(body, type=Case) for (body,) in rows]

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def _drop_amounts(self) -> None:
        """Books once held what was applied for, where no erasure reached it."""
        with self.writing():
            self._file.change(_AMOUNTS_GONE)
        self._file.fold()
        with self.writing():
            self._file.change("PRAGMA user_version = 1")
