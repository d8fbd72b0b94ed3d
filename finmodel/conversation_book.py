"""Conversations under way: each message once, in its order, sealed under its customer's key.

Messages come in from whatever carries them (a vendor's desktop, WeCom, a transcribed call), twice
or late as such things do; whole conversations go out. Words and who said them to whom lie sealed:
once the customer's key is erased, nobody reads them. What a reply should be is not known here.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TypeAlias

import msgspec

from finmodel.assistant.hints import Hint
from finmodel.book_file import BookFile
from finmodel.conversations import (
    LONGEST,
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
from finmodel.vault import SubjectKey, Vault

LONGEST_MESSAGE: Final = 100_000
"""Characters of one message."""
_TABLES: Final = """
CREATE TABLE IF NOT EXISTS conversation(
    id TEXT PRIMARY KEY, agent TEXT NOT NULL, latest TEXT NOT NULL, tokens INTEGER NOT NULL,
    ref BLOB NOT NULL, sealed BLOB NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS by_agent ON conversation(agent, latest);
CREATE INDEX IF NOT EXISTS by_customer ON conversation(ref);
CREATE TABLE IF NOT EXISTS message(
    arrival INTEGER PRIMARY KEY, conversation TEXT NOT NULL, id TEXT NOT NULL, at TEXT NOT NULL,
    sealed BLOB NOT NULL, UNIQUE(conversation, id));
CREATE INDEX IF NOT EXISTS in_order ON message(conversation, at, arrival);
"""

_LATEST: Final = """
SELECT ref, sealed, (SELECT message.sealed FROM message WHERE message.conversation = conversation.id
                     ORDER BY at DESC, arrival DESC LIMIT 1)
FROM conversation WHERE agent = ? ORDER BY latest DESC, id LIMIT ? OFFSET ?
"""


class Opened(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is known of a conversation beside its messages.

    None is what was not told: of a conversation that has begun, what was known of it stays.
    """

    id: Name
    customer: Name
    started: Moment
    channel: Name
    scenario: Scenario
    agent: Name
    """Whose conversation it is: nobody else may open it."""
    consent_to_training: bool | None = None
    account: Account | None = None
    facts: dict[str, int | str] | None = None
    hints: tuple[Hint, ...] | None = None
    """Of other systems, for the eyes of some roles: no part of what was said."""

    @classmethod
    def of(cls, one: Conversation, agent: str) -> Opened:
        """What is known of a conversation that is handed to an agent."""
        known = {name: getattr(one, name) for name in _SHARED}
        return cls(**known | {"agent": agent})

    def with_messages(self, messages: Iterable[Message]) -> Conversation:
        """The conversation of these messages."""
        said = tuple(messages)
        started = min([self.started, *(one.at for one in said)])
        known = {name: getattr(self, name) for name in _SHARED} | {
            "started": started,
            "consent_to_training": bool(self.consent_to_training),
            "facts": self.facts or {},
        }
        return Conversation(**known, messages=said)

    def after(self, before: Opened) -> Opened:
        """What is known now that was known before, or that is told anew."""
        stay = {name: getattr(before, name) for name in _STAYING if getattr(self, name) is None}
        started = min(before.started, self.started)
        return msgspec.structs.replace(self, started=started, **stay)

    def __repr__(self) -> str:
        return f"Opened({self.id})"


_STAYING: Final = ("consent_to_training", "account", "facts", "hints")
_SHARED: Final = tuple(
    name for name in Opened.__struct_fields__ if name in Conversation.__struct_fields__
)


Beside: TypeAlias = Callable[[Message], None]
"""Called of each message that is new, within the transaction that keeps it: what it writes into the
same file is kept with the message, or not at all."""


class Brought(msgspec.Struct, frozen=True):
    """What became of messages that were brought."""

    new: int
    again: int
    """Brought before, just so."""
    last: str
    """The id of what now is the latest message: a suggestion for an earlier one is stale."""


class ConversationBook:
    """The conversations of one home."""

    def __init__(self, path: Path, vault: Vault) -> None:
        """Open or make the book."""
        self._vault, self._file = vault, BookFile(path, _TABLES)

    @property
    def file(self) -> BookFile:
        """Where they lie: what is kept beside a message stands in the same file."""
        return self._file

    def take(
        self, opened: Opened, messages: Sequence[Message], beside: Beside | None = None
    ) -> Brought:
        """Write down what is known of a conversation, and its messages: all of it or nothing.

        A conversation begins with the first of its messages that comes; what is known of it may
        change later. BadInput where its id is that of another customer's or another agent's, a
        message's id comes again with other words, a message is none, or it would be too long.
        """
        for one in messages:
            _require_message(one, opened.id)
        with self._file.writing():
            key = self._begin(opened)
            return self._bring_all(opened.id, messages, key, beside)

    def add(self, conversation: str, message: Message, beside: Beside | None = None) -> Brought:
        """One more message of a conversation that has begun; what else is known of it stays.

        NotFound where it has not begun, or where the customer's key was erased.
        """
        _require_message(message, conversation)
        with self._file.writing():
            return self._bring_all(conversation, [message], self.key_of(conversation), beside)

    def read(self, conversation: str) -> Conversation:
        """The whole conversation, its messages by their times and then as they came.

        NotFound where there is none of this id, or where the customer's key was erased.
        """
        header = self._require_header(conversation)
        opened = self._open(header)
        rows = self._file.rows(
            "SELECT sealed FROM message WHERE conversation = ? ORDER BY at, arrival", conversation
        )
        return opened.with_messages(self._message(header[0], sealed) for (sealed,) in rows)

    def hints(self, conversation: str) -> tuple[Hint, ...]:
        """What other systems brought of its customer; NotFound as `read` says."""
        return self._open(self._require_header(conversation)).hints or ()

    def of(self, agent: str, most: int = 50) -> list[Conversation]:
        """An agent's conversations, at most so many, the latest first, with the last message alone.

        Those whose customer was erased are gone, and do not count.
        """
        found: list[Conversation] = []
        past = 0
        while len(found) < most and (rows := self._file.rows(_LATEST, agent, most, past)):
            found += filter(None, map(self._latest, rows))
            past += len(rows)
        return found[:most]

    def of_customer(self, customer: str) -> list[Conversation]:
        """A customer's conversations, whoever their agents are."""
        ref = self._vault.known(customer)
        rows = self._file.rows("SELECT id FROM conversation WHERE ref = ? ORDER BY id", ref)
        return [self.read(name) for (name,) in rows]

    def to_train(self, left_out: Container[bytes] = ()) -> list[Conversation]:
        """Every conversation in which an agent wrote and the customer consented to training.

        `left_out` are pseudonyms of customers of whom nothing may be learnt.
        """
        found = []
        for name, ref in self._file.rows("SELECT id, ref FROM conversation"):
            if ref in left_out:
                continue
            try:
                one = self.read(name)
            except NotFound:  # its customer was erased
                continue
            if one.consent_to_training and any(said.who == "agent" for said in one.messages):
                found.append(one)
        return found

    def agent_of(self, conversation: str) -> str:
        """Whose conversation it is; NotFound where there is none of this id."""
        row = self._file.row("SELECT agent FROM conversation WHERE id = ?", conversation)
        if row is None:
            raise _unknown(conversation)
        return str(row[0])

    def ref_of(self, conversation: str) -> bytes:
        """The pseudonym under whose key it lies sealed, for ever; NotFound as `agent_of`."""
        return self._require_header(conversation)[0]

    def key_of(self, conversation: str) -> SubjectKey:
        """The key that it lies sealed under; NotFound as `read` says."""
        ref, header = self._require_header(conversation)
        return self._key(self._open((ref, header)).customer, ref)

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def _latest(self, row: tuple[bytes, bytes, bytes | None]) -> Conversation | None:
        ref, header, last = row
        try:
            said = [] if last is None else [self._message(ref, last)]
            return self._open((ref, header)).with_messages(said)
        except NotFound:  # its customer was erased
            return None

    def _begin(self, opened: Opened) -> SubjectKey:
        """Write down what is known; the key, which is made only where a conversation begins."""
        row = self._header_row(opened.id)
        if row is None:
            key = self._vault.keys_of([opened.customer])[opened.customer]
        else:
            # The agent first, who stands in the open: whose customer it is, no other agent learns.
            _require_same("agent", self.agent_of(opened.id), opened)
            known = self._open(row)
            _require_same("customer", known.customer, opened)
            key = self._key(known.customer, row[0])
            opened = opened.after(known)
        self._vault.sync()  # a key that a power cut takes leaves words that nobody can read
        self._file.change(
            "INSERT INTO conversation VALUES (?,?,?,0,?,?)"
            " ON CONFLICT(id) DO UPDATE SET sealed = excluded.sealed",
            opened.id, opened.agent, text_of_time(opened.started), key.pseudonym,
            key.seal(msgspec.json.encode(opened)),
        )  # fmt: skip
        return key

    def _key(self, customer: str, ref: bytes) -> SubjectKey:
        key = key_under(self._vault, customer, ref)
        if key is None:
            raise NotFound(
                "the customer's key was erased",
                where="conversation",
                remedy="it cannot be brought back",
            )
        return key

    def _bring_all(
        self, conversation: str, messages: Sequence[Message], key: SubjectKey, beside: Beside | None
    ) -> Brought:
        new = [one for one in messages if self._bring(conversation, one, key)]
        if beside is not None:
            for one in new:
                beside(one)
        return Brought(len(new), len(messages) - len(new), self._last(conversation))

    def _bring(self, conversation: str, one: Message, key: SubjectKey) -> bool:
        """Add a message; whether it is new."""
        before = self._file.row(
            "SELECT sealed FROM message WHERE conversation = ? AND id = ?", conversation, one.id
        )
        if before is None:
            self._add(conversation, one, key.seal(msgspec.json.encode(one)))
            return True
        if one != self._message(key.pseudonym, before[0]):
            raise BadInput(
                f"message {one.id!r} was brought before, with other words or another time",
                where=f"conversation {conversation}",
                remedy="give what was corrected an id of its own",
            )
        return False

    def _add(self, conversation: str, one: Message, sealed: bytes) -> None:
        at = text_of_time(one.at)
        self._file.change(
            "INSERT INTO message(conversation, id, at, sealed) VALUES (?,?,?,?)",
            conversation, one.id, at, sealed,
        )  # fmt: skip
        self._file.change(
            "UPDATE conversation SET tokens = tokens + ?, latest = max(latest, ?) WHERE id = ?",
            tokens_about(one.text), at, conversation,
        )  # fmt: skip
        (whole,) = self._file.row("SELECT tokens FROM conversation WHERE id = ?", conversation)
        if whole > LONGEST:
            raise BadInput(
                f"it would have about {whole:,} tokens, at most {LONGEST:,} are kept",
                where=f"conversation {conversation}",
                remedy="go on in a new conversation",
            )

    def _last(self, conversation: str) -> str:
        row = self._file.row(
            "SELECT id FROM message WHERE conversation = ? ORDER BY at DESC, arrival DESC LIMIT 1",
            conversation,
        )
        return str(row[0]) if row is not None else ""

    def _message(self, ref: bytes, sealed: bytes) -> Message:
        return msgspec.json.decode(self._vault.open(ref, sealed), type=Message)

    def _header_row(self, conversation: str) -> tuple[bytes, bytes] | None:
        found: tuple[bytes, bytes] | None = self._file.row(
            "SELECT ref, sealed FROM conversation WHERE id = ?", conversation
        )
        return found

    def _require_header(self, conversation: str) -> tuple[bytes, bytes]:
        row = self._header_row(conversation)
        if row is None:
            raise _unknown(conversation)
        return row

    def _open(self, row: tuple[bytes, bytes]) -> Opened:
        return msgspec.json.decode(self._vault.open(*row), type=Opened)


def key_under(vault: Vault, customer: str, ref: bytes) -> SubjectKey | None:
    """The customer's key while it is the one of this pseudonym; None once that was erased.

    Whoever holds words from before an erasure asks for it so: a key of later is not theirs.
    """
    if vault.known(customer) != ref:
        return None
    key = vault.keys_of([customer])[customer]
    return key if key.pseudonym == ref else None


def identity_of(conversation: Conversation) -> Identity:
    """Who the customer is known to be by now: as the latest message says."""
    return conversation.messages[-1].identity if conversation.messages else "none"


def text_of_time(at: datetime) -> str:
    """A time whose text sorts as it does.

    >>> text_of_time(datetime.fromisoformat("2026-06-03T09:00:00+08:00"))
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


def _require_same(key: str, known: str, again: Opened) -> None:
    if getattr(again, key) != known:
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
