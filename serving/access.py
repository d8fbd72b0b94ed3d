"""Who may do what: named people, their roles, and the hashes of each one's key and password.

Comes in: a key, or a name and a password. Goes out: the person, or nobody. A key is 256 random
bits, shown once; only hashes are written, so the file gives nobody a way in. Knows no route.
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
from typing import Any

import msgspec

from finmodel.errors import BadInput, Damaged, NotFound, Refused
from finmodel.records import ROLES, Person
from finmodel.settings import Settings
from serving.passwords import hashed, matches, require_strong

KEY_BYTES = 32
LONGEST_KEY = 128
"""Longer ones are nobody's: what is hashed stays small."""
LONGEST_SUBJECT = 255
"""OpenID Connect Core 1.0 §2."""


class _Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One line of the file."""

    name: str
    roles: tuple[str, ...]
    key_sha256: str
    demo: bool = False
    since: date | None = None
    password: str = ""
    """Its hash; empty for a person who has none."""
    account: str = ""
    """Their account at the identity provider, as its subject; empty where none is linked."""

    @property
    def person(self) -> Person:
        return Person(self.name, frozenset(self.roles), self.demo, self.since)

    @property
    def stamp(self) -> str:
        """Another one after each change of what lets them in: sessions begun before it end."""
        ways = f"{self.key_sha256} {self.password}{' ' if self.account else ''}{self.account}"
        return hashlib.sha256(ways.encode()).hexdigest()[:32]


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
        key = _new_key()
        with self._alone():
            entries = self._read()
            if any(entry.name == name for entry in entries):
                raise Refused(
                    "this person has a key already",
                    where=f"person {name!r}",
                    remedy="finmodel people key NAME gives them another one",
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
            self._named(name)
            self._write(tuple(entry for entry in self._read() if entry.name != name))

    def new_key(self, name: str) -> str:
        """Give a person another key, shown once, in place of the one before."""
        key = _new_key()
        self._change(name, key_sha256=_hash(key))
        return key

    def set_password(self, name: str, password: str) -> None:
        """Give a person a password, in place of the one before; BadInput where it is weak."""
        require_strong(password, name)
        kept = hashed(password)
        self._change(name, password=kept)

    def set_roles(self, name: str, roles: Collection[str]) -> tuple[str, ...]:
        """Give a person these roles, and no others, from the next request on; those before."""
        return self._change(name, roles=_checked(name, roles)).roles

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

    def by_password(self, name: str, password: str) -> tuple[Person, str] | None:
        """The person whose name and password these are, and their stamp; None for anybody else.

        Takes as long for a name that nobody has as for a password that is wrong.
        """
        entry = self._entry(name)
        right = matches(password, entry.password if entry else "")
        return (entry.person, entry.stamp) if entry and right else None

    def by_account(self, subject: str) -> tuple[Person, str] | None:
        """The person to whom this account of the identity provider is linked, and their stamp."""
        linked = (one for one in self._read() if subject and one.account == subject)
        entry = next(linked, None)
        return (entry.person, entry.stamp) if entry else None

    def link(self, name: str, subject: str) -> None:
        """Let a person in by this account of the identity provider, in place of the one before.

        By the account's subject, which is nobody else's ever: names at a provider are changed, and
        given to others.
        """
        if not 0 < len(subject) <= LONGEST_SUBJECT:
            raise BadInput(
                "it is no subject of an account",
                where=f"person {name!r}",
                remedy=f"give the provider's `sub`, of at most {LONGEST_SUBJECT} characters",
            )
        with self._alone():
            if any(one.account == subject and one.name != name for one in self._read()):
                raise Refused(
                    "the account is linked to another person",
                    where=f"person {name!r}",
                    remedy="let it go there first: finmodel people unlink NAME",
                )
            self._replace(name, account=subject)

    def unlink(self, name: str) -> str:
        """Let no account in as a person, and end their sessions; the one that was linked."""
        return self._change(name, account="").account

    def standing(self, name: str) -> tuple[Person, str] | None:
        """A person as they are now, and their stamp; None where nobody has this name any more."""
        entry = self._entry(name)
        return (entry.person, entry.stamp) if entry else None

    def _entry(self, name: str) -> _Entry | None:
        return next((entry for entry in self._read() if entry.name == name), None)

    def _named(self, name: str) -> _Entry:
        entry = self._entry(name)
        if entry is None:
            raise NotFound(
                "nobody has this name",
                where=f"person {name!r}",
                remedy="see who is there: finmodel people list",
            )
        return entry

    def _change(self, name: str, **changes: Any) -> _Entry:
        """Change what is kept of one person; what was kept before."""
        with self._alone():
            return self._replace(name, **changes)

    def _replace(self, name: str, **changes: Any) -> _Entry:
        """The same, for who is alone already."""
        before = self._named(name)
        after = msgspec.structs.replace(before, **changes)
        self._write(tuple(after if one == before else one for one in self._read()))
        return before

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


def _new_key() -> str:
    return "fm_" + secrets.token_urlsafe(KEY_BYTES)


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
