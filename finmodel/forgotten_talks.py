"""One customer out of the file of conversations: what was said, and whose the counts are.

A customer comes in, how many conversations goes out. Conversations and messages are removed; what
stands beside them of agents (contacts, what the guards found) stays, of a conversation that nobody
can name.
"""

from __future__ import annotations

import uuid
from datetime import datetime
from pathlib import Path
from typing import Final

from finmodel.conversation_book import ConversationBook
from finmodel.vault import Vault

_COUNTED: Final = ("contact", "examined", "finding")
"""Tables of `contact_book` and `finding_book`, where these were ever opened."""
_THERE: Final = "SELECT name FROM sqlite_master WHERE type = 'table'"


class ForgottenTalks:
    """The conversations of one home, to be counted and removed."""

    def __init__(self, path: Path, vault: Vault) -> None:
        """Open the book."""
        self._vault, self._book = vault, ConversationBook(path, vault)

    def held(self, customer: str) -> int:
        """How many conversations of a customer there are."""
        return len(self._names(customer))

    def findings(self, customer: str) -> frozenset[str]:
        """Ids of what the guards found in a customer's conversations."""
        file = self._book.file
        if ("finding",) not in file.rows(_THERE):
            return frozenset()
        told = "SELECT id FROM finding WHERE conversation = ?"
        return frozenset(one for name in self._names(customer) for (one,) in file.rows(told, name))

    def last(self, customer: str) -> datetime | None:
        """When the newest message of them was written; None where there is none."""
        told = "SELECT max(latest) FROM conversation WHERE ref = ?"
        (at,) = self._book.file.row(told, self._vault.known(customer))
        return None if at is None else datetime.fromisoformat(at)

    def forget(self, customer: str) -> int:
        """Remove a customer's conversations with all their messages; how many there were."""
        file, names = self._book.file, self._names(customer)
        there = {name for (name,) in file.rows(_THERE)}
        with file.writing():
            for name in names:
                nobodys = f"erased-{uuid.uuid4().hex}"
                for table in there.intersection(_COUNTED):
                    told = f"UPDATE {table} SET conversation = ? WHERE conversation = ?"
                    file.change(told, nobodys, name)
                file.change("DELETE FROM message WHERE conversation = ?", name)
                file.change("DELETE FROM conversation WHERE id = ?", name)
        file.fold()
        return len(names)

    def close(self) -> None:
        """Let go of the file."""
        self._book.close()

    def _names(self, customer: str) -> list[str]:
        told = "SELECT id FROM conversation WHERE ref = ? ORDER BY id"
        return [name for (name,) in self._book.file.rows(told, self._vault.known(customer))]
