"""Verdicts that are kept and wait for their place in the event log.

The file of suggestions comes in; events go out, the oldest first, until somebody says that they
stand in the log. Where one is about to be written is kept before it is, so that a crash in between
leaves no second one. Which log it is, is not known here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from finmodel.behaviours import SuggestionJudged
from finmodel.book_file import BookFile
from finmodel.errors import Damaged, NotFound
from finmodel.vault import Vault

_WAITING = """
SELECT to_log.shown, since, ref, to_log.sealed FROM to_log
JOIN shown ON shown.id = to_log.shown JOIN verdict ON verdict.shown = to_log.shown
WHERE coalesce(since, 0) >= 0
ORDER BY verdict.at, to_log.shown LIMIT ?
"""
_ASIDE: Final = -1
"""In place of an offset: it cannot be read, and is not tried. `finmodel doctor` counts it."""


class Waiting(NamedTuple):
    """One event that may not stand in the log yet."""

    shown: str
    event: SuggestionJudged
    since: int | None
    """The offset from which on it may stand there; None where it was never tried."""


class VerdictOutbox:
    """What waits in one file of suggestions, which `SuggestionBook` has made. Safe for threads."""

    def __init__(self, path: Path, vault: Vault) -> None:
        self._vault, self._file = vault, BookFile(path, "")

    def waiting(self, most: int) -> list[Waiting]:
        """The oldest, at most so many; an erased customer's are none, and wait no more.

        One that cannot be read is set aside, and holds up no other.
        """
        while rows := self._file.rows(_WAITING, most):
            found, erased, unreadable = [], [], []
            for shown, since, ref, sealed in rows:
                try:
                    opened = self._vault.open(ref, sealed)
                    event = msgspec.json.decode(opened, type=SuggestionJudged)
                except NotFound:
                    erased.append(shown)
                except (Damaged, msgspec.MsgspecError):
                    unreadable.append(shown)
                else:
                    found.append(Waiting(shown, event, since))
            self.done(erased)
            self.begin(dict.fromkeys(unreadable, _ASIDE))
            if found:
                return found
        return []

    def begin(self, offsets: Mapping[str, int]) -> None:
        """Keep from which offset on each may stand in the log; before it is written."""
        with self._file.writing():
            for shown, since in offsets.items():
                self._file.change("UPDATE to_log SET since = ? WHERE shown = ?", since, shown)

    def done(self, shown: Iterable[str]) -> None:
        """These stand in the log."""
        with self._file.writing():
            for one in shown:
                self._file.change("DELETE FROM to_log WHERE shown = ?", one)

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()
