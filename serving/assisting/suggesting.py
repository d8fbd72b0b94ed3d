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
from functools import partial
from typing import Any, Final, TypeAlias

import msgspec

from finmodel.assistant.suggesting.answers import Begun, Sentence, Suggested
from finmodel.assistant.suggesting.asking import Asking, asking_of
from finmodel.assistant.suggesting.context import masks_of
from finmodel.assistant.suggesting.replay import Beside
from finmodel.assistant.suggesting.suggest import Event, Offered, stream
from finmodel.clock import china_day
from finmodel.conversations import Conversation
from finmodel.errors import NotReady
from finmodel.records import Person
from finmodel.suggestion_book import Shown
from finmodel.tenure import tenure_of
from serving.assisting.asked import (
    Stale,
    Suggestions,
    SuggestRequest,
    all_seen,
    seen,
    sentence_seen,
)
from serving.assisting.conversing import own
from serving.assisting.desk import AssistDesk
from serving.assisting.pumped import pumped
from serving.assisting.replies import Reply

EVENTS: Final = "text/event-stream"
Told: TypeAlias = tuple[str, Any]
"""An event's name, and what it tells."""


def whole(asked: SuggestRequest, person: Person, desk: AssistDesk) -> Suggestions:
    """Everything at once; where the customer wrote meanwhile, scripts, and that they did."""
    events = _events(asked, person, desk, threading.Event(), early=False)
    ((_, found),) = deque(events, maxlen=1)
    return msgspec.convert(found, Suggestions)


async def as_it_comes(
    asked: SuggestRequest, person: Person, desk: AssistDesk
) -> AsyncGenerator[bytes, None]:
    """Server-sent events: `scripts`, `writing` once the engine began, each `sentence`, `done`.

    Closed, it cancels the engine. So does the customer who writes again: then `stale` is the last.
    """
    loop = asyncio.get_running_loop()
    left = threading.Event()
    pieces = _written(_events(asked, person, desk, left))
    first = await loop.run_in_executor(desk.pool, next, pieces)  # a refusal comes before any of it
    return pumped(pieces, left, desk, first)


def _written(events: Generator[Told, None, None]) -> Generator[bytes, None, None]:
    with closing(events):
        for name, told in events:
            yield f"event: {name}\ndata: ".encode() + msgspec.json.encode(told) + b"\n\n"


def _events(
    asked: SuggestRequest,
    person: Person,
    desk: AssistDesk,
    left: threading.Event,
    *,
    early: bool = True,
) -> Generator[Told, None, None]:
    """`early`: what stands at once may be judged before the end, so it is kept before it."""
    with desk.replies.under_way(asked.conversation, left) as reply:
        one = own(asked.conversation, person, desk)
        reply.reads(message.id for message in one.messages)
        yield from _answered(one, asked, person, desk, reply, early=early)


def _answered(
    one: Conversation,
    asked: SuggestRequest,
    person: Person,
    desk: AssistDesk,
    reply: Reply,
    *,
    early: bool,
) -> Generator[Told, None, None]:
    asking = asking_of(one, asked.tone)
    arm = desk.arms.of(one.id)
    with reply.in_time(writes=arm.writing.writer is not None), ExitStack() as stack:
        try:
            writer = stack.enter_context(arm.writing.place(reply.left, one.scenario, one.id))
        except NotReady:
            if asked.tone:  # a generated reply was asked for by name
                raise
            writer = None  # scripts need no place
        wrote = (writer.adapter or arm.name) if writer else ""
        beside = msgspec.json.encode(Beside.of(asking))
        keep = partial(_shown, one, person, desk, wrote, beside)
        events = stream(asking, desk.shelf, writer)
        stack.callback(events.close)
        offered = next(events)
        assert isinstance(offered, Offered)  # scripts come first
        ref, name = desk.conversations.ref_of(one.id), ""
        if offered.alone is not None:
            if early:  # an agent who takes a script waits for nobody
                name = desk.suggestions.show(keep(offered.alone), ref, under_way=True)
            desk.reading.leave(one.id)  # whoever writes reads it now
        yield _event(offered, name)
        told = yield from _told(events)
    if name and reply.newer:  # its scripts may be judged, and wait for no more of it
        yield "stale", Stale(told.trace.after, reply.newer)
        return
    if reply.left.is_set() and not (reply.newer or reply.late):
        return
    if name:
        desk.suggestions.finish(name, keep(told))
    shown = name or desk.suggestions.show(keep(told), ref)
    yield "done", msgspec.structs.replace(_whole_of(shown, told, asking), newer=reply.newer)


def _whole_of(shown: str, told: Suggested, asking: Asking) -> Suggestions:
    """All of it for the agent of the conversation, what is recalled as the customer wrote it."""
    return all_seen(shown, told, masks_of(asking) if told.recalled else None)


def _told(events: Generator[Event, None, Suggested]) -> Generator[Told, None, Suggested]:
    while True:
        try:
            event = next(events)
        except StopIteration as end:
            found: Suggested = end.value
            return found
        yield _event(event)


def _event(event: Event, name: str = "") -> Told:
    if isinstance(event, Sentence):
        return "sentence", sentence_seen(event)
    if isinstance(event, Begun):
        return "writing", event
    beside = seen(event.verification) if event.verification else None
    return "scripts", {
        "suggestions": tuple(map(seen, event.suggestions)),
        "verification": beside,
        "routed": event.routed,
        "shown": name,
    }


def _shown(
    one: Conversation, person: Person, desk: AssistDesk, writer: str, asked: bytes, told: Suggested
) -> Shown:
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
        tenure=tenure_of(person.since, china_day(now)),
        writer=writer,
        asked=asked,
    )
