"""Wrap-ups of conversations as their agents write them, and the tickets that follow.

A conversation and a person come in, a draft or what became of it goes out. An agent sees their own
tickets, a supervisor everybody's.
"""

from __future__ import annotations

from datetime import date
from functools import partial
from typing import Any, Final

import msgspec

from finmodel.assistant.facts import Facts
from finmodel.assistant.intents import intent_named
from finmodel.assistant.wrap_up import Draft, draft, is_complaint
from finmodel.clock import china_day
from finmodel.conversations import Conversation
from finmodel.errors import BadInput, NotFound
from finmodel.records import Person
from finmodel.tickets import FollowUp, Ticket, due_of
from finmodel.wrap_up_book import WrapUp
from serving.assisting import ticket_acts
from serving.assisting.conversing import own
from serving.assisting.desk import AssistDesk
from serving.assisting.wrapped import (
    DraftSeen,
    FollowUpSeen,
    IntentSeen,
    KeptSeen,
    PromiseSeen,
    TicketChange,
    Tickets,
    TicketSeen,
    WrapUpGiven,
)

MOST: Final = 100
"""So many tickets are shown."""
SUPERVISOR: Final = "supervisor"


def drafted(conversation: str, person: Person, desk: AssistDesk) -> DraftSeen:
    """What would be written down of an agent's own conversation."""
    one = own(conversation, person, desk)
    shelf = desk.shelf
    found = draft(one, shelf.ranker, shelf.scripts)
    facts = Facts.of_plain(one.facts)
    return DraftSeen(
        conversation=one.id,
        category=found.category,
        intents=tuple(_intent(name) for name in found.intents),
        text=facts.fill(found.text).text,
        promise=_promise(found, facts),
        follow_up=_follow_up(found, desk),
        kept=_kept(one.id, desk),
    )


def wrap_up(conversation: str, given: WrapUpGiven, person: Person, desk: AssistDesk) -> Tickets:
    """Keep what an agent wrote down; the tickets that follow."""
    one = own(conversation, person, desk)
    for name in given.intents:
        intent_named(name)
    now = desk.clock.now()
    kept = WrapUp(
        conversation=one.id,
        customer=one.customer,
        agent=person.name,
        at=now,
        category=given.category,
        body=msgspec.json.encode(_body(one, given)),
    )
    asked = [given.follow_up] if given.follow_up is not None else []
    named = any(follow_up.kind == "complaint" for follow_up in asked)
    if is_complaint(given.category, given.intents) and not named:
        asked.insert(0, FollowUp(kind="complaint"))
    ref = desk.conversations.ref_of(one.id)
    opened = desk.wrap_ups.keep(kept, asked, ref, partial(ticket_acts.kept, desk.settings, kept))
    return Tickets(tuple(_seen(ticket, desk) for ticket in opened), 0)


def tickets(person: Person, desk: AssistDesk) -> Tickets:
    """What is still to be done: an agent's own, or everybody's for a supervisor."""
    whose = "" if SUPERVISOR in person.roles else person.name
    found = desk.wrap_ups.tickets(whose, MOST)
    late = desk.wrap_ups.overdue(whose, _today(desk))
    return Tickets(tuple(_seen(one, desk) for one in found), late)


def change(name: str, given: TicketChange, person: Person, desk: AssistDesk) -> TicketSeen:
    """Close a ticket, or give a complaint the time of a complex one."""
    if given.done == given.is_complex:
        raise BadInput(
            "nothing becomes of it" if not given.done else "it is done, or complex, not both",
            where="the body",
            remedy='send {"done": true}, or {"is_complex": true}',
        )
    known = desk.wrap_ups.ticket(name)
    if known.agent != person.name and SUPERVISOR not in person.roles:
        raise NotFound(
            "no ticket of yours has this id",
            where=f"ticket {name}",
            remedy="see which there are: GET /tickets",
        )
    record = partial(ticket_acts.changed, desk.settings, person.name)
    if given.done:
        return _seen(desk.wrap_ups.close_ticket(name, person.name, desk.clock.now(), record), desk)
    return _seen(desk.wrap_ups.extend(name, record), desk)


def _body(one: Conversation, given: WrapUpGiven) -> dict[str, Any]:
    """What is kept: of a promise also its amount, as the ledger has it now."""
    body: dict[str, Any] = {"intents": given.intents, "text": given.text}
    if given.promise is None:
        return body
    slot, facts = given.promise.slot, Facts.of_plain(one.facts)
    if slot and (slot not in facts or facts[slot].slot.kind != "money"):
        raise BadInput(
            f"{slot} is no amount that is known of this customer",
            where="promise.slot",
            remedy="name one of the facts, or leave it empty and write the amount into the text",
        )
    amount = one.facts[slot] if slot else None
    return body | {"promise": {"slot": slot, "amount": amount, "day": given.promise.day}}


def _kept(conversation: str, desk: AssistDesk) -> KeptSeen | None:
    before = desk.wrap_ups.latest(conversation)
    if before is None:
        return None
    at, body = before
    return KeptSeen(at, msgspec.json.decode(body)["text"])


def _intent(name: str) -> IntentSeen:
    found = intent_named(name)
    return IntentSeen(name, found.zh, found.en)


def _promise(found: Draft, facts: Facts) -> PromiseSeen | None:
    if found.promise is None:
        return None
    slot = found.promise.slot
    return PromiseSeen(slot, facts[slot].shown if slot else "", found.promise.day)


def _follow_up(found: Draft, desk: AssistDesk) -> FollowUpSeen | None:
    if found.follow_up is None:
        return None
    due = due_of(found.follow_up, _today(desk))
    if found.follow_up == "promise" and found.promise is not None and found.promise.day:
        due = max(found.promise.day, _today(desk))
    return FollowUpSeen(found.follow_up, due)


def _seen(one: Ticket, desk: AssistDesk) -> TicketSeen:
    return TicketSeen(
        id=one.id,
        conversation=one.conversation,
        agent=one.agent,
        kind=one.kind,
        opened=one.opened,
        due=one.due,
        overdue=one.is_overdue(_today(desk)),
        is_complex=one.is_complex,
        note=desk.wrap_ups.note(one.id),
        closed=one.closed,
    )


def _today(desk: AssistDesk) -> date:
    return china_day(desk.clock.now())
