"""The border of the service: what may come in, how much of it, by whom, and for how long.

Comes in: any HTTP request. Goes on: one that has a route, a known key or session with a right
role, a body within its limit, and a place among those being answered. Everything else is refused
here, in one form. Knows what routes demand, and nothing of what they answer.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from finmodel.errors import BadInput, FinmodelError, NotFound, NotReady, Refused
from finmodel.records import Person
from serving.access import People
from serving.refusals import NoKey, TooLarge, TooSlow, WrongMethod, written
from serving.sessions import Sessions, token_of
from serving.telemetry import Telemetry

log = logging.getLogger("bentoml.finmodel")

Headers: TypeAlias = list[tuple[bytes, bytes]]

PAGES = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    b"img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""What a page may load: nothing but our own files."""
SECURITY: Headers = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", PAGES),
]
BODYLESS = frozenset({"GET", "HEAD"})
OURS = b"x-finmodel"
"""The console sends it with all it asks: `act` soon after a person did something, else `look`. A
page of another origin may not, without a preflight that nothing here answers: so no form and no
script of anybody else's changes anything by a cookie, not even of another port of this host, which
SameSite takes for the same site."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What a route demands of whoever asks."""

    method: str
    path: str
    """`/explain/{decision_id}`: a part in braces stands for one piece of the path."""
    roles: frozenset[str] | None = None
    """Who may ask; None where no key is needed (one that is given must still be good)."""
    weighs: bool = True
    """Whether it counts among those being answered; probes and pages do not."""
    refused_as: Callable[[FinmodelError], bytes] = written
    """How a refusal is written there."""
    body_bytes: int | None = None
    """How much is read of a body, where that is not the service's limit: for files."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much, how many and how long."""

    body_bytes: int = 1_000_000
    concurrent: int = 64
    seconds: float = 10.0
    when_full: str = "ask again in a second, or send many ids in one call of /score"
    when_large: str = "send less at once: at most 10,000 ids in a call of /score"
    when_slow: str = "ask again; a decision may have been recorded and not delivered"


@dataclass(slots=True)
class Call:
    """What the border knows of a request, for the border and for the route behind it."""

    rule: Rule | None = None
    piece: str = ""
    person: Person | None = None
    body: bytes | None = None
    headers: Headers = field(default_factory=list)
    query: str = ""
    """What stands behind the address; it is never logged, and no route but a sign-in reads it."""
    refusal_headers: Headers = field(default_factory=list)

    def header(self, name: bytes) -> str:
        """A header's value, empty where it was not sent."""
        return next((value.decode("latin-1") for key, value in self.headers if key == name), "")


