"""Who may do what: named people, their roles, and the hash of each person's key.

Comes in: a key. Goes out: the person it belongs to, or nobody. A key is 256 random bits, shown
once; only its hash is written, so the file gives nobody a way in. Knows no route.
"""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import os
import secrets
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import msgspec

from finmodel.errors import BadInput, Damaged, NotFound, Refused
from finmodel.records import ROLES, Person
from finmodel.settings import Settings

KEY_BYTES = 32
LONGEST_KEY = 128
"""Longer ones are nobody's: what is hashed stays small."""


class _Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line of the file."""

    name: str
    roles: tuple[str, ...]
    key_sha256: str
    demo: bool = False
    since: date | None = None

    @property
    def person(self) -> Person:
        return Person(self.name, frozenset(self.roles), self.demo, self.since)


class People:
    """The file of people; a change to it counts from the next question on, in every process."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int, int] | None = None
        self._entries: tuple[_Entry, ...] = ()

    def add(
        self, name: str, roles: Collection[str], demo: bool = False, since: date | None = None
    ) -> str:
        """Add a person and return the key, once: only its hash is kept.

        `since` is when they began in their work.
        """
        wanted = _checked(name, roles)
        key = "fm_" + secrets.token_urlsafe(KEY_BYTES)
        with self._alone():
            entries = self._read()
            if any(entry.name == name for entry in entries):
                raise Refused(
                    "this person has a key already",
                    where=f"person {name!r}",
                    remedy="revoke it first: finmodel people revoke NAME",
                )
            self._write((*entries, _Entry(name, wanted, _hash(key), demo, since)))
        return key

    def add_demo(self, people: Mapping[str, Collection[str]]) -> dict[str, str]:
        """Add a demo's people, in place of those of a try that was cut short; their keys."""
        for left in {one.name for one in self.everyone()} & people.keys():
            self.revoke(left)
        return {name: self.add(name, roles, demo=True) for name, roles in people.items()}

    def revoke(self, name: str) -> None:
        """End a person's key; from the next request on it opens nothing."""
        with self._alone():
            entries = self._read()
            kept = tuple(entry for entry in entries if entry.name != name)
            if len(kept) == len(entries):
                raise NotFound(
                    "nobody has this name",
                    where=f"person {name!r}",
                    remedy="see who is there: finmodel people list",
                )
            self._write(kept)

    def everyone(self) -> list[Person]:
        """All people, without their keys, in the order in which they were added."""
        return [entry.person for entry in self._read()]

    def find(self, key: str) -> Person | None:
        """The person whose key this is; every comparison takes the same time, found or not."""
        if len(key) > LONGEST_KEY:
            return None
        asked, found = _hash(key), None
        for entry in self._read():
            if hmac.compare_digest(entry.key_sha256, asked):
                found = entry.person
        return found

    def _read(self) -> tuple[_Entry, ...]:
        """The file's entries, parsed again only where the file is another one than before."""
        try:
            stat = self._path.stat()
        except FileNotFoundError:
            return ()
        seen = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
        if seen != self._seen:
            try:
                self._entries = msgspec.json.decode(
                    self._path.read_bytes(), type=tuple[_Entry, ...]
                )
            except msgspec.DecodeError as error:
                raise Damaged(
                    f"it is not a list of people ({error})",
                    where=str(self._path),
                    remedy="restore it from a backup, or remove it and add everyone again",
                ) from error
            self._seen = seen
        return self._entries

    def _write(self, entries: tuple[_Entry, ...]) -> None:
        """The whole file at once, synced, readable by its owner alone."""
        aside = self._path.with_suffix(".tmp")
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(entries)))
            file.flush()
            os.fsync(descriptor)
        os.replace(aside, self._path)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One writer at a time, across processes: a change is read, made and written as one."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def signed_in(settings: Settings, roles: Collection[str]) -> Person:
    """The person whose key is set in FINMODEL_KEY, who must have one of these roles."""
    wanted = " or ".join(sorted(roles))
    person = People(settings.people).find(settings.key) if settings.key else None
    if person is None:
        raise Refused(
            "no key, or a key that is nobody's",
            where="FINMODEL_KEY",
            remedy=f"set it to the key of a person who is {wanted}",
        )
    if not person.roles & set(roles):
        raise Refused(
            f"{person.name} is {', '.join(sorted(person.roles))}",
            where="FINMODEL_KEY",
            remedy=f"ask somebody who is {wanted}",
        )
    return person


def _checked(name: str, roles: Collection[str]) -> tuple[str, ...]:
    if not (0 < len(name) <= 64 and name.isprintable() and name == name.strip()):
        raise BadInput(
            "it is empty, too long or not printable",
            where="the person's name",
            remedy="give 1 to 64 printable characters",
        )
    if unknown := sorted(set(roles) - set(ROLES)):
        raise BadInput(
            f"no such role: {', '.join(unknown)}",
            where=f"person {name!r}",
            remedy=f"choose from {', '.join(ROLES)}",
        )
    if not roles:
        raise BadInput(
            "no role is given",
            where=f"person {name!r}",
            remedy=f"choose from {', '.join(ROLES)}",
        )
    return tuple(sorted(set(roles)))


def _hash(key: str) -> str:
    # 256 random bits need no salt and no slow hash: there is nothing to guess.
    return hashlib.sha256(key.encode()).hexdigest()
