"""What a route is made of: what it demands, what is said of it, who answers, and the answer.

Comes in: a call that passed the border. Goes out: a body read as a record, a person, bytes with
their type, at once or as they come. Knows none of the routes and none of the services.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar

from starlette.types import Receive, Scope, Send

from finmodel.records import Person
from serving.border import Call, Headers, Rule
from serving.openapi import JSON, Doc
from serving.refusals import NoKey, WrongType
from serving.schemas import read

T = TypeVar("T")
XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer's bytes, their type, and headers that stand in place of the border's."""

    body: bytes | AsyncGenerator[bytes, None]
    """What comes piece by piece is closed as soon as nobody listens any more."""
    content_type: str = JSON
    headers: Headers | None = None
    status: int = 200


Answering = Callable[[Call, Any], Awaitable[Reply]]
"""Asked with the call and the service's desk."""


@dataclass(frozen=True, slots=True)
class Route:
    """One address: what it demands, what is said of it, and who answers (BentoML, where None)."""

    rule: Rule
    doc: Doc | None
    answer: Answering | None


def json_of(call: Call, kind: type[T]) -> T:
    """The call's body as a record; no other type of body is read."""
    given = call.header(b"content-type").partition(";")[0].strip().lower()
    if given != JSON:
        raise WrongType(
            "only JSON is read here",
            where="the header Content-Type",
            remedy="send Content-Type: application/json",
        )
    return read(call.body or b"", kind)


def signed_in(call: Call) -> Person:
    """The person who asks; the border lets nobody else through where a role is demanded."""
    if call.person is None:
        raise NoKey("no key", where="the header Authorization", remedy="send one")
    return call.person


class Pooled(Protocol):
    """A desk with threads for work too long for the event loop."""

    @property
    def pool(self) -> Executor:
        """Those threads."""
        ...


async def aside(desk: Pooled, work: Callable[..., T], *given: Any) -> T:
    """Do work that is too long for the event loop in one of the desk's threads."""
    return await asyncio.get_running_loop().run_in_executor(desk.pool, work, *given)


class Routes:
    """The ASGI application behind the border: it finds its call in the scope, and answers it."""

    def __init__(self, routes: Iterable[Route], desk: Any) -> None:
        self._desk = desk
        self._answers: dict[Rule | None, Answering] = {
            route.rule: route.answer for route in routes if route.answer is not None
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one call."""
        call: Call = scope["finmodel.call"]
        reply = await self._answers[call.rule](call, self._desk)
        headers = [(b"content-type", reply.content_type.encode()), *(reply.headers or ())]
        if isinstance(reply.body, bytes):
            headers.append((b"content-length", str(len(reply.body)).encode()))
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        if isinstance(reply.body, bytes):
            await send({"type": "http.response.body", "body": reply.body})
        else:
            await _streamed(reply.body, receive, send)


async def _streamed(pieces: AsyncGenerator[bytes, None], receive: Receive, send: Send) -> None:
    """Send pieces as they come; once the caller has left, whoever makes them is told to stop.

    So they are where it took too long: the border cancels this, whatever is awaited.
    """
    left = asyncio.ensure_future(_left(receive))
    piece: asyncio.Future[bytes | None] | None = None
    try:
        while True:
            piece = asyncio.ensure_future(anext(pieces, None))
            await asyncio.wait((piece, left), return_when=asyncio.FIRST_COMPLETED)
            if not piece.done():
                return
            body = piece.result()
            await send({"type": "http.response.body", "body": body or b"", "more_body": bool(body)})
            if body is None:
                return
    finally:
        left.cancel()
        if piece is not None and not piece.done():  # what still runs cannot be closed
            piece.cancel()
            await asyncio.wait((piece,))
        await pieces.aclose()


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
