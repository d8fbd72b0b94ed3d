"""The customers' keys, in a SQLite file apart from the log that they unlock.

A customer's id and bytes come in, sealed bytes and a pseudonym go out. A key is random, made on
first use, and lives in this file only: once it is erased, nothing can open what it sealed or tell
whose pseudonym it was. It knows nothing of logs and entries.
"""

from __future__ import annotations

import hmac
import os
import secrets
import sqlite3
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from finmodel.durable import sync_folder
from finmodel.errors import BadInput, Damaged, NotFound, NotReady, Refused
from finmodel.sqlite_errors import transaction, typed

_VERSION: Final = b"\x01"
_NONCE: Final = 12
_PREFIX: Final = len(_VERSION) + 8
_ERASED: Final = bytes(64)
_TEND_EVERY: Final = 1000
_ASK_EVERY_S: Final = 1.0
_TABLES: Final = """
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS vault(
    one INTEGER PRIMARY KEY CHECK (one = 1), pepper BLOB NOT NULL, erasures INTEGER NOT NULL);
INSERT OR IGNORE INTO vault VALUES (1, randomblob(32), 0);
CREATE TABLE IF NOT EXISTS keys(
    number INTEGER PRIMARY KEY, lookup BLOB NOT NULL UNIQUE, key BLOB NOT NULL);
COMMIT;
"""


class SubjectKey(NamedTuple):
    """One customer's key at hand."""

    number: int
    pseudonym: bytes
    """16 bytes that stand for the customer in the log."""
    cipher: AESGCM

    def seal(self, data: bytes) -> bytes:
        """Encrypt under this key, bound to the pseudonym."""
        nonce = os.urandom(_NONCE)
        sealed = self.cipher.encrypt(nonce, data, self.pseudonym)
        return _VERSION + self.number.to_bytes(8, "little") + nonce + sealed


def unnamed(sealed: bytes) -> bytes:
    """What was sealed, without whose it is: of one customer's, nobody sees that they are."""
    return sealed[_PREFIX:]


def named_as(bare: bytes, other: bytes) -> bytes:
    """What `unnamed` left, as sealed under the key that seals something else too."""
    return other[:_PREFIX] + bare