class Border:
    """ASGI middleware; the route behind it finds the request's `Call` in the scope."""

    def __init__(
        self,
        app: ASGIApp,
        rules: Iterable[Rule],
        people: People,
        telemetry: Telemetry,
        limits: Limits,
        sessions: Sessions | None = None,
    ) -> None:
        self._app, self._people, self._telemetry = app, people, telemetry
        self._sessions = sessions
        self._limits, self._inside = limits, 0
        self._rules: dict[tuple[str, ...], dict[str, Rule]] = {}
        for rule in rules:
            self._rules.setdefault(_template(rule.path), {})[rule.method] = rule
        telemetry.expect(one.path for ways in self._rules.values() for one in ways.values())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request pass or refuse it; every answer carries the security headers."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        elif scope["type"] == "http":
            await self._answer(scope, receive, _Answer(send))
        else:
            await self._app(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, answer: _Answer) -> None:
        start = time.perf_counter()
        call = scope["finmodel.call"] = Call(
            headers=scope["headers"], query=scope.get("query_string", b"").decode("latin-1")
        )
        try:
            await self._pass(scope, receive, answer, call)
        except FinmodelError as error:
            await self._refuse(error, answer, call, scope["method"])
        except Exception:
            # A fault of ours: the caller learns no more than that; the log learns all of it.
            fault = _Fault("an unexpected fault; it is in the log")
            await answer.refuse(500, _written(fault, call), [])
            raise
        finally:
            path = call.rule.path if call.rule else "none"
            self._telemetry.answered(path, answer.status, time.perf_counter() - start)

    async def _pass(self, scope: Scope, receive: Receive, answer: _Answer, call: Call) -> None:
        rule = self._route(scope["path"], scope["method"], call)
        call.person = self._person(call, rule)
        if not rule.weighs:
            await self._app(scope, receive, answer)
            return
        if self._inside >= self._limits.concurrent:
            raise NotReady(
                f"{self._inside} requests are being answered already",
                where=rule.path,
                remedy=self._limits.when_full,
            )
        self._inside += 1
        try:
            async with asyncio.timeout(self._limits.seconds):
                call.body = await self._body(scope["headers"], receive, rule)
                await self._app(scope, receive, answer)
        except TimeoutError as error:
            raise TooSlow(
                f"it took longer than {self._limits.seconds:g} s",
                where=rule.path,
                remedy=self._limits.when_slow,
            ) from error
        finally:
            self._inside -= 1

    def _route(self, path: str, method: str, call: Call) -> Rule:
        asked = tuple(path[1:].split("/"))
        rules = self._rules.get(asked)
        for place in reversed(range(len(asked))):
            if rules is not None:
                break
            rules = self._rules.get((*asked[:place], "{}", *asked[place + 1 :]))
            call.piece = asked[place]
        if rules is None:
            raise NotFound(
                "no such address", where="the path", remedy="see what there is: /openapi.json"
            )
        call.rule = rules.get("GET" if method == "HEAD" else method)
        if call.rule is None:
            allowed = ", ".join(sorted(rules))
            call.refusal_headers.append((b"allow", allowed.encode()))
            raise WrongMethod(
                "the address does not take this method", where="the method", remedy=f"use {allowed}"
            )
        return call.rule

    def _person(self, call: Call, rule: Rule) -> Person | None:
        given = [value for name, value in call.headers if name == b"authorization"]
        token = "" if given else token_of(call.header(b"cookie"))
        if token and self._sessions is not None:
            person = self._in_session(token, self._sessions, call, rule)
            _require_own(person, call, rule)
        else:
            person = self._people.find(_bearer(given))
        if person is None and not given and rule.roles is None:
            return None
        if person is None:
            raise NoKey(
                "no key, or a key that is nobody's",
                where="the header Authorization",
                remedy="send Authorization: Bearer fm_… with the key of a person",
            )
        if rule.roles is not None and not person.roles & rule.roles:
            raise Refused(
                f"{person.name} has none of the roles that this needs",
                where=rule.path,
                remedy=f"ask somebody who is {' or '.join(sorted(rule.roles))}",
            )
        return person

    def _in_session(self, token: str, sessions: Sessions, call: Call, rule: Rule) -> Person | None:
        """A session's person; None where it has ended and nobody need be signed in."""
        try:
            return sessions.find(token, acts=call.header(OURS) == "act")
        except NoKey:
            if rule.roles is None:
                return None
            raise

    async def _body(self, headers: Headers, receive: Receive, rule: Rule) -> bytes:
        """The whole body; one beyond the limit is not read further than that."""
        limit = rule.body_bytes or self._limits.body_bytes
        declared = sum(int(value) for name, value in headers if name == b"content-length")
        chunks, size, more = [b""], 0, declared <= limit
        while more and size <= limit:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise BadInput("the caller left before the body was sent", where="the body")
            chunks.append(message.get("body", b""))
            size += len(chunks[-1])
            more = message.get("more_body", False)
        if max(size, declared) > limit:
            raise TooLarge(
                f"it is larger than {limit:,} bytes",
                where="the body",
                remedy=self._limits.when_large,
            )
        return b"".join(chunks)

    async def _refuse(self, error: FinmodelError, answer: _Answer, call: Call, method: str) -> None:
        if call.rule is None or call.rule.weighs:  # a probe that asks every second is no news
            path = call.rule.path if call.rule else "none"
            log.warning("%s %s %s", path, error.http_status, error.code)
        headers = call.refusal_headers
        if error.http_status == 401:
            headers.append((b"www-authenticate", b'Bearer realm="finmodel"'))
        if error.http_status == 503:
            headers.append((b"retry-after", b"1"))
        if call.body is None and method not in BODYLESS:
            headers.append((b"connection", b"close"))  # its body was not read, and will not be
        await answer.refuse(error.http_status, _written(error, call), headers)


def _written(error: FinmodelError, call: Call) -> bytes:
    return (call.rule.refused_as if call.rule else written)(error)


class _Fault(FinmodelError):
    """Ours, not the caller's."""


class _Answer:
    """`send`, with the security headers on every answer, unless the route has one of its own,
    and a memory of its status."""

    def __init__(self, send: Send) -> None:
        self._send, self.status = send, 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            given = message["headers"]
            own = {name for name, _ in given}
            message["headers"] = [*given, *(one for one in SECURITY if one[0] not in own)]
        await self._send(message)

    async def refuse(self, status: int, body: bytes, headers: Headers) -> None:
        """Answer with a refusal, unless an answer has begun."""
        if self.status:
            return
        described = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
        ]
        start = {"type": "http.response.start", "status": status, "headers": described + headers}
        await self(start)
        await self({"type": "http.response.body", "body": body})


def _template(path: str) -> tuple[str, ...]:
    """A route's pieces, with `{}` for the one that varies.

    >>> _template("/explain/{decision_id}")
    ('explain', '{}')
    """
    return tuple("{}" if piece.startswith("{") else piece for piece in path[1:].split("/"))


def _require_own(person: Person | None, call: Call, rule: Rule) -> None:
    if person is not None and rule.method not in BODYLESS and not call.header(OURS):
        raise Refused(
            "a session changes nothing without the header X-Finmodel",
            where="the header X-Finmodel",
            remedy="send X-Finmodel: act, as the console does, or a key in place of the cookie",
        )


def _bearer(given: list[bytes]) -> str:
    """The key of the one Authorization header; empty where it is not one, or not a bearer's.

    >>> _bearer([b"Bearer fm_1"]), _bearer([b"Basic eHg="]), _bearer([])
    ('fm_1', '', '')
    """
    scheme, _, key = given[0].decode("latin-1").partition(" ") if len(given) == 1 else ("", "", "")
    return key.strip() if scheme.lower() == "bearer" else ""
