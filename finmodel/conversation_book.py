"""Conversations under way: each message once, in its order, sealed under its customer's key.

Messages come in from whatever carries them (a vendor's desktop, WeCom, a transcribed call), twice
or late as such things do; whole conversations go out. Words and who said them to whom lie sealed
in one SQLite file: once the customer's key is erased, nobody reads them. What a reply should be is
not known here.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from finmodel.conversations import (
    Account,
    Conversation,
    Identity,
    Message,
    Moment,
    Name,
    Scenario,
    tokens_about,
)
from finmodel.errors import BadInput, NotFound
from finmodel.sqlite_errors import typed
from finmodel.vault import Vault

LONGEST_MESSAGE: Final = 100_000
"""Characters of one message."""
MOST_TOKENS: Final = 64_000
"""Of one conversation, as `tokens_about` counts them."""
_TABLES: Final = """
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS conversation(
    id TEXT PRIMARY KEY, agent TEXT NOT NULL, latest TEXT NOT NULL, tokens INTEGER NOT NULL,
    ref BLOB NOT NULL, sealed BLOB NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS by_agent ON conversation(agent, latest);
CREATE TABLE IF NOT EXISTS message(
    arrival INTEGER PRIMARY KEY, conversation TEXT NOT NULL, id TEXT NOT NULL, at TEXT NOT NULL,
    sealed BLOB NOT NULL, UNIQUE(conversation, id));
CREATE INDEX IF NOT EXISTS in_order ON message(conversation, at, arrival);
COMMIT;
"""


class Opened(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is known of a conversation when its first message comes."""

    id: Name
    customer: Name
    started: Moment
    channel: str
    scenario: Scenario
    agent: Name
    """Whose conversation it is: nobody else may open it."""
    consent_to_training: bool = False
    account: Account | None = None
    facts: dict[str, int | str] = {}


class Brought(msgspec.Struct, frozen=True):
    """What became of messages that were brought."""

    new: int
    again: int
    """Brought before, just so."""
    last: str
    """The id of what now is the latest message: a suggestion for an earlier one is stale."""


class Listed(msgspec.Struct, frozen=True):
    """One line of an agent's conversations."""

    id: str
    latest: str
    customer: str
    scenario: Scenario
    identity: Identity
    last_words: str
    last_who: str


class ConversationBook:
    """The conversations of one home. Safe for threads, and for several processes."""

    def __init__(self, path: Path, vault: Vault) -> None:
        """Open or make the book."""
        self.path, self._vault, self._lock = path, vault, threading.RLock()
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with typed(path):
            path.touch(mode=0o600)
            self._db = sqlite3.connect(
                path, timeout=5.0, isolation_level=None, check_same_thread=False
            )
            for pragma in ("journal_mode = WAL", "synchronous = FULL", "secure_delete = ON"):
                self._db.execute(f"PRAGMA {pragma}")
            self._db.executescript(_TABLES)

    def begin(self, opened: Opened) -> bool:
        """Write a conversation down; whether it is new. BadInput where another has its id."""
        known = self._header(opened.id)
        if known is not None:
            _require_same(known, opened)
            return False
        key = self._vault.keys_of([opened.customer])[opened.customer]
        sealed = key.seal(msgspec.json.encode(opened))
        self._vault.sync()  # a key that a power cut takes leaves words that nobody can read
        with self._writing():
            row = (opened.id, opened.agent, _text(opened.started), 0, key.pseudonym, sealed)
            new = self._db.execute("INSERT OR IGNORE INTO conversation VALUES (?,?,?,?,?,?)", row)
        if new.rowcount:
            return True
        return self.begin(opened)  # another process was first

    def bring(self, conversation: str, messages: Sequence[Message]) -> Brought:
        """Add messages, each once by its id; all of them or none.

        NotFound for a conversation that never began, BadInput where an id comes again with other
        words, or a message is none.
        """
        opened = self._opened(conversation)
        for one in messages:
            _require_message(one, conversation)
        key = self._vault.keys_of([opened.customer])[opened.customer]
        new = 0
        with self._writing():
            for one in messages:
                before = self._db.execute(
                    "SELECT sealed FROM message WHERE conversation = ? AND id = ?",
                    (conversation, one.id),
                ).fetchone()
                if before is None:
                    self._db.execute(
                        "INSERT INTO message(conversation, id, at, sealed) VALUES (?,?,?,?)",
                        (conversation, one.id, _text(one.at), key.seal(msgspec.json.encode(one))),
                    )
                    self._count(conversation, one)
                    new += 1
                elif one != self._message(key.pseudonym, before[0]):
                    raise BadInput(
                        f"message {one.id!r} was brought before, with other words or another time",
                        where=f"conversation {conversation}",
                        remedy="give what was corrected an id of its own",
                    )
            last = self._last(conversation)
        return Brought(new, len(messages) - new, last)

    def read(self, conversation: str) -> Conversation:
        """The whole conversation, its messages by their times and then as they came.

        NotFound where there is none of this id, or where the customer's key was erased.
        """
        opened = self._opened(conversation)
        ref, rows = self._rows(conversation)
        messages = [self._message(ref, sealed) for sealed in rows]
        return Conversation(
            id=opened.id,
            customer=opened.customer,
            started=min([opened.started, *(one.at for one in messages)]),
            channel=opened.channel,
            scenario=opened.scenario,
            consent_to_training=opened.consent_to_training,
            messages=tuple(messages),
            agent=opened.agent,
            account=opened.account,
            facts=opened.facts,
        )

    def of(self, agent: str, most: int = 50) -> list[Listed]:
        """An agent's conversations, the latest first; those whose customer was erased are gone."""
        with typed(self.path), self._lock:
            rows = self._db.execute(
                "SELECT id, latest FROM conversation WHERE agent = ? ORDER BY latest DESC LIMIT ?",
                (agent, most),
            ).fetchall()
        found = []
        for name, latest in rows:
            try:
                found.append(_line(self.read(name), latest))
            except NotFound:
                continue
        return found

    def agent_of(self, conversation: str) -> str:
        """Whose conversation it is; NotFound where there is none of this id."""
        with typed(self.path), self._lock:
            row = self._db.execute(
                "SELECT agent FROM conversation WHERE id = ?", (conversation,)
            ).fetchone()
        if row is None:
            raise _unknown(conversation)
        return str(row[0])

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._db.close()

    def _count(self, conversation: str, one: Message) -> None:
        """Keep the conversation's size and when it was last heard of; BadInput where it is full."""
        tokens = tokens_about(one.text)
        self._db.execute(
            "UPDATE conversation SET tokens = tokens + ?, latest = max(latest, ?) WHERE id = ?",
            (tokens, _text(one.at), conversation),
        )
        (whole,) = self._db.execute(
            "SELECT tokens FROM conversation WHERE id = ?", (conversation,)
        ).fetchone()
        if whole > MOST_TOKENS:
            raise BadInput(
                f"it would have about {whole:,} tokens, at most {MOST_TOKENS:,} are kept",
                where=f"conversation {conversation}",
                remedy="go on in a new conversation",
            )

    def _last(self, conversation: str) -> str:
        row = self._db.execute(
            "SELECT id FROM message WHERE conversation = ? ORDER BY at DESC, arrival DESC LIMIT 1",
            (conversation,),
        ).fetchone()
        return str(row[0]) if row is not None else ""

    def _message(self, ref: bytes, sealed: bytes) -> Message:
        return msgspec.json.decode(self._vault.open(ref, sealed), type=Message)

    def _rows(self, conversation: str) -> tuple[bytes, list[bytes]]:
        with typed(self.path), self._lock:
            (ref,) = self._db.execute(
                "SELECT ref FROM conversation WHERE id = ?", (conversation,)
            ).fetchone()
            rows = self._db.execute(
                "SELECT sealed FROM message WHERE conversation = ? ORDER BY at, arrival",
                (conversation,),
            ).fetchall()
        return ref, [row[0] for row in rows]

    def _opened(self, conversation: str) -> Opened:
        found = self._header(conversation)
        if found is None:
            raise _unknown(conversation)
        return found

    def _header(self, conversation: str) -> Opened | None:
        with typed(self.path), self._lock:
            row = self._db.execute(
                "SELECT ref, sealed FROM conversation WHERE id = ?", (conversation,)
            ).fetchone()
        if row is None:
            return None
        return msgspec.json.decode(self._vault.open(*row), type=Opened)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """One transaction: all that is written in it, or nothing."""
        with typed(self.path), self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            finally:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")


def identity_of(conversation: Conversation) -> Identity:
    """Who the customer is known to be by now: as the latest message says."""
    return conversation.messages[-1].identity if conversation.messages else "none"


def _line(one: Conversation, latest: str) -> Listed:
    last = one.messages[-1] if one.messages else None
    return Listed(
        id=one.id,
        latest=latest,
        customer=one.customer,
        scenario=one.scenario,
        identity=identity_of(one),
        last_words=last.text[:80] if last else "",
        last_who=last.who if last else "",
    )


def _text(at: datetime) -> str:
    """A time whose text sorts as it does.

    >>> _text(datetime.fromisoformat("2026-06-03T09:00:00+08:00"))
    '2026-06-03T01:00:00.000000Z'
    """
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _require_message(one: Message, conversation: str) -> None:
    where = f"conversation {conversation}, message {one.id}"
    if len(one.text) > LONGEST_MESSAGE:
        raise BadInput(
            f"it has {len(one.text):,} characters, at most {LONGEST_MESSAGE:,} are kept",
            where=where,
            remedy="bring it in parts",
        )
    if not one.text.strip():
        raise BadInput("it is empty", where=where, remedy="leave it out")


def _require_same(known: Opened, again: Opened) -> None:
    for key in ("customer", "agent"):
        if getattr(known, key) != getattr(again, key):
            raise BadInput(
                f"it began with another {key}",
                where=f"conversation {again.id}",
                remedy="give a new conversation an id of its own",
            )


def _unknown(conversation: str) -> NotFound:
    return NotFound(
        "no conversation of this id has begun",
        where=f"conversation {conversation}",
        remedy="bring its first message with the customer, the channel and the scenario",
    )
