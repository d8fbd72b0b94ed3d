"""Suggestions over HTTP: scripts at once, sentences as they are written, then all with its id.

A conversation and a person come in; server-sent events, or one record, go out. What is shown is
kept before it is shown whole, so that every verdict has something that it is of.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncGenerator, Generator
from contextlib import ExitStack, closing
from typing import Any, Final, TypeAlias

import msgspec
from msgspec.structs import replace

from finmodel.assistant.suggesting.answers import Begun, Sentence, Suggested
from finmodel.assistant.suggesting.asking import asking_of
from finmodel.assistant.suggesting.replay import Beside
from finmodel.assistant.suggesting.suggest import Event, stream
from finmodel.clock import CHINA
from finmodel.conversations import Conversation
from finmodel.errors import NotReady
from finmodel.records import Person
from finmodel.suggestion_book import Shown
from finmodel.tenure import tenure_of
from serving.assisting.asked import Suggestions, SuggestRequest, all_seen, seen, sentence_seen
from serving.assisting.conversing import own
from serving.assisting.desk import AssistDesk
from serving.assisting.pumped import pumped

EVENTS: Final = "text/event-stream"
Told: TypeAlias = tuple[str, Any]
"""An event's name, and what it tells."""


def whole(asked: SuggestRequest, person: Person, desk: AssistDesk) -> Suggestions:
    """Everything at once."""
    one = own(asked.conversation, person, desk)
    events = _events(one, asked, person, desk, threading.Event())
    ((_, found),) = deque(events, maxlen=1)
    return msgspec.convert(found, Suggestions)


async def as_it_comes(
    asked: SuggestRequest, person: Person, desk: AssistDesk
) -> AsyncGenerator[bytes, None]:
    """Server-sent events: `scripts`, `writing` once the engine began, each `sentence`, `done`.

    Closed, it cancels the engine.
    """
    loop = asyncio.get_running_loop()
    one = await loop.run_in_executor(desk.pool, own, asked.conversation, person, desk)
    left = threading.Event()
    pieces = _written(_events(one, asked, person, desk, left))
    first = await loop.run_in_executor(desk.pool, next, pieces)  # a refusal comes before any of it
    return pumped(pieces, left, desk, first)


def _written(events: Generator[Told, None, None]) -> Generator[bytes, None, None]:
    with closing(events):
        for name, told in events:
            yield f"event: {name}\ndata: ".encode() + msgspec.json.encode(told) + b"\n\n"


def _events(
    one: Conversation,
    asked: SuggestRequest,
    person: Person,
    desk: AssistDesk,
    left: threading.Event,
) -> Generator[Told, None, None]:
    asking = asking_of(one, asked.tone)
    arm = desk.arms.of(one.id)
    with ExitStack() as stack:
        try:
            writer = stack.enter_context(arm.writing.place(left, one.scenario, one.id))
        except NotReady:
            if asked.tone:  # a generated reply was asked for by name
                raise
            writer = None  # scripts need no place
        told = yield from _told(stream(asking, desk.shelf, writer))
    if left.is_set():
        return
    wrote = (writer.adapter or arm.name) if writer else ""
    beside = msgspec.json.encode(Beside.of(asking))
    kept = replace(_shown(one, told, person, desk), writer=wrote, asked=beside)
    yield "done", all_seen(desk.suggestions.show(kept, desk.conversations.ref_of(one.id)), told)


def _told(
    events: Generator[Event, None, Suggested],
) -> Generator[Told, None, Suggested]:
    try:
        while True:
            try:
                event = next(events)
            except StopIteration as end:
                found: Suggested = end.value
                return found
            yield _event(event)
    finally:
        events.close()


def _event(event: Event) -> Told:
    if isinstance(event, Sentence):
        return "sentence", sentence_seen(event)
    if isinstance(event, Begun):
        return "writing", event
    beside = seen(event.verification) if event.verification else None
    return "scripts", {
        "suggestions": tuple(map(seen, event.suggestions)),
        "verification": beside,
        "routed": event.routed,
    }


def _shown(one: Conversation, told: Suggested, person: Person, desk: AssistDesk) -> Shown:
    trace, now = told.trace, desk.clock.now()
    generated = any(suggestion.kind == "generated" for suggestion in told.suggestions)
    return Shown(
        conversation=one.id,
        customer=one.customer,
        agent=person.name,
        scenario=one.scenario,
        at=now,
        adapter=(trace.adapter or trace.engine) if generated else "",
        count=len(told.suggestions),
        ms=trace.scripts_ms,
        body=msgspec.json.encode(told),
        tenure=tenure_of(person.since, now.astimezone(CHINA).date()),
    )
