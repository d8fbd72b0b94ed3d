"""Suggestions for an agent: approved scripts at once, then one generated reply through the guards.

A conversation so far, a shelf of what is approved, and perhaps a writer come in; suggestions go out
as they come, and in the end all of them with their trace. Where nothing can be said safely nothing
is said, and the trace says why. Knows no HTTP, no file and no model.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Generator
from typing import Final, NamedTuple, TypeAlias

import msgspec

from finmodel.assistant.engines.engine import Asked
from finmodel.assistant.matching.ranking import COUNT, Ranked
from finmodel.assistant.matching.situation import VERIFY, situation_of
from finmodel.assistant.suggesting.answers import (
    Begun,
    Met,
    Scored,
    Sentence,
    Suggested,
    Suggestion,
    Trace,
)
from finmodel.assistant.suggesting.approved import approved
from finmodel.assistant.suggesting.asking import Asking, Told, may_be_told, open_words
from finmodel.assistant.suggesting.context import HISTORY, prompt_of, prompt_version
from finmodel.assistant.suggesting.generated import Clock, Outcome, ahead, generate
from finmodel.assistant.suggesting.routing import ALONE, Routed, routed
from finmodel.assistant.suggesting.shelf import Shelf, Writer
from finmodel.assistant.suggesting.strangers import THIRD_PARTY, third_party
from finmodel.conversations import tokens_about

_SCRIPTS_ALONE: Final = frozenset({THIRD_PARTY, "self_harm"})
"""Nothing is generated for whoever may want this."""
_MAY: Final = 0.05
"""From so likely on; less likely, it is what is left of three places."""
_IDEOGRAPH: Final = re.compile("[\u4e00-\u9fff]")


class Offered(msgspec.Struct, frozen=True):
    """What is there at once: approved scripts."""

    suggestions: tuple[Suggestion, ...]
    verification: Suggestion | None = None
    writing: bool = False
    """The engine is asked next."""
    routed: Routed | None = None
    """Where the customer's words go, if not on."""
    alone: Suggested | None = None
    """All of it, should nobody wait for the engine."""


Event: TypeAlias = Offered | Begun | Sentence
"""Scripts first, then that an engine has begun, then the sentences of its reply; given up, it is
not in the end."""


class _Read(NamedTuple):
    """How a question was read."""

    told: Told
    ranked: Ranked
    routed: Routed | None


def suggest(
    asking: Asking, shelf: Shelf, writer: Writer | None = None, clock: Clock = time.perf_counter
) -> Suggested:
    """All suggestions for what is asked, with their trace; `clock` counts seconds."""
    events = stream(asking, shelf, writer, clock)
    try:
        while True:
            next(events)
    except StopIteration as end:
        found: Suggested = end.value
        return found


def stream(
    asking: Asking, shelf: Shelf, writer: Writer | None = None, clock: Clock = time.perf_counter
) -> Generator[Event, None, Suggested]:
    """Suggestions as they come; whoever closes it cancels the engine.

    Up to three: with a generated one, two scripts; where that is given up, the third script.
    """
    begun = clock()
    read = _read(asking, shelf)
    scripts, beside, met = approved(read.ranked, shelf.scripts, read.told, asking.day, read.routed)
    reason = _nothing_generated(asking, read, writer)
    at_once = scripts if reason else scripts[: COUNT - 1]
    if beside is None:
        left = scripts[len(at_once) :]
        beside = next((one for one in left if _verifies(one, shelf)), None)
    offered = clock() - begun
    alone = None
    if not reason:
        before = _trace(asking, read, met, Outcome(reason="nobody waited for it"), writer)
        alone = Suggested(tuple(at_once), before, beside, (), read.routed)
    yield Offered(tuple(at_once), beside, not reason, read.routed, alone)
    if reason or writer is None:
        outcome = _recalled(asking, read.told, reason)
    else:
        outcome = yield from generate(asking, read.told, scripts, shelf, writer, clock)
    found = tuple(scripts)
    if outcome.suggestion is not None:
        found = (*at_once, outcome.suggestion)
    trace = _trace(asking, read, met, outcome, writer)
    times = {
        "scripts_ms": offered * 1e3,
        "begun_ms": _ms(begun, outcome.begun),
        "first_ms": _ms(begun, outcome.first),
        "ms": _ms(begun, clock()),
    }
    trace = msgspec.structs.replace(trace, **times)
    beside = None if beside in found else beside
    return Suggested(found, trace, beside, outcome.recalled, read.routed)


