"""Where a customer's words go: to a person of the right desk, to one script alone, or on.

A conversation and scripts come in; what the inbound guard found and its script, where that may be
said today, go out. A suggestion never waits for it, and no message is dropped. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final

from msgspec import Struct

from finmodel.assistant.guards.classifier import Classifier
from finmodel.assistant.guards.inbound import EARLIER, asked, by_urgency, routing_of
from finmodel.assistant.guards.inbound_rules import Routing, calls
from finmodel.assistant.matching.ranking import COUNT, Offer
from finmodel.assistant.scripts import Script, Scripts, State
from finmodel.assistant.suggesting.asking import open_words
from finmodel.conversations import Message

ALONE: Final = frozenset({"escalate", "refuse"})
"""Nothing is generated for whoever is routed so."""


class Routed(Struct, frozen=True):
    """What the customer's words since the last reply call for."""

    intent: str
    routing: Routing
    zh: str
    en: str
    script: str


def routed(messages: Sequence[Message], guard: Classifier | None = None) -> Routed | None:
    """What the customer's words since the last reply call for; None of nothing.

    Each message is read with the few before it, and the most urgent of all that they call for
    decides: who is in danger stays so, whatever they write next. The guard is the shipped one,
    unless another is given.

    >>> from datetime import datetime
    >>> at = datetime.fromisoformat("2026-06-03T09:00:00+08:00")
    >>> routed([Message(id="1", who="customer", at=at, text="我要投诉你们")]).routing
    'escalate'
    """
    said = [one.text for one in messages if one.who == "customer"]
    latest = range(len(said) - len(open_words(messages)), len(said))
    every = [
        one for at in latest for one in asked(said[at], said[max(at - EARLIER, 0) : at], guard)
    ]
    found = routing_of(by_urgency(every))
    if found is None:
        return None
    call = calls()[found.intent]
    return Routed(found.intent, found.routing, call.zh, call.en, found.script)


def with_its_script(
    offers: Sequence[Offer], found: Routed | None, scripts: Scripts, state: State, day: date
) -> list[Offer]:
    """What is offered, with the script of a refusal in front and of an escalation among the three.

    The closest of its intent to whom it is said to; none that expired.
    """
    if found is None or found.routing not in ALONE:
        return list(offers)
    script = _sayable(scripts, found.script, state, day)
    if script is None or any(one.script.intent == script.intent for one in offers):
        return list(offers)
    its = Offer(script, 0.0)
    if found.routing == "refuse":
        return [its, *offers[: COUNT - 1]]
    return [*offers[: COUNT - 1], its]


def _sayable(scripts: Scripts, name: str, state: State, day: date) -> Script | None:
    if name not in scripts:
        return None
    there = scripts.fitting(scripts[name].intent, state, day)
    return next((one for one in there if one.id == name), next(iter(there), None))
