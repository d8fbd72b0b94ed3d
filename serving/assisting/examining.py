"""Every message of an agent is read by the guards as it is kept, sent here or brought.

What was said so far and a text come in; what it may not say goes out, and for messages that are
brought what is kept beside each. Nothing is held up here: whoever asked is told, and it is kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from itertools import takewhile
from typing import Protocol

from msgspec.structs import replace as changed

from finmodel.assistant.contact_policy import CAPS, Elsewhere, Held, held, is_answer
from finmodel.assistant.guards.outbound import Broken, broken
from finmodel.assistant.guards.unverified import INSTEAD, tells_standing
from finmodel.assistant.scripts import Scripts
from finmodel.assistant.sentences import sentences
from finmodel.assistant.suggesting.answers import Origin as Source
from finmodel.assistant.suggesting.asking import Asking, asking_of, may_be_told
from finmodel.assistant.suggesting.origins import Text, equal
from finmodel.assistant.suggesting.strangers import third_party
from finmodel.clock import Clock, china_day
from finmodel.conversation_book import Beside, ConversationBook, Opened
from finmodel.conversations import Conversation, Message
from finmodel.errors import NotFound
from finmodel.finding_book import Examined, FindingBook, Found, Origin
from finmodel.privacy.marked import marked
from finmodel.privacy.masks import Masks
from serving.assisting.campaigned import Campaigned


class Books(Protocol):
    """Where messages are kept: the service's desk, or a home that is being filled."""

    @property
    def conversations(self) -> ConversationBook:
        """What was said."""

    @property
    def findings(self) -> FindingBook:
        """What was found in it, beside it."""

    @property
    def scripts(self) -> Scripts:
        """What is approved."""

    @property
    def campaigned(self) -> Campaigned:
        """What campaigns told customers."""

    @property
    def clock(self) -> Clock:
        """What day it is."""


def found_in(text: str, asking: Asking, desk: Books, *, figures: bool = True) -> tuple[Broken, ...]:
    """What a text may not say behind these messages, to whoever is writing there.

    Its figures are held against the facts, unless those are not of its day.
    """
    stranger = third_party(asking.messages, asking.identity, desk.scripts)
    told = may_be_told(asking, stranger)
    facts = told.facts if figures else None
    found = broken(text, facts, today=asking.day, before=said_before(asking.messages))
    known = told.state.identity == "verified"
    return found if known else (*found, *_standing(text, desk))


def held_at(
    one: Conversation, at: datetime, others: Iterable[Conversation], elsewhere: Elsewhere
) -> tuple[Held, ...]:
    """Why the customer may not be written to first then; an answer is never held up."""
    log = [other.messages for other in others if other.scenario == one.scenario]
    return held(one.scenario, one.messages, [*log, one.messages], at, elsewhere)


def elsewhere_of(one: Conversation, at: datetime, desk: Books) -> Elsewhere:
    """What campaigns told the customer until then, where it counts: not for an answer."""
    if one.scenario != "marketing" or is_answer(one.messages, at):
        return Elsewhere()
    return desk.campaigned.of(one.customer, at)


def others_of(one: Conversation, desk: Books) -> list[Conversation]:
    """The customer's other conversations, where it matters how often they were written to."""
    if one.scenario not in CAPS:
        return []
    every = desk.conversations.of_customer(one.customer)
    return [other for other in every if other.id != one.id]


def said_before(messages: Sequence[Message]) -> str:
    """What the agent has said since the customer wrote last."""
    said = takewhile(lambda message: message.who != "customer", reversed(messages))
    return "".join(reversed([message.text for message in said if message.who == "agent"]))


def as_found(broken: Iterable[Broken], held: Iterable[Held]) -> tuple[Found, ...]:
    """The same as it is kept: a rule about hours and numbers is none of the words'."""
    words = [Found(one.rule, one.severity, one.start, one.end, one.by) for one in broken]
    return (*words, *(Found(one.rule, "warn", 0, 0) for one in held))


def kept_beside(one: Conversation, origin: Origin, found: Sequence[Found], desk: Books) -> Beside:
    """What keeps these findings with a message that an agent sends."""
    examined = Examined(one.agent, one.scenario, origin, found)
    return lambda message: desk.findings.keep(one.id, message, examined)


def of_brought(
    opened: Opened, messages: Sequence[Message], desk: Books, masks: Masks | None = None
) -> Beside | None:
    """What keeps beside each brought message of an agent what is found in it.

    A message is read behind those before it, with what is known as it comes: one that comes later
    and belongs before it is not waited for. With masks, it is read as it came, and what is found
    is kept by its place in the masked words.
    """
    if all(one.who != "agent" for one in messages):
        return None
    one, known = _with_known(opened, messages, desk)
    found = dict(_examined(one, known, desk))
    if masks is not None:
        texts = {said.id: said.text for said in messages}
        found = {name: _as_masked(seen, texts[name], masks) for name, seen in found.items()}
    return partial(_keep, opened.id, found, desk)


def _as_masked(examined: Examined, text: str, masks: Masks) -> Examined:
    """What was found in a text, with its places as they are once the text is masked."""
    return examined._replace(found=tuple(_placed(one, text, masks) for one in examined.found))


def _placed(one: Found, text: str, masks: Masks) -> Found:
    if one.start >= one.end:  # none of its words
        return one
    before, span, _ = marked(text, one.start, one.end, masks)
    return one._replace(start=len(before), end=len(before) + len(span))


def _keep(conversation: str, found: Mapping[str, Examined], desk: Books, message: Message) -> None:
    if message.id in found:
        desk.findings.keep(conversation, message, found[message.id])


def _with_known(
    opened: Opened, messages: Sequence[Message], desk: Books
) -> tuple[Conversation, frozenset[str]]:
    """The conversation as it will be, and the ids of messages that are there already."""
    try:
        before = desk.conversations.read(opened.id)
    except NotFound:
        before = opened.with_messages(())
    known = frozenset(said.id for said in before.messages)
    new = [said for said in messages if said.id not in known]
    whole = tuple(sorted([*before.messages, *new], key=lambda said: said.at))
    return opened.after(Opened.of(before, opened.agent)).with_messages(whole), known


def _examined(
    one: Conversation, known: frozenset[str], desk: Books
) -> Iterator[tuple[str, Examined]]:
    new = [
        (place, said)
        for place, said in enumerate(one.messages)
        if said.who == "agent" and said.id not in known
    ]
    others = others_of(one, desk) if new else []
    today = china_day(desk.clock.now())
    for place, said in new:
        so_far = changed(one, messages=one.messages[:place])
        day = china_day(said.at)
        asking = replace(asking_of(so_far), identity=said.identity, day=day)
        # Facts are of today, or nobody brought any: then no figure can be wrong.
        figures = bool(one.facts) and day == today
        found = found_in(said.text, asking, desk, figures=figures)
        # Who says stop today had not said it when this was sent.
        told = changed(elsewhere_of(so_far, said.at, desk), stopped=False)
        kept = as_found(found, held_at(so_far, said.at, others, told))
        yield said.id, Examined(one.agent, one.scenario, "brought", kept)


def _standing(text: str, desk: Books) -> Iterator[Broken]:
    """Sentences that tell how the customer stands, and are nobody's approved words."""
    approved = [
        Text(Source("script", one.id, one.version), one.text) for one in desk.scripts.values()
    ]
    for start, end in sentences(text):
        if tells_standing(text[start:end]) and equal(text[start:end], approved) is None:
            yield Broken("unverified", start, end, "block", start, end, INSTEAD)
