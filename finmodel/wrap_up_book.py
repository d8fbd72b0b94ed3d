"""What agents wrote down after their chats, and the tickets that followed.

Wrap-ups and follow-ups come in; tickets, the most urgent first, go out. Words lie sealed under the
customer's key; what is due, of whom and by when lies beside them in the open and says nothing of
the customer. What must follow, and by when, is judged elsewhere.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec

from finmodel.book_file import BookFile
from finmodel.clock import china_day
from finmodel.conversation_book import key_under, text_of_time
from finmodel.conversations import Scenario
from finmodel.errors import BadInput, NotFound
from finmodel.tickets import FollowUp, Ticket, due_of, required_by
from finmodel.vault import SubjectKey, Vault

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS wrap_up(
    id TEXT PRIMARY KEY, at TEXT NOT NULL, conversation TEXT NOT NULL, agent TEXT NOT NULL,
    category TEXT NOT NULL, ref BLOB NOT NULL, sealed BLOB NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS wrap_up_of ON wrap_up(conversation, at);
CREATE TABLE IF NOT EXISTS ticket(
    id TEXT PRIMARY KEY, conversation TEXT NOT NULL, agent TEXT NOT NULL, kind TEXT NOT NULL,
    opened TEXT NOT NULL, due TEXT NOT NULL, is_complex INTEGER NOT NULL, closed TEXT,
    closed_by TEXT NOT NULL DEFAULT '', ref BLOB NOT NULL, sealed BLOB NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS ticket_due ON ticket(closed, due);
"""
_TICKET: Final = (
    "SELECT id, conversation, agent, kind, opened, due, is_complex, closed, closed_by FROM ticket"
)


class WrapUp(msgspec.Struct, frozen=True, kw_only=True):
    """What an agent wrote down."""

    conversation: str
    customer: str
    agent: str
    at: datetime
    category: Scenario
    body: bytes
    """All of it, as JSON."""

    def __repr__(self) -> str:
        return f"WrapUp({self.conversation})"


class Change(NamedTuple):
    """A ticket before an act, and after it."""

    before: Ticket | None
    """None where it was opened."""
    after: Ticket


Record: TypeAlias = Callable[[Sequence[Change]], object]
"""Writes into the audit log what an act changes, before it counts; where it raises nothing does."""


