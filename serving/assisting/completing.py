"""`POST /v1/chat/completions`: OpenAI's route, with the guards in front of a model and behind it.

A request comes in, a completion goes out, at once or sentence by sentence. The inbound guard reads
the last message before the model does: what it sends elsewhere is answered by its script. Behind,
a sentence that breaks a rule is said safely or ends the reply. Whose words these are is not known:
nobody is verified here, and no ledger value is told.
"""

from __future__ import annotations

import asyncio
import secrets
import threading
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Final

import msgspec

from finmodel.assistant.engines.engine import Asked, Engine
from finmodel.assistant.engines.through import Through
from finmodel.assistant.facts import Facts
from finmodel.assistant.suggesting.answers import Sentence, Suggested, Suggestion
from finmodel.assistant.suggesting.asking import Asking
from finmodel.assistant.suggesting.shelf import Shelf, Writer
from finmodel.assistant.suggesting.suggest import Offered, stream
from finmodel.clock import china_day
from finmodel.conversations import Message, Who
from finmodel.errors import BadInput, FinmodelError, NotFound, NotReady
from serving.answering import Reply
from serving.assisting.desk import AssistDesk
from serving.assisting.openai_records import (
    ChatRequest,
    Choice,
    Completion,
    Finish,
    Model,
    Models,
    Said,
    Usage,
    chunk_of,
    refusal_of,
    usage_of,
)
from serving.assisting.pumped import pumped

MODEL: Final = "assistant"
"""Whoever FINMODEL_WRITER names; `assistant/collection` is the adapter of that scenario."""
MOST: Final = 200
"""Tokens of a reply, however many are asked for."""
EVENTS: Final = "text/event-stream"
_DONE: Final = b"data: [DONE]\n\n"
_WHO: Final[dict[str, Who]] = {"user": "customer", "assistant": "agent"}


@dataclass(frozen=True, slots=True)
class _Ended:
    """How a reply ended."""

    finish: Finish
    usage: Usage
    refusal: str = ""


def _heard(engine: Engine, pieces: list[str]) -> Engine:
    """An engine whose pieces are kept: one that wrote as many as it may was cut short."""

    def ask(asked: Asked) -> Generator[str, None, None]:
        for piece in engine.stream(asked):
            pieces.append(piece)
            yield piece

    return Through(engine, ask)


def models(desk: AssistDesk) -> Models:
    """What may be asked; nothing until a model writes."""
    writer, made = desk.writing.writer, int(desk.clock.now().timestamp())
    names = [MODEL, *(f"{MODEL}/{one}" for one in writer.scenarios)] if writer else []
    return Models(tuple(Model(name, made) for name in names))


async def complete(asked: ChatRequest, desk: AssistDesk) -> Reply:
    """The answer, as it comes where that is asked for; a refusal comes before any of it."""
    asking, left = _asking(asked, desk), threading.Event()
    pieces = _streamed(asked, asking, desk, left)
    loop = asyncio.get_running_loop()
    if not asked.stream:
        return Reply(await loop.run_in_executor(desk.pool, _whole, asked, asking, desk))
    first = await loop.run_in_executor(desk.pool, next, pieces)
    return Reply(pumped(pieces, left, desk, first), EVENTS)


def _whole(asked: ChatRequest, asking: Asking, desk: AssistDesk) -> bytes:
    with desk.writing.place(threading.Event(), _scenario(asked.model)) as given:
        writer = _as_asked(given, asked, desk)
        said: list[str] = []
        reply = _said(asking, writer, desk.shelf)
        ended = _each(reply, said)
    message = Said(role="assistant", content="".join(said), refusal=ended.refusal or None)
    choice = Choice(message=message, finish_reason=ended.finish)
    answer = msgspec.structs.replace(_about(writer, asked, desk), choices=(choice,))
    return msgspec.json.encode(msgspec.structs.replace(answer, usage=ended.usage))


def _each(reply: Generator[str, None, _Ended], said: list[str]) -> _Ended:
    while True:
        try:
            said.append(next(reply))
        except StopIteration as end:
            ended: _Ended = end.value
            return ended


