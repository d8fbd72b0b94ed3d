"""Who is signed in at a browser: sessions that end by themselves, and wrong passwords counted.

Comes in: a token out of a cookie, or a name. Goes out: the person as they are now, or why not; how
long a name must wait. Only hashes of tokens are kept. A home's services share the file, as a
browser shares its cookies among the ports of a host, so a restart ends nobody's session.
Time is the machine's own, wherever the platform's clock stands.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable
from functools import cached_property
from typing import Final

from finmodel.book_file import BookFile
from finmodel.records import Person
from finmodel.settings import Settings
from serving.access import People
from serving.refusals import NoKey

COOKIE: Final = "finmodel_session"
TOKEN_BYTES: Final = 32
NOTED_EVERY_S: Final = 30.0
"""An act is written down this often: what is asked in between costs no write."""
FREE: Final = 5
"""So many wrong passwords cost no waiting; each one more doubles it."""
FIRST_WAIT_S: Final = 30.0
LONGEST_WAIT_S: Final = 900.0
FORGOTTEN_S: Final = 3_600.0

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS session(
    token BLOB PRIMARY KEY, name TEXT NOT NULL, stamp TEXT NOT NULL,
    begun REAL NOT NULL, seen REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS attempt(
    place INTEGER PRIMARY KEY, wrong INTEGER NOT NULL, last REAL NOT NULL);
"""
Now = Callable[[], float]


class Sessions:
    """The sessions of one home; its file is opened with the first one that is asked for."""

    def __init__(self, settings: Settings, now: Now = time.time) -> None:
        self._settings, self._now = settings, now
        self._people = People(settings.people)

    def begin(self, name: str, stamp: str) -> str:
        """A new session of this person; its token, once."""
        token, now = secrets.token_urlsafe(TOKEN_BYTES), self._now()
        with self._file.writing():
            self._file.change(
                "DELETE FROM session WHERE begun < ? OR seen < ?",
                now - self._settings.session_hours * 3_600,
                now - self._settings.session_idle_minutes * 60,
            )
            self._file.change(
                "INSERT INTO session VALUES (?,?,?,?,?)", _hash(token), name, stamp, now, now
            )
        return token

    def find(self, token: str, *, acts: bool) -> Person:
        """The person of a session, with the roles of now; NoKey where it has ended.

        Only what a person does (`acts`) keeps a session from ending: a page that asks by itself
        does not.
        """
        row = self._file.row(
            "SELECT name, stamp, begun, seen FROM session WHERE token = ?", _hash(token)
        )
        now, limits = self._now(), self._settings
        if row is None:
            raise _ended("it is not known here any more")
        name, stamp, begun, seen = row
        if now - begun > limits.session_hours * 3_600:
            raise _ended(f"it is older than {limits.session_hours:g} hours")
        if now - seen > limits.session_idle_minutes * 60:
            raise _ended(f"it was not used for {limits.session_idle_minutes:g} minutes")
        standing = self._people.standing(name)
        if standing is None or standing[1] != stamp:
            raise _ended("the person's key or password is another one, or was revoked")
        if acts and now - seen > NOTED_EVERY_S:
            with self._file.writing():
                self._file.change("UPDATE session SET seen = ? WHERE token = ?", now, _hash(token))
        return standing[0]

    def end(self, token: str) -> str:
        """End a session; whose it was, empty where there was none."""
        row = self._file.row("SELECT name FROM session WHERE token = ?", _hash(token))
        if row is None:
            return ""
        with self._file.writing():
            self._file.change("DELETE FROM session WHERE token = ?", _hash(token))
        return str(row[0])

    def wait(self, name: str) -> float:
        """Seconds until a password is looked at for this name again; 0 for at once."""
        row = self._file.row("SELECT wrong, last FROM attempt WHERE place = ?", _place(name))
        if row is None:
            return 0.0
        since = self._now() - float(row[1])
        return max(0.0, waited(row[0]) - since)

    def wrong(self, name: str) -> float:
        """Count a wrong password; the seconds that this name waits now."""
        now = self._now()
        with self._file.writing():
            self._file.change("DELETE FROM attempt WHERE last < ?", now - FORGOTTEN_S)
            self._file.change(
                "INSERT INTO attempt VALUES (?,1,?) ON CONFLICT (place) "
                "DO UPDATE SET wrong = wrong + 1, last = excluded.last",
                _place(name),
                now,
            )
        row = self._file.row("SELECT wrong FROM attempt WHERE place = ?", _place(name))
        return waited(row[0]) if row else 0.0

    def right(self, name: str) -> None:
        """Forget the wrong passwords of a name."""
        with self._file.writing():
            self._file.change("DELETE FROM attempt WHERE place = ?", _place(name))

    def close(self) -> None:
        """Let go of the file."""
        if "_file" in self.__dict__:
            self._file.close()

    @cached_property
    def _file(self) -> BookFile:
        return BookFile(self._settings.sessions, _TABLES)


def waited(wrong: int) -> float:
    """Seconds of waiting after so many wrong passwords in a row.

    >>> [waited(count) for count in (1, 4, 5, 6, 9, 10, 5_000)]
    [0.0, 0.0, 30.0, 60.0, 480.0, 900.0, 900.0]
    """
    if wrong < FREE:
        return 0.0
    return float(min(FIRST_WAIT_S * 2 ** min(wrong - FREE, 10), LONGEST_WAIT_S))


def token_of(cookies: str) -> str:
    """The session's token out of the header Cookie; empty where there is none.

    >>> token_of("theme=dark; finmodel_session=abc"), token_of("theme=dark")
    ('abc', '')
    """
    return cookie_of(cookies, COOKIE)


def cookie_of(cookies: str, wanted: str) -> str:
    """One cookie out of the header; empty where it is not there."""
    named = (one.strip().partition("=") for one in cookies.split(";"))
    return next((value for name, _, value in named if name == wanted), "")


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _place(name: str) -> int:
    # One of 65,536 places: a name that nobody has is counted as one that somebody has, the table
    # cannot grow, and a password that was typed for a name cannot be found out from it.
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:2])


def _ended(why: str) -> NoKey:
    return NoKey(f"this session has ended: {why}", where="the session", remedy="sign in again")
