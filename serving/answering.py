"""What a route is made of: what it demands, what is said of it, who answers, and the answer.

Comes in: a call that passed the border. Goes out: a body read as a record, a person, bytes with
their type. Knows none of the routes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from finmodel.records import Person
from serving.border import Call, Headers, Rule
from serving.desk import Desk
from serving.openapi import JSON, Doc
from serving.refusals import NoKey, WrongType
from serving.schemas import read

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer's bytes, their type, and headers that stand in place of the border's."""

    body: bytes
    content_type: str = JSON
    headers: Headers | None = None


Answering = Callable[[Call, Desk], Awaitable[Reply]]


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


async def aside(desk: Desk, work: Callable[..., T], *given: Any) -> T:
    """Do work that is too long for the event loop in one of the desk's threads."""
    return await asyncio.get_running_loop().run_in_executor(desk.pool, work, *given)
