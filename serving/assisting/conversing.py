"""Conversations as they reach the service, and as their agents see them.

A call's record and a person come in; what became of it, or what may be seen, goes out. An agent
sees their own conversations and nobody else's.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final

from msgspec.structs import replace as changed

from finmodel.assistant.facts import Facts
from finmodel.assistant.hints import seen_by
from finmodel.assistant.slots import SLOTS
from finmodel.conversation_book import Brought, Opened, identity_of
from finmodel.conversations import Conversation, Message
from finmodel.errors import BadInput, NotFound, Refused
from finmodel.privacy.masks import Masks
from finmodel.records import Person
from serving.assisting.ahead import read_soon
from serving.assisting.asked import Bring, FactSeen, Line, Lines, View
from serving.assisting.desk import AssistDesk
from serving.assisting.examining import of_brought

FOR_OTHERS = frozenset({"engineer", "supervisor"})
"""Who may bring another person's conversations: a vendor's system has an account of its own."""
AHEAD: Final = timedelta(minutes=10)
"""So far a customer's message may lie ahead: clocks of others are not ours."""
EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
MOST: Final = 50
"""An agent sees so many conversations at once."""
_LAST_WORDS = 80


class Latest(Lines, frozen=True):
    """The latest of an agent's conversations."""

    more: bool
    """Whether there are others, with nothing said in them since."""


def bring(
    conversation: str, given: Bring, person: Person, desk: AssistDesk, masks: Masks | None = None
) -> Brought:
    """Write messages down, in the agent's conversation.

    A new one of the customer's ends the reply that is being written to those before.
    With masks, the words are masked before they are kept; the guards read them as they came.
    """
    agent = given.agent or person.name
    if agent != person.name and not person.roles & FOR_OTHERS:
        raise Refused(
            f"{person.name} brings no conversation of {agent}",
            where="agent",
            remedy=f"leave it out, or ask somebody who is {' or '.join(sorted(FOR_OTHERS))}",
        )
    if given.hints is not None and not person.roles & FOR_OTHERS:
        raise Refused(
            f"{person.name} brings no hints of risk or offers",
            where="hints",
            remedy="leave them out: the system that made them brings them",
        )
    _require_times(conversation, given.messages, desk.clock.now())
    Facts.of_plain(given.facts or {})  # refuses a slot that nobody knows, before anything is kept
    opened = Opened(
        id=conversation,
        customer=given.customer,
        started=min(one.at for one in given.messages),
        channel=given.channel,
        scenario=given.scenario,
        agent=agent,
        consent_to_training=given.consent_to_training,
        account=given.account,
        facts=given.facts,
        hints=given.hints,
    )
    beside = of_brought(opened, given.messages, desk, masks)
    taken = desk.conversations.take(opened, _masked(given.messages, masks), beside)
    if taken.new:
        said = [one.id for one in given.messages if one.who == "customer"]
        desk.replies.came(conversation, said)
        read_soon(conversation, desk)
    return taken


def _masked(messages: tuple[Message, ...], masks: Masks | None) -> tuple[Message, ...]:
    if masks is None:
        return messages
    return tuple(
        changed(one, text=masks.mask(one.text), slotted=masks.mask(one.slotted)) for one in messages
    )


def _require_times(conversation: str, messages: Iterable[Message], now: datetime) -> None:
    """Refuse what others would be sorted by or counted from for ever."""
    for one in messages:
        where = f"conversation {conversation}, message {one.id}"
        remedy = "check the clock of who sends it"
        if not EARLIEST <= one.at <= now + AHEAD:
            when = "before 2000" if one.at < EARLIEST else "more than 10 minutes from now"
            raise BadInput(f"a message is dated {when}", where=where, remedy=remedy)
        if one.who == "agent" and one.at > now:
            raise BadInput("an agent's message lies in the future", where=where, remedy=remedy)


def own(conversation: str, person: Person, desk: AssistDesk) -> Conversation:
    """An agent's own conversation; NotFound for anybody else's, as if there were none."""
    if desk.conversations.agent_of(conversation) != person.name:
        raise NotFound(
            "no conversation of yours has this id",
            where=f"conversation {conversation}",
            remedy="see which there are: GET /conversations",
        )
    return desk.conversations.read(conversation)


def lines(person: Person, desk: AssistDesk) -> Latest:
    """An agent's latest conversations, and whether there are more."""
    found = desk.conversations.of(person.name, MOST + 1)
    return Latest(tuple(map(_line, found[:MOST])), more=len(found) > MOST)


def view(conversation: str, person: Person, desk: AssistDesk) -> View:
    """A conversation with what its agent may know of the customer."""
    one = own(conversation, person, desk)
    facts = Facts.of_plain(one.facts)
    brought = desk.conversations.hints(conversation)
    offered = desk.campaigned.hints(one.customer, brought, desk.clock.now())
    decided = desk.decided.hints(one.customer, person.roles)
    return View(
        id=one.id,
        customer=one.customer,
        channel=one.channel,
        scenario=one.scenario,
        identity=identity_of(one),
        account=one.account,
        started=one.started,
        messages=one.messages,
        facts=tuple(
            FactSeen(name, SLOTS[name].chinese, SLOTS[name].english, fact.shown, fact.source)
            for name, fact in facts.items()
        ),
        hints=seen_by([*offered, *decided], person.roles),
    )


def _line(one: Conversation) -> Line:
    last = one.messages[-1] if one.messages else None
    return Line(
        id=one.id,
        customer=one.customer,
        scenario=one.scenario,
        channel=one.channel,
        identity=identity_of(one),
        latest=last.at if last else one.started,
        last_who=last.who if last else "system",
        last_words=last.text[:_LAST_WORDS] if last else "",
    )
