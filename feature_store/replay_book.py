"""Which dead letters were replayed, by whom, when, and where their events stand now.

Marks come in and go out, one a letter: the first stays. They lie beside the letters and hold no
word of them. Knows no log.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Final

import msgspec

from finmodel.book_file import BookFile

FILE: Final = "replayed.db"
_TABLES: Final = """
CREATE TABLE IF NOT EXISTS replayed(
    letter TEXT PRIMARY KEY, at TEXT NOT NULL, by TEXT NOT NULL, topic TEXT NOT NULL,
    partition INTEGER NOT NULL, offset INTEGER NOT NULL, before INTEGER NOT NULL) WITHOUT ROWID;
"""
_COLUMNS: Final = "letter, at, by, topic, partition, offset, before"


class Replay(msgspec.Struct, frozen=True):
    """That a letter was replayed."""

    letter: str
    at: str
    """ISO 8601, with its zone."""
    by: str
    topic: str
    """Of ours, in which its event stands."""
    partition: int
    offset: int
    before: bool
    """Its event was in the log already."""


class ReplayBook:
    """The replays of one folder of dead letters."""

    def __init__(self, folder: Path) -> None:
        self._file = BookFile(folder / FILE, _TABLES)

    def find(self, letter: str) -> Replay | None:
        """The replay of a letter; None where it waits."""
        row = self._file.row(f"SELECT {_COLUMNS} FROM replayed WHERE letter = ?", letter)
        return None if row is None else _replay(row)

    def every(self) -> dict[str, Replay]:
        """All replays, by their letters."""
        rows = self._file.rows(f"SELECT {_COLUMNS} FROM replayed")
        return {row[0]: _replay(row) for row in rows}

    def keep(self, one: Replay) -> None:
        """Mark a letter; a mark that is there stays as it is."""
        with self._file.writing():
            self._file.change(
                f"INSERT OR IGNORE INTO replayed({_COLUMNS}) VALUES (?,?,?,?,?,?,?)",
                *msgspec.structs.astuple(one),
            )

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()


def replays_in(folder: Path) -> dict[str, Replay]:
    """All replays of a folder, by their letters; none is made where there is no book."""
    if not (folder / FILE).exists():
        return {}
    with closing(ReplayBook(folder)) as book:
        return book.every()


def _replay(row: tuple[str, str, str, str, int, int, int]) -> Replay:
    return Replay(*row[:6], before=bool(row[6]))
