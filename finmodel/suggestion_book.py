"""What agents were shown, what they made of it, and what it was worth.

Suggestions as they were shown and agents' verdicts on them come in; verdicts for training, and
counts for a supervisor, go out. Words lie sealed under the customer's key; what is counted (who,
when, how much was edited) lies beside them in the open and says nothing of the customer.
"""

from __future__ import annotations

import uuid
from collections.abc import Container, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from finmodel.book_file import BookFile
from finmodel.conversation_book import key_under, text_of_time
from finmodel.conversations import Scenario
from finmodel.errors import BadInput, Damaged, NotFound
from finmodel.suggestion_worth import GroupedBy, Worth, worth_of
from finmodel.tenure import Tenure
from finmodel.vault import SubjectKey, Vault, named_as, unnamed
from finmodel.verdicts import Choice, Verdict

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS shown(
    id TEXT PRIMARY KEY, at TEXT NOT NULL, conversation TEXT NOT NULL, agent TEXT NOT NULL,
    scenario TEXT NOT NULL, adapter TEXT NOT NULL, count INTEGER NOT NULL, ms REAL NOT NULL,
    ref BLOB NOT NULL, sealed BLOB NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS shown_at ON shown(at);
CREATE TABLE IF NOT EXISTS verdict(
    shown TEXT PRIMARY KEY, at TEXT NOT NULL, choice TEXT NOT NULL, characters INTEGER NOT NULL,
    saved REAL NOT NULL, seconds REAL, violations INTEGER NOT NULL, sealed BLOB NOT NULL
    ) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS circumstance(
    arrival INTEGER PRIMARY KEY AUTOINCREMENT, shown TEXT NOT NULL UNIQUE, tenure TEXT NOT NULL,
    writer TEXT NOT NULL, sealed BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS under_way(shown TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS told(
    shown TEXT PRIMARY KEY, judged INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS to_log(shown TEXT PRIMARY KEY, since INTEGER, sealed BLOB NOT NULL);
"""
_UNTOLD: Final = """
SELECT shown.id, shown.at, scenario, coalesce(tenure, 'unknown'), coalesce(writer, ''), agent,
       told.shown IS NOT NULL, ref, shown.sealed, choice, verdict.at, characters, saved,
       seconds, violations, verdict.sealed
FROM shown LEFT JOIN verdict ON verdict.shown = shown.id
           LEFT JOIN circumstance ON circumstance.shown = shown.id
           LEFT JOIN told ON told.shown = shown.id
WHERE (told.shown IS NULL OR (told.judged = 0 AND verdict.shown IS NOT NULL))
      AND (verdict.shown IS NOT NULL OR shown.id NOT IN (SELECT shown FROM under_way))
ORDER BY shown.at, shown.id LIMIT ?
"""


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """Suggestions as an agent saw them."""

    conversation: str
    customer: str
    agent: str
    scenario: Scenario
    at: datetime
    adapter: str = ""
    """Whose generated reply was among them, as `name/version`; empty where none was."""
    count: int
    """So many suggestions."""
    ms: float
    """Until the first was there."""
    body: bytes
    """All of it with its trace, as JSON."""
    tenure: Tenure = "unknown"
    """The agent's, on that day."""
    writer: str = ""
    """Who would have written, had the engine been asked, as settings name them; empty for nobody.

    It is chosen by conversation: what is compared is not what came through the guards alone."""
    asked: bytes = b""
    """What was asked beside the conversation's words, as JSON: for a replay."""

    def __repr__(self) -> str:
        return f"Shown({self.conversation})"


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """What an agent made of them."""

    verdict: Verdict
    characters: int
    """Of what was sent."""
    saved: float
    """1 − edits from what was chosen to what was sent, over its length; 0 where none was chosen."""
    seconds: float | None = None
    """From when they were shown until the reply was sent."""
    violations: int = 0
    """Rules that the text that was sent breaks."""
    event: bytes = b""
    """The same as an event, for `VerdictOutbox` to give out; empty where there is no log for it."""

    def __repr__(self) -> str:
        return f"Judged({self.verdict.id})"


class Counts(msgspec.Struct, frozen=True):
    """A verdict without its words."""

    choice: Choice
    at: datetime
    characters: int
    saved: float
    seconds: float | None
    violations: int


class Untold(msgspec.Struct, frozen=True):
    """Suggestions that were not told on yet, or not with their verdict."""

    name: str
    at: datetime
    scenario: Scenario
    tenure: Tenure
    writer: str
    agent: str
    again: bool
    """Told on before, without its verdict."""
    body: bytes
    """Empty where the customer's key was erased."""
    counts: Counts | None
    """What became of them, if anything yet."""
    sealed: bytes = b""
    """The verdict with its words, which `SuggestionBook.opened` reads; without whose they are."""

    def __repr__(self) -> str:
        return f"Untold({self.name})"


class Kept(msgspec.Struct, frozen=True):
    """What was shown and what was asked, as bytes of JSON."""

    conversation: str
    body: bytes
    asked: bytes

    def __repr__(self) -> str:
        return f"Kept({self.conversation})"


class SuggestionBook:
    """The suggestions of one home."""

    def __init__(self, path: Path, vault: Vault) -> None:
        """Open or make the book."""
        self._vault, self._file = vault, BookFile(path, _TABLES)

    def show(self, shown: Shown, ref: bytes, *, under_way: bool = False) -> str:
        """Keep what an agent is shown; its id, by which a verdict names it.

        More may come of what is `under_way`: until `finish`, it counts once it is judged. `ref` is
        the pseudonym that its conversation lies sealed under. Where the customer was erased while
        somebody wrote, what is counted is kept and no word: no key is made for it.
        """
        key = key_under(self._vault, shown.customer, ref)
        if key is None:
            shown = msgspec.structs.replace(shown, body=b"", asked=b"")
            key = _nobodys(ref)
        self._vault.sync()
        name = uuid.uuid4().hex
        with self._file.writing():
            self._file.change(
                "INSERT INTO shown VALUES (?,?,?,?,?,?,?,?,?,?)",
                name, text_of_time(shown.at), shown.conversation, shown.agent, shown.scenario,
                shown.adapter, shown.count, shown.ms, key.pseudonym, key.seal(shown.body),
            )  # fmt: skip
            self._file.change(
                "INSERT INTO circumstance(shown, tenure, writer, sealed) VALUES (?,?,?,?)",
                name, shown.tenure, shown.writer, key.seal(shown.asked),
            )  # fmt: skip
            if under_way:
                self._file.change("INSERT INTO under_way VALUES (?)", name)
        return name

    def finish(self, name: str, shown: Shown) -> None:
        """Keep all that came of what was under way.

        What was judged before stays as it was judged. Of an erased customer no word is kept.
        """
        with self._file.writing():
            self._file.change("DELETE FROM under_way WHERE shown = ?", name)
            judged = self._file.row("SELECT 1 FROM verdict WHERE shown = ?", name)
            (ref,) = self._file.row("SELECT ref FROM shown WHERE id = ?", name)
            key = key_under(self._vault, shown.customer, ref)
            if judged is not None or key is None:
                return
            self._file.change(
                "UPDATE shown SET adapter = ?, count = ?, ms = ?, sealed = ? WHERE id = ?",
                shown.adapter, shown.count, shown.ms, key.seal(shown.body), name,
            )  # fmt: skip

    def body(self, name: str, agent: str) -> bytes:
        """What this agent was shown, as it was.

        NotFound where there is none of this id or it was another agent's, and where the customer's
        key was erased.
        """
        row = self._file.row("SELECT agent, ref, sealed FROM shown WHERE id = ?", name)
        if row is None or row[0] != agent:
            raise _unknown(name)
        return self._vault.open(row[1], row[2])

    def judge(self, name: str, customer: str, judged: Judged) -> bool:
        """Keep a verdict; whether it is new. BadInput where it was judged otherwise before.

        NotFound where nothing of this id was shown of this customer, or their key was erased.
        """
        verdict = judged.verdict
        with self._file.writing():
            shown = self._file.row("SELECT ref FROM shown WHERE id = ?", name)
            key = key_under(self._vault, customer, shown[0]) if shown is not None else None
            if key is None:
                raise _unknown(name)
            before = self._file.row("SELECT sealed FROM verdict WHERE shown = ?", name)
            if before is not None:
                _require_same(self._verdict(key.pseudonym, before[0]), verdict, name)
                return False
            self._file.change(
                "INSERT INTO verdict VALUES (?,?,?,?,?,?,?,?)",
                name, text_of_time(verdict.at), verdict.verdict, judged.characters, judged.saved,
                judged.seconds, judged.violations, key.seal(msgspec.json.encode(verdict)),
            )  # fmt: skip
            if judged.event:
                waits = "INSERT INTO to_log(shown, sealed) VALUES (?,?)"
                self._file.change(waits, name, key.seal(judged.event))
        return True

    def opened(self, name: str, sealed: bytes) -> Verdict:
        """The verdict in a suggestion's `Untold.sealed`.

        NotFound where nothing of this id was judged here, or the customer was erased since; Damaged
        where it was altered, or is another's.
        """
        told = "SELECT ref, verdict.sealed FROM verdict JOIN shown ON id = shown WHERE id = ?"
        row = self._file.row(told, name)
        if row is None:
            raise _unknown(name)
        try:
            found = self._verdict(row[0], named_as(sealed, row[1]))
        except msgspec.MsgspecError as error:
            raise _another(name) from error
        if found.id != name:
            raise _another(name)
        return found

    def verdicts(self) -> Iterator[Verdict]:
        """All verdicts, oldest first; those whose customer was erased are gone."""
        rows = self._file.rows(
            "SELECT shown.ref, verdict.sealed FROM verdict JOIN shown ON shown.id = shown"
            " ORDER BY verdict.at, shown"
        )
        for ref, sealed in rows:
            try:
                yield self._verdict(ref, sealed)
            except NotFound:
                continue

    def kept(self, name: str) -> Kept:
        """What was shown, whoever saw it; NotFound as `body` says."""
        row = self._file.row(
            "SELECT conversation, ref, shown.sealed, circumstance.sealed FROM shown"
            " LEFT JOIN circumstance ON circumstance.shown = shown.id WHERE shown.id = ?",
            name,
        )
        if row is None:
            raise _unknown(name)
        conversation, ref, body, asked = row
        asked = self._vault.open(ref, asked) if asked is not None else b""
        return Kept(conversation, self._vault.open(ref, body), asked)

    def bodies(self, most: int) -> Iterator[bytes]:
        """What was shown, the newest first, at most so many; erased customers' are gone."""
        for ref, sealed in self._file.rows(
            "SELECT ref, sealed FROM shown ORDER BY at DESC, id LIMIT ?", most
        ):
            with suppress(NotFound):
                yield self._vault.open(ref, sealed)

    def untold(self, most: int, wordless: Container[bytes] = ()) -> list[Untold]:
        """At most so many suggestions that `tell` was not called of, with the verdict they have.

        `wordless` are pseudonyms of customers whose verdicts come without words.
        """
        return [self._untold(wordless, *row) for row in self._file.rows(_UNTOLD, most)]

    def tell(self, every: Sequence[Untold]) -> None:
        """Keep that these were told on, all or none: a verdict that comes later is untold again."""
        with self._file.writing():
            for one in every:
                self._file.change(
                    "INSERT INTO told VALUES (?,?) ON CONFLICT(shown) DO UPDATE SET judged = ?",
                    one.name, one.counts is not None, one.counts is not None,
                )  # fmt: skip

    def held(self, customer: str) -> int:
        """How many suggestions about a customer there are."""
        ref = self._vault.known(customer)
        return int(self._file.row("SELECT count(*) FROM shown WHERE ref = ?", ref)[0])

    def last(self, customer: str) -> datetime | None:
        """When the newest of them was shown; None where there is none."""
        ref = self._vault.known(customer)
        (at,) = self._file.row("SELECT max(at) FROM shown WHERE ref = ?", ref)
        return None if at is None else datetime.fromisoformat(at)

    def forget(self, customer: str) -> int:
        """Remove all words about a customer, and in which conversation; how many suggestions.

        What is counted of agents stays: of nobody's words, under nobody's name.
        """
        ref = self._vault.known(customer)
        if ref is None:
            return 0
        of_it, nobody = "IN (SELECT id FROM shown WHERE ref = ?)", _nobodys(bytes(16))
        with self._file.writing():
            self._file.change(f"DELETE FROM to_log WHERE shown {of_it}", ref)
            for table in ("verdict", "circumstance"):
                change = f"UPDATE {table} SET sealed = ? WHERE shown {of_it}"
                self._file.change(change, nobody.seal(b""), ref)
            gone = self._file.change(
                "UPDATE shown SET ref = ?, sealed = ?, conversation = '' WHERE ref = ?",
                nobody.pseudonym, nobody.seal(b""), ref,
            )  # fmt: skip
        self._file.fold()
        return gone

    def worth(self, by: GroupedBy, since: datetime, until: datetime) -> list[Worth]:
        """What suggestions of a span of time were worth, in groups by their names."""
        return worth_of(self._file, by, since, until)

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def _untold(self, wordless: Container[bytes], name: str, at: str, *rest: Any) -> Untold:
        scenario, tenure, writer, agent, again, ref, sealed = rest[:7]
        choice, when, *numbers, words = rest[7:]
        try:
            body = self._vault.open(ref, sealed)
        except NotFound:  # its customer was erased
            body = b""
        counts = Counts(choice, datetime.fromisoformat(when), *numbers) if choice else None
        known = (scenario, tenure, writer, agent, bool(again))
        told = b"" if words is None or ref in wordless else unnamed(words)
        return Untold(name, datetime.fromisoformat(at), *known, body, counts, told)

    def _verdict(self, ref: bytes, sealed: bytes) -> Verdict:
        return msgspec.json.decode(self._vault.open(ref, sealed), type=Verdict)


def _nobodys(ref: bytes) -> SubjectKey:
    """A key that is thrown away at once: to a reader, what it seals is a customer's erased."""
    return SubjectKey(0, ref, AESGCM(AESGCM.generate_key(256)))


def _require_same(known: Verdict, again: Verdict, name: str) -> None:
    same = msgspec.structs.replace(again, at=known.at)
    if known != same:
        raise BadInput(
            "it was judged otherwise before",
            where=f"suggestion {name}",
            remedy="judge what was shown once",
        )


def _another(name: str) -> Damaged:
    return Damaged(
        "these are not the words of its verdict",
        where=f"suggestion {name}",
        remedy="somebody changed them where they lay: the home has them as they were",
    )


def _unknown(name: str) -> NotFound:
    return NotFound(
        "nothing of this id was shown here",
        where=f"suggestion {name}",
        remedy="ask for a suggestion first, and judge it by the id that came with it",
    )
