"""The door of a service: a name and a password in, a session in a cookie out, and its end.

Comes in: POST /session, DELETE /session. Goes out: who signed in. Each sign-in, sign-out and
refusal stands in the audit log, never a password, nor a name that nobody has: it may be one.
"""

from __future__ import annotations

import asyncio
import math
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Annotated, Final, NoReturn, Protocol

import msgspec
from msgspec import Meta, Struct

from finmodel.acts import audited
from finmodel.settings import Settings
from serving.access import People
from serving.answering import Reply, Route, json_of
from serving.border import Call, Rule
from serving.cookies import is_secure, set_cookie
from serving.openapi import JSON, Doc
from serving.refusals import NoKey
from serving.sessions import COOKIE, Sessions, token_of

DOOR: Final = ThreadPoolExecutor(1, thread_name_prefix="door")
"""One at a time: a hash takes 19 MiB, and whoever guesses in parallel waits in a line."""


class SignIn(Struct, frozen=True, forbid_unknown_fields=True):
    """A name and a password, as they were typed."""

    name: Annotated[str, Meta(min_length=1, max_length=64)]
    password: Annotated[str, Meta(min_length=1, max_length=128)]

    def __repr__(self) -> str:
        return "SignIn"


class SignedIn(Struct, frozen=True):
    """Who is signed in, and for how long at most."""

    name: str
    roles: tuple[str, ...]
    idle_minutes: float
    hours: float


class SignedOut(Struct, frozen=True):
    """Who was signed in until now; empty where nobody was."""

    name: str


class Settled(Protocol):
    """A desk that knows its settings."""

    @property
    def settings(self) -> Settings:
        """Where people and sessions are kept."""


async def sign_in(call: Call, desk: Settled) -> Reply:
    """POST /session."""
    given, before = json_of(call, SignIn), token_of(call.header(b"cookie"))
    enter = asyncio.get_running_loop().run_in_executor(DOOR, entered, given, before, desk.settings)
    token, seen = await enter
    return Reply(msgspec.json.encode(seen), JSON, [session_cookie(token, call, desk.settings)])


async def sign_out(call: Call, desk: Settled) -> Reply:
    """DELETE /session."""
    token = token_of(call.header(b"cookie"))
    name = await asyncio.get_running_loop().run_in_executor(DOOR, left, token, desk.settings)
    return Reply(
        msgspec.json.encode(SignedOut(name)), JSON, [session_cookie("", call, desk.settings)]
    )


def session_cookie(token: str, call: Call, settings: Settings) -> tuple[bytes, bytes]:
    """The session in a browser, for its longest life; without a token the end of it."""
    seconds = round(settings.session_hours * 3_600) if token else 0
    return set_cookie(f"{COOKIE}={token}", seconds, secure=is_secure(call, settings))


def entered(given: SignIn, before: str, settings: Settings) -> tuple[str, SignedIn]:
    """A session's token and whose it is; NoKey where name and password do not belong together.

    `before` is the token of the browser's session until now, which ends. Where the audit log
    cannot be written nobody is let in.
    """
    people = People(settings.people)
    with closing(Sessions(settings)) as sessions:
        if wait := sessions.wait(given.name):
            raise NoKey(
                "too many wrong passwords were given for this name",
                where="the name",
                remedy=f"wait {math.ceil(wait)} s, then try again",
            )
        found = people.by_password(given.name, given.password)
        if found is None:
            _refuse(given.name, sessions, people, settings)
        person, stamp = found
        audited(settings, "signed_in", {"name": person.name, "how": "password"})
        if before:
            sessions.end(before)
        sessions.right(given.name)
        token = sessions.begin(person.name, stamp)
    limits = settings.session_idle_minutes, settings.session_hours
    return token, SignedIn(person.name, tuple(sorted(person.roles)), *limits)


def left(token: str, settings: Settings) -> str:
    """End a session; whose it was."""
    with closing(Sessions(settings)) as sessions:
        name = sessions.end(token) if token else ""
    if name:
        audited(settings, "signed_out", {"name": name})
    return name


ROUTES: Final = (
    Route(
        Rule("POST", "/session"),
        Doc("Sign in with a name and a password.", SignIn, SignedIn, may=("401", "507")),
        sign_in,
    ),
    Route(
        Rule("DELETE", "/session"),
        Doc("Sign out.", None, SignedOut, may=("401", "403", "507")),
        sign_out,
    ),
)


def _refuse(name: str, sessions: Sessions, people: People, settings: Settings) -> NoReturn:
    waits = sessions.wrong(name)
    known = people.standing(name) is not None
    body = {"name": name if known else "", "how": "password", "waits_s": waits}
    audited(settings, "sign_in_refused", body)
    raise NoKey(
        "this name and this password do not belong together",
        where="name and password",
        remedy="check both; after five wrong ones a name waits",
    )