def _ms(begun: float, at: float | None) -> float | None:
    return None if at is None else (at - begun) * 1e3


def read_ahead(asking: Asking, shelf: Shelf, writer: Writer) -> Asked:
    """What an engine may read before a suggestion is asked for."""
    return ahead(asking, _read(asking, shelf).told, shelf, writer)


def _verifies(one: Suggestion, shelf: Shelf) -> bool:
    return shelf.scripts[one.script].intent == VERIFY


def _read(asking: Asking, shelf: Shelf) -> _Read:
    """What is wanted, and what whoever is writing may be told."""
    stranger = third_party(asking.messages, asking.identity, shelf.scripts)
    told, ranked = _ranked(asking, shelf, stranger)
    if not stranger and ranked.offers and ranked.offers[0].script.intent == THIRD_PARTY:
        told, ranked = _ranked(asking, shelf, stranger=True)
    return _Read(told, ranked, routed(asking.messages, shelf.guard))


def _ranked(asking: Asking, shelf: Shelf, stranger: bool) -> tuple[Told, Ranked]:
    told = may_be_told(asking, stranger)
    identity = told.state.identity
    situation = situation_of(asking.messages, identity, asking.account, shelf.scripts)
    return told, shelf.ranker.rank(situation, told.state, asking.day, told.facts)


def _nothing_generated(asking: Asking, read: _Read, writer: Writer | None) -> str:
    """Why no engine is asked; empty where one is."""
    words = "".join(one.text for one in open_words(asking.messages))
    offers = read.ranked.offers
    reasons = {
        "nothing is asked": not words.strip() and not offers,
        "nothing can be read": not offers,
        "a third party is writing": read.told.third_party,
        "scripts alone answer this": any(
            one.score >= _MAY and one.script.intent in _SCRIPTS_ALONE for one in offers
        ),
        f"it goes elsewhere: {_way(read.routed)}": bool(_way(read.routed)),
        "it is not in Chinese": not _IDEOGRAPH.search(words),
        "the first script is sure": read.ranked.confident and not (asking.tone or asking.anyhow),
        "no engine": writer is None,
    }
    return next((reason for reason, so in reasons.items() if so), "")


def _way(found: Routed | None) -> str:
    return f"{found.routing} {found.intent}" if found and found.routing in ALONE else ""


def _recalled(asking: Asking, told: Told, reason: str) -> Outcome:
    """What an agent should remember of a long conversation, where no engine reads it."""
    if sum(tokens_about(one.text) for one in asking.messages) < HISTORY // 2:
        return Outcome(reason=reason)
    prompt = prompt_of(asking, told)
    return Outcome(reason=reason, recalled=prompt.recalled, left_out=prompt.left_out)


def _trace(
    asking: Asking, read: _Read, met: list[Met], outcome: Outcome, writer: Writer | None
) -> Trace:
    asked = _digest(asking)
    engine, adapter = (writer.engine.name, writer.adapter) if writer else ("", "")
    how = (asked, engine, adapter, writer.seed, writer.temperature) if writer else (asked,)
    return Trace(
        id=hashlib.sha256(repr(how).encode()).hexdigest()[:16],
        conversation=asking.conversation,
        after=asking.after,
        asked=asked,
        day=asking.day,
        identity=read.told.state.identity,
        account=read.told.state.account,
        third_party=read.told.third_party,
        scripts=tuple(
            Scored(one.script.id, one.script.version, one.score) for one in read.ranked.offers
        ),
        confident=read.ranked.confident,
        routed=_way(read.routed),
        sources=outcome.sources,
        rules=(*met, *outcome.met),
        recalled=tuple(one.message for one in outcome.recalled),
        left_out=outcome.left_out,
        engine=engine,
        adapter=adapter,
        prompt=prompt_version() if writer else "",
        prompt_tokens=outcome.prompt_tokens,
        kept_tokens=outcome.kept_tokens,
        written_tokens=outcome.written_tokens,
        reason=outcome.reason,
    )


def _digest(asking: Asking) -> str:
    """SHA-256 of everything that a suggestion depends on but what is approved."""
    plain = asking.facts.plain()
    whole = (
        asking.messages, asking.identity, asking.account, plain, asking.day, asking.tone
    )  # fmt: skip
    return hashlib.sha256(msgspec.json.encode(whole, order="sorted")).hexdigest()