class Vault:
    """Keys of customers: seal, open, find the pseudonym, erase. Safe for threads and processes."""

    def __init__(self, path: Path, *, cached: int = 20_000) -> None:
        """Open or make the vault; at most `cached` keys stay in memory."""
        self.path = path
        self._cached, self._keys = cached, OrderedDict[str, SubjectKey]()
        self._lock, self._syncing = threading.RLock(), threading.Lock()
        self._used, self._synced, self._made, self._tended = 1, 0, 0, 0
        self._failed: Damaged | None = None
        self._asked = time.monotonic()
        with typed(path):
            _own(path)
            self._db = _connect(path)
            self._db.executescript(_TABLES)
            row = self._db.execute("SELECT pepper, erasures FROM vault").fetchone()
            # Held to be synced; a file object, so that a vault nobody closed lets go of it.
            self._journal = open(f"{path}-wal", "rb", buffering=0)  # noqa: SIM115
            sync_folder(path.parent)
        self._pepper: bytes = row[0]
        self._erasures: int = row[1]

    def keys_of(self, subjects: Iterable[str]) -> dict[str, SubjectKey]:
        """These customers' keys; all that are new are made in one transaction.

        A new key is safe from a crash of this process at once, from a power cut after `sync`.
        A key that another process erased may still be handed out for a second.
        """
        with typed(self.path), self._lock:
            if time.monotonic() - self._asked > _ASK_EVERY_S:
                self._forget_erased()
            found = {subject: self._find(subject) for subject in subjects}
            new = [subject for subject, key in found.items() if key is None]
            made = self._make(new) if new else {}
            return {subject: key or made[subject] for subject, key in found.items()}

    def seal(self, subject: str, data: bytes) -> bytes:
        """Encrypt under the customer's key, which is made on first use."""
        return self.keys_of([subject])[subject].seal(data)

    def pseudonym(self, subject: str) -> bytes:
        """The 16 bytes that stand for this customer in the log; makes a key on first use."""
        return self.keys_of([subject])[subject].pseudonym

    def known(self, subject: str) -> bytes | None:
        """The customer's pseudonym, or None where there is no key; makes none."""
        with typed(self.path), self._lock:
            self._forget_erased()
            key = self._find(subject)
        return key.pseudonym if key is not None else None

    def stand_ins(self, names: Iterable[str]) -> list[int]:
        """A number for each name, the same each time, that only this vault can make of it.

        64 bits of a keyed hash (HMAC-SHA256): what a lender calls an application can be joined by
        it, and cannot be guessed from a log. It makes no key and forgets nothing.
        """
        made = (hmac.digest(self._pepper, b"name:" + one.encode(), "sha256") for one in names)
        return [int.from_bytes(digest[:8], "little", signed=True) for digest in made]

    def open(self, subject_ref: bytes, sealed: bytes) -> bytes:
        """What was sealed under the key with this pseudonym.

        NotFound where the key was erased (or never was in this vault), Damaged where the bytes
        were altered.
        """
        if not sealed.startswith(_VERSION):
            raise _altered()
        number = int.from_bytes(sealed[len(_VERSION) : _PREFIX], "little", signed=True)
        with typed(self.path), self._lock:
            row = self._db.execute("SELECT key FROM keys WHERE number = ?", (number,)).fetchone()
        key = _key(number, row[0]) if row is not None else None
        if key is None or row[0] == _ERASED or key.pseudonym != subject_ref:
            raise NotFound(
                "the customer's key was erased", where="vault", remedy="it cannot be brought back"
            )
        nonce, rest = sealed[_PREFIX : _PREFIX + _NONCE], sealed[_PREFIX + _NONCE :]
        try:
            return key.cipher.decrypt(nonce, rest, subject_ref)
        except (InvalidTag, ValueError) as error:
            raise _altered() from error

    def erase(self, subject: str, *, tidy: bool = True) -> bool:
        """Destroy the customer's key, durably; whether there was one.

        The key's bytes are overwritten where they stand. `tidy` also rewrites the file, about half
        a second per 200,000 customers: only then is no copy of the customer's hashed id left in
        an index's slack. A lender with millions of customers leaves that to the night.
        """
        with typed(self.path), self._lock:
            self._db.execute("PRAGMA synchronous = FULL")
            try:
                with transaction(self._db):
                    # The same size, so that SQLite overwrites in place and moves no other key.
                    there = self._db.execute(
                        "UPDATE keys SET lookup = randomblob(32), key = ? WHERE lookup = ?",
                        (_ERASED, self._lookup(subject)),
                    ).rowcount
                    self._db.execute("UPDATE vault SET erasures = erasures + 1")
                self._forget_erased()
                if tidy:
                    self._db.execute("VACUUM")
                self._empty_journal()
            finally:
                self._db.execute("PRAGMA synchronous = NORMAL")
        return there > 0

    @property
    def unsynced(self) -> bool:
        """Whether a key was used that may not be on the disk yet."""
        return self._used != self._synced

    def sync(self) -> None:
        """Put every key used so far on the disk; other threads may go on with the vault."""
        with self._syncing:
            if self._failed is not None:
                raise self._failed
            if self._journal.closed:
                raise NotReady("the vault is closed", where=self.path.name, remedy="open it again")
            used = self._used
            try:
                os.fdatasync(self._journal.fileno())
            except OSError as error:
                # After a failed sync the kernel may call lost pages clean: a second try proves
                # nothing.
                self._failed = Damaged(
                    error.strerror or "the disk failed",
                    where=self.path.name,
                    remedy="check the disk, then start again",
                )
                raise self._failed from error
            self._synced = used

    @property
    def untended(self) -> bool:
        """Whether SQLite's journal has grown long enough for `tend`."""
        return self._made - self._tended >= _TEND_EVERY

    def tend(self) -> None:
        """Fold SQLite's journal into its file; other threads may go on with the vault."""
        self._tended = self._made
        with typed(self.path):
            db = _connect(self.path)
            try:
                db.execute("PRAGMA synchronous = FULL")
                db.execute("PRAGMA wal_checkpoint(PASSIVE)")
            finally:
                db.close()

    def close(self) -> None:
        """Let go of the file."""
        with self._lock, self._syncing:
            self._db.close()
            self._journal.close()

    def _lookup(self, subject: str) -> bytes:
        if not 0 < len(subject) <= 256:
            raise BadInput(
                "a customer's id has 1 to 256 characters", where="vault", remedy="give another"
            )
        return hmac.digest(self._pepper, subject.encode(), "sha256")

    def _forget_erased(self) -> None:
        """Drop the keys at hand if any process erased one."""
        row = self._db.execute("SELECT erasures FROM vault").fetchone()
        if row[0] != self._erasures:
            self._keys.clear()
        self._erasures, self._asked = row[0], time.monotonic()

    def _find(self, subject: str) -> SubjectKey | None:
        key = self._keys.get(subject)
        if key is None:
            return self._load(subject)
        self._keys.move_to_end(subject)
        return key

    def _load(self, subject: str) -> SubjectKey | None:
        row = self._db.execute(
            "SELECT number, key FROM keys WHERE lookup = ?", (self._lookup(subject),)
        ).fetchone()
        return self._hold(subject, _key(*row)) if row is not None else None

    def _make(self, subjects: list[str]) -> dict[str, SubjectKey]:
        rows = [(self._lookup(s), secrets.token_bytes(64)) for s in subjects]
        with transaction(self._db):
            # Another process may have been first: then its key is the one.
            self._db.executemany("INSERT OR IGNORE INTO keys(lookup, key) VALUES (?, ?)", rows)
            self._made += len(rows)
            return {s: key for s in subjects if (key := self._load(s)) is not None}

    def _hold(self, subject: str, key: SubjectKey) -> SubjectKey:
        self._keys[subject] = key
        if len(self._keys) > self._cached:
            self._keys.popitem(last=False)
        # Counted also when found: the process that made it may not have synced it.
        self._used += 1
        return key

    def _empty_journal(self) -> None:
        busy, _, _ = self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            raise NotReady(
                "the key is destroyed, but another process keeps older pages of the vault in use",
                where=self.path.name,
                remedy="erase again",
            )


def _key(number: int, material: bytes) -> SubjectKey:
    pseudonym = hmac.digest(material[32:], b"finmodel pseudonym", "sha256")[:16]
    return SubjectKey(number, pseudonym, AESGCM(material[:32]))


def _altered() -> Damaged:
    return Damaged("sealed bytes were altered", where="vault", remedy="verify the audit log")


def _connect(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=5.0, isolation_level=None, check_same_thread=False)
    for pragma in (
        "journal_mode = WAL",
        "synchronous = NORMAL",
        "wal_autocheckpoint = 0",
        "secure_delete = ON",
        "temp_store = MEMORY",
    ):
        db.execute(f"PRAGMA {pragma}")
    return db


def _own(path: Path) -> None:
    """Make the file for this user alone, or refuse one that others can read."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        # Never opened where it is there already: closing it would drop SQLite's locks.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        status = path.lstat()
        if status.st_mode & 0o077:
            raise Refused(
                "others may read the customers' keys",
                where=str(path),
                remedy=f"chmod 600 {path.name}",
            ) from None