class WrapUpBook:
    """The wrap-ups and tickets of one home."""

    def __init__(self, path: Path, vault: Vault) -> None:
        """Open or make the book."""
        self._vault, self._file = vault, BookFile(path, _TABLES)

    def keep(
        self, given: WrapUp, follow_ups: Sequence[FollowUp], ref: bytes, record: Record
    ) -> list[Ticket]:
        """Keep a wrap-up, and open the tickets that follow, all or nothing.

        A later wrap-up of a conversation stands beside the earlier ones. A ticket of the same kind
        that is still open is not opened twice: it takes the day that is now named, a complaint no
        later one than its rule gives it, and the note behind its own. BadInput as `required_by`
        says, NotFound where the customer was erased.
        """
        asked = [(one, required_by(one, china_day(given.at))) for one in follow_ups]
        key = key_under(self._vault, given.customer, ref)
        if key is None:
            raise _erased(given.conversation)
        self._vault.sync()
        with self._file.writing():
            self._file.change(
                "INSERT INTO wrap_up VALUES (?,?,?,?,?,?,?)",
                uuid.uuid4().hex, text_of_time(given.at), given.conversation, given.agent,
                given.category, key.pseudonym, key.seal(given.body),
            )  # fmt: skip
            changes = [self._open(given, one, due, key) for one, due in asked]
            record(changes)
        return [one.after for one in changes]

    def latest(self, conversation: str) -> tuple[datetime, bytes] | None:
        """When the latest wrap-up of a conversation was kept, and what it says; None without one.

        NotFound where the customer was erased.
        """
        row = self._file.row(
            "SELECT at, ref, sealed FROM wrap_up WHERE conversation = ? "
            "ORDER BY at DESC, id LIMIT 1",
            conversation,
        )
        if row is None:
            return None
        at, ref, sealed = row
        return datetime.fromisoformat(at), self._vault.open(ref, sealed)

    def tickets(self, agent: str, most: int) -> list[Ticket]:
        """Open tickets, the first due first; of every agent where none is named."""
        rows = self._file.rows(
            f"{_TICKET} WHERE closed IS NULL AND ? IN ('', agent) ORDER BY due, opened LIMIT ?",
            agent, most,
        )  # fmt: skip
        return [_ticket(row) for row in rows]

    def overdue(self, agent: str, today: date) -> int:
        """How many open tickets are late."""
        (count,) = self._file.row(
            "SELECT count(*) FROM ticket WHERE closed IS NULL AND due < ? AND ? IN ('', agent)",
            today.isoformat(), agent,
        )  # fmt: skip
        return int(count)

    def ticket(self, name: str) -> Ticket:
        """One of them; NotFound where there is none of this id."""
        row = self._file.row(f"{_TICKET} WHERE id = ?", name)
        if row is None:
            raise NotFound(
                "no ticket has this id", where=f"ticket {name}", remedy="see which: GET /tickets"
            )
        return _ticket(row)

    def note(self, name: str) -> str:
        """What was written on it; empty where the customer was erased."""
        row = self._file.row("SELECT ref, sealed FROM ticket WHERE id = ?", name)
        try:
            return self._vault.open(*row).decode() if row is not None else ""
        except NotFound:
            return ""

    def close_ticket(self, name: str, by: str, at: datetime, record: Record) -> Ticket:
        """It was done; BadInput where somebody closed it before."""
        with self._file.writing():
            known = self.ticket(name)
            if known.closed is not None:
                raise BadInput(
                    f"{known.closed_by} closed it before",
                    where=f"ticket {name}",
                    remedy="open another by a wrap-up, where something is still to be done",
                )
            self._file.change(
                "UPDATE ticket SET closed = ?, closed_by = ? WHERE id = ?",
                text_of_time(at), by, name,
            )  # fmt: skip
            record([Change(known, closed := self.ticket(name))])
        return closed

    def extend(self, name: str, record: Record) -> Ticket:
        """A complaint turned out complex, and gets the time of one; BadInput of anything else."""
        with self._file.writing():
            known = self.ticket(name)
            if known.kind != "complaint" or known.closed is not None:
                raise BadInput(
                    "only an open complaint gets more time",
                    where=f"ticket {name}",
                    remedy="close it, and wrap the conversation up again with another day",
                )
            due = due_of(known.kind, china_day(known.opened), is_complex=True)
            self._file.change(
                "UPDATE ticket SET due = ?, is_complex = 1 WHERE id = ?", due.isoformat(), name
            )
            record([Change(known, extended := self.ticket(name))])
        return extended

    def held(self, customer: str) -> int:
        """How many wrap-ups and tickets of a customer there are."""
        ref = self._vault.known(customer)
        told = "SELECT (SELECT count(*) FROM wrap_up WHERE ref = ?1)"
        return int(self._file.row(f"{told} + (SELECT count(*) FROM ticket WHERE ref = ?1)", ref)[0])

    def last(self, customer: str) -> datetime | None:
        """When the newest of them was written; None where there is none."""
        told = (
            "SELECT max(at) FROM (SELECT at FROM wrap_up WHERE ref = ?1"
            " UNION ALL SELECT opened FROM ticket WHERE ref = ?1)"
        )
        (at,) = self._file.row(told, self._vault.known(customer))
        return None if at is None else datetime.fromisoformat(at)

    def forget(self, customer: str) -> int:
        """Remove them, open tickets too; how many there were."""
        ref = self._vault.known(customer)
        with self._file.writing():
            gone = self._file.change("DELETE FROM wrap_up WHERE ref = ?", ref)
            gone += self._file.change("DELETE FROM ticket WHERE ref = ?", ref)
        self._file.fold()
        return gone

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def _open(self, given: WrapUp, asked: FollowUp, due: date, key: SubjectKey) -> Change:
        known = self._file.row(
            "SELECT id FROM ticket WHERE conversation = ? AND kind = ? AND closed IS NULL",
            given.conversation, asked.kind,
        )  # fmt: skip
        if known is not None:
            return self._again(self.ticket(known[0]), asked, key)
        name = uuid.uuid4().hex
        self._file.change(
            "INSERT INTO ticket VALUES (?,?,?,?,?,?,?,NULL,'',?,?)",
            name, given.conversation, given.agent, asked.kind, text_of_time(given.at),
            due.isoformat(), asked.is_complex, key.pseudonym, key.seal(asked.note.encode()),
        )  # fmt: skip
        return Change(None, self.ticket(name))

    def _again(self, known: Ticket, asked: FollowUp, key: SubjectKey) -> Change:
        is_complex = known.is_complex or asked.is_complex
        due = asked.due or known.due
        if known.kind == "complaint":
            latest = due_of(known.kind, china_day(known.opened), is_complex)
            due = latest if is_complex and not known.is_complex else min(due, latest)
        notes = dict.fromkeys(one for one in (self.note(known.id), asked.note) if one)
        self._file.change(
            "UPDATE ticket SET due = ?, is_complex = ?, sealed = ? WHERE id = ?",
            due.isoformat(), is_complex, key.seal("\n".join(notes).encode()), known.id,
        )  # fmt: skip
        return Change(known, self.ticket(known.id))


def _ticket(row: tuple[Any, ...]) -> Ticket:
    name, conversation, agent, kind, opened, due, is_complex, closed, closed_by = row
    return Ticket(
        id=name,
        conversation=conversation,
        agent=agent,
        kind=kind,
        opened=datetime.fromisoformat(opened),
        due=date.fromisoformat(due),
        is_complex=bool(is_complex),
        closed=datetime.fromisoformat(closed) if closed else None,
        closed_by=closed_by,
    )


def _erased(conversation: str) -> NotFound:
    return NotFound(
        "its customer was erased",
        where=f"conversation {conversation}",
        remedy="nothing can be written of them any more",
    )