def _streamed(
    asked: ChatRequest, asking: Asking, desk: AssistDesk, left: threading.Event
) -> Generator[bytes, None, None]:
    with desk.writing.place(left, _scenario(asked.model)) as given:
        writer = _as_asked(given, asked, desk)
        whole = _about(writer, asked, desk)
        yield chunk_of(whole, {"role": "assistant", "content": ""})
        with closing(_said(asking, writer, desk.shelf)) as reply:
            while True:
                try:
                    yield chunk_of(whole, {"content": next(reply)})
                except StopIteration as end:
                    ended: _Ended = end.value
                    break
                except FinmodelError as error:
                    yield b"data: " + refusal_of(error) + b"\n\n"
                    return
    why = {"refusal": ended.refusal} if ended.refusal else {}
    yield chunk_of(whole, why, ended.finish)
    if asked.stream_options is not None and asked.stream_options.include_usage:
        yield usage_of(msgspec.structs.replace(whole, usage=ended.usage))
    yield _DONE


def _said(asking: Asking, writer: Writer, shelf: Shelf) -> Generator[str, None, _Ended]:
    """The sentences of a reply, or the script in its place; NotReady where the engine failed."""
    pieces: list[str] = []
    events = stream(asking, shelf, replace(writer, engine=_heard(writer.engine, pieces)))
    with closing(events):
        offered = next(events)
        assert isinstance(offered, Offered)  # scripts come first
        heard = False
        while True:
            try:
                event = next(events)
            except StopIteration as end:
                told: Suggested = end.value
                break
            if isinstance(event, Sentence):
                heard = True
                yield event.text
    reason, usage = told.trace.reason, _usage(told)
    if not reason:
        return _Ended("length" if len(pieces) >= writer.most else "stop", usage)
    if heard:  # a guard ended it; what was said passed
        return _Ended("content_filter", usage)
    if reason.startswith("the engine failed"):
        raise NotReady("the model failed", where="the writer", remedy="ask again")
    script = _script(offered, shelf)
    if script is None:
        return _Ended("content_filter", usage, refusal=reason)
    yield script.text
    return _Ended("content_filter", usage)


def _script(offered: Offered, shelf: Shelf) -> Suggestion | None:
    """The script of what the inbound guard found, else the likeliest; None of none."""
    routed, there = offered.routed, offered.suggestions
    if routed is not None and routed.script in shelf.scripts:
        intent = shelf.scripts[routed.script].intent
        its = (one for one in there if shelf.scripts[one.script].intent == intent)
        return next(its, next(iter(there), None))
    return next(iter(there), None)


def _asking(asked: ChatRequest, desk: AssistDesk) -> Asking:
    """The conversation that is answered: of somebody who is not verified, without facts."""
    now = desk.clock.now()
    told = [(one.role, one.text) for one in asked.messages]
    if told[-1][0] != "user" or not told[-1][1].strip():
        raise BadInput(
            "the last message is no user's, or empty",
            where="messages",
            remedy="end with what is to be answered",
        )
    said = tuple(
        Message(id=f"m{place}", who=_WHO.get(role, "system"), at=now, text=text)
        for place, (role, text) in enumerate(told)
        if text.strip()
    )
    day = china_day(now)
    return Asking("", said, "none", None, Facts({}), day, anyhow=True)


def _as_asked(writer: Writer | None, asked: ChatRequest, desk: AssistDesk) -> Writer:
    """The writer within the request's limits; NotReady without one, NotFound by another name."""
    if writer is None:
        raise NotReady(
            "no model writes here now", where="the writer", remedy="see GET /status, then ask again"
        )
    if asked.model not in {one.id for one in models(desk).data}:
        raise NotFound("there is no such model", where="model", remedy="see GET /v1/models")
    wanted = asked.max_completion_tokens or asked.max_tokens
    return replace(
        writer,
        most=min(wanted or writer.most, MOST),
        temperature=asked.temperature or 0.0,
        seed=writer.seed if asked.seed is None else asked.seed % 2**31,
    )


def _scenario(model: str) -> str:
    return model.partition("/")[2]


def _about(writer: Writer, asked: ChatRequest, desk: AssistDesk) -> Completion:
    return Completion(
        id=f"chatcmpl-{secrets.token_hex(12)}",
        created=int(desk.clock.now().timestamp()),
        model=asked.model,
        choices=(),
        usage=Usage(0, 0, 0),
        system_fingerprint=writer.adapter or writer.engine.name,
    )


def _usage(told: Suggested) -> Usage:
    read, wrote = told.trace.prompt_tokens, told.trace.written_tokens
    return Usage(read, wrote, read + wrote)
