"""Contacts of all conversations, counted once and kept beside them: their times, and what about.

Conversations are read piece by piece as messages come; contacts of a span of time go out. Times lie
in the open and name no customer; what a contact was about lies sealed under the customer's key.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final, NamedTuple, TypeAlias, cast

from finmodel.conversation_book import ConversationBook, text_of_time
from finmodel.conversations import Conversation, Message, Scenario
from finmodel.errors import NotFound
from finmodel.handling import About, Contact, contact_of, parted
from finmodel.vault import SubjectKey, Vault

MatterOf: TypeAlias = Callable[[Conversation, tuple[Message, ...]], str]
"""What a contact of a conversation is about; empty where nobody can say."""
_TABLES: Final = """
CREATE TABLE IF NOT EXISTS contact(
    conversation TEXT NOT NULL, began TEXT NOT NULL, ended TEXT NOT NULL, response REAL,
    handled REAL, agent TEXT NOT NULL, scenario TEXT NOT NULL, ref BLOB NOT NULL, sealed BLOB,
    PRIMARY KEY(conversation, began)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS contact_began ON contact(began);
CREATE TABLE IF NOT EXISTS counted(
    one INTEGER PRIMARY KEY CHECK (one = 1), arrival INTEGER NOT NULL);
INSERT OR IGNORE INTO counted VALUES (1, 0);
"""
_AT_ONCE: Final = 3_000
"""Messages that are counted before whoever waits is answered."""


class Made(NamedTuple):
    """One contact, by whom it was made and in what."""

    agent: str
    scenario: Scenario
    about: About


class ContactBook:
    """The contacts of one home, in the file of its conversations."""

    def __init__(self, talks: ConversationBook, vault: Vault) -> None:
        """Open the book that lies beside these conversations, or make it."""
        self._talks, self._vault, self._file = talks, vault, talks.file
        self._file.also(_TABLES)

    def count(self, matter_of: MatterOf) -> int:
        """Count the conversations of the next messages that came; how many are left to count.

        A conversation is counted again whenever a message of it came, as a whole.
        """
        (mark,) = self._file.row("SELECT arrival FROM counted")
        (last,) = self._file.row("SELECT coalesce(max(arrival), 0) FROM message")
        until = min(mark + _AT_ONCE, last)
        names = self._file.rows(
            "SELECT DISTINCT conversation FROM message WHERE arrival > ? AND arrival <= ?",
            mark, until,
        )  # fmt: skip
        for (name,) in names:
            self._recount(name, matter_of)
        with self._file.writing():
            self._file.change("UPDATE counted SET arrival = max(arrival, ?)", until)
        return int(last - until)

    def made(self, since: datetime, until: datetime) -> list[Made]:
        """The contacts in which a customer wrote that began in a span of time, oldest first."""
        rows = self._file.rows(
            "SELECT agent, scenario, ref, began, ended, response, handled, sealed FROM contact"
            " WHERE began >= ? AND began < ? AND sealed IS NOT NULL ORDER BY began, conversation",
            text_of_time(since), text_of_time(until),
        )  # fmt: skip
        return [self._made(*row) for row in rows]

    def _recount(self, name: str, matter_of: MatterOf) -> None:
        try:
            talk, key = self._talks.read(name), self._talks.key_of(name)
        except NotFound:  # its customer was erased: what was counted stays
            return
        found = [
            (contact_of(part), _sealed(talk, part, matter_of, key))
            for part in parted(talk.messages)
        ]
        with self._file.writing():
            self._file.change("DELETE FROM contact WHERE conversation = ?", name)
            for one, sealed in found:
                self._file.change(
                    "INSERT OR REPLACE INTO contact VALUES (?,?,?,?,?,?,?,?,?)",
                    name, text_of_time(one.began), text_of_time(one.ended), one.response_s,
                    one.handled_s, talk.agent, talk.scenario, key.pseudonym, sealed,
                )  # fmt: skip

    def _made(
        self, agent: str, scenario: str, ref: bytes, began: str, ended: str, *rest: Any
    ) -> Made:
        response, handled, sealed = rest
        try:
            matter = self._vault.open(ref, sealed).decode()
        except NotFound:  # its customer was erased
            matter = ""
        contact = Contact(
            began=datetime.fromisoformat(began),
            ended=datetime.fromisoformat(ended),
            response_s=response,
            handled_s=handled,
        )
        return Made(agent, cast(Scenario, scenario), About(ref, matter, contact))


def _sealed(
    talk: Conversation, part: tuple[Message, ...], matter_of: MatterOf, key: SubjectKey
) -> bytes | None:
    """What it is about, sealed; None where the customer wrote nothing in it."""
    if all(one.who != "customer" for one in part):
        return None
    return key.seal(matter_of(talk, part).encode())
