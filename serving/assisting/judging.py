"""What an agent made of suggestions: kept as a verdict, sent as a message, counted as characters.

A verdict over HTTP and a person come in; the message that goes to the customer is written into the
conversation, and what was spared by the suggestion goes out. Guards tell; they do not forbid what a
person writes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final, NamedTuple

import msgspec

from fine_tune.lessons.distance import distance, saved
from finmodel.assistant.contact_policy import Held
from finmodel.assistant.facts import Facts
from finmodel.assistant.guards.inbound import Asked, asked
from finmodel.assistant.guards.outbound import Broken, broken
from finmodel.assistant.suggesting.answers import Suggested, Suggestion
from finmodel.assistant.suggesting.asking import asking_of
from finmodel.clock import china_day
from finmodel.conversation_book import identity_of
from finmodel.conversations import Conversation, Message
from finmodel.errors import BadInput
from finmodel.finding_book import Found
from finmodel.finding_book import Origin as Written
from finmodel.records import Person
from finmodel.suggestion_book import Judged
from finmodel.verdicts import Choice, Verdict
from serving.assisting.ahead import read_soon
from serving.assisting.asked import Checked, CheckRequest, Feedback, Heard, Hit
from serving.assisting.conversing import own
from serving.assisting.desk import AssistDesk
from serving.assisting.examining import (
    as_found,
    elsewhere_of,
    found_in,
    held_at,
    kept_beside,
    others_of,
)
from serving.assisting.verdict_events import event_of

_ORIGINS: Final[dict[Choice, Written]] = {
    "accepted": "suggested",
    "edited": "edited",
    "rejected": "typed",
}


class _Sent(NamedTuple):
    """A reply that goes to the customer."""

    text: str
    words: str
    """With slots where it has the customer's values."""
    origin: Written
    found: tuple[Found, ...]
    script: str = ""


def check(given: CheckRequest, person: Person, desk: AssistDesk) -> Checked:
    """The guards alone: of a customer's words what they call for, of anybody else's what they may
    not say; in a conversation, also when.
    """
    one = own(given.conversation, person, desk) if given.conversation else None
    if given.who == "customer":
        return Checked((), _calls(given.text, one, desk))
    if one is None:
        today = china_day(desk.clock.now())
        return Checked(_told(list(broken(given.text, today=today)), []))
    return Checked(_told(*_hits(given.text, one, desk)))


def judge(given: Feedback, person: Person, desk: AssistDesk) -> Heard:
    """Keep a verdict, and send what is to be sent."""
    told = msgspec.json.decode(desk.suggestions.body(given.shown, person.name), type=Suggested)
    _require_its_own(told, given)
    one = own(told.trace.conversation, person, desk)
    facts, text = Facts.of_plain(one.facts), given.text.strip()
    found = _hits(text, one, desk) if text else ([], [])
    hits, kept = _told(*found), as_found(*found)
    offered = _offered(told, given)
    if offered is None or given.unseen:  # there is nothing to judge
        typed = _Sent(text, slotted(text, None, facts), "typed", kept)
        sent = _send(one, given.shown, typed, desk)
        return Heard(verdict="rejected", saved=0.0, message=sent, hits=hits)
    choice = _choice(offered, given.place, text)
    spared = saved(offered.text, text) if given.place else 0.0
    verdict = Verdict(
        id=given.shown,
        conversation=one.id,
        after=told.trace.after,
        at=desk.clock.now(),
        verdict=choice,
        suggestion=offered.slotted,
        sent=slotted(text, offered, facts) if choice != "accepted" else "",
        distance=distance(offered.text, text) if text else None,
        agent=person.name,
        reason=given.reason,
        adapter=told.trace.adapter if offered.kind == "generated" else "",
    )
    judged = Judged(
        verdict=verdict,
        characters=len(text),
        saved=spared,
        seconds=given.seconds,
        violations=len(hits),
    )
    event = event_of(judged, offered, given.place, told.trace, one, desk)
    desk.suggestions.judge(given.shown, one.customer, msgspec.structs.replace(judged, event=event))
    desk.verdict_log.soon()
    script = offered.script if choice == "accepted" else ""
    words = offered.slotted if choice == "accepted" else verdict.sent
    reply = _Sent(text, words, _ORIGINS[choice], kept, script)
    sent = _send(one, given.shown, reply, desk)
    return Heard(verdict=choice, saved=spared, message=sent, hits=hits)


def _calls(text: str, one: Conversation | None, desk: AssistDesk) -> tuple[Asked, ...]:
    """What a message calls for, read with the customer's last ones in its conversation."""
    before = [said.text for said in one.messages if said.who == "customer"] if one else []
    return asked(text, before, desk.shelf.guard)


def _require_its_own(told: Suggested, given: Feedback) -> None:
    """What was written for one customer goes to no other."""
    if given.conversation and given.conversation != told.trace.conversation:
        raise BadInput(
            "it was shown in another conversation",
            where="conversation",
            remedy="ask for suggestions there, and send it with what they are shown as",
        )


def slotted(text: str, offered: Suggestion | None, facts: Facts) -> str:
    """A text with slots in place of this customer's values: first those that were offered.

    What stays a figure is nobody's slot: such a reply is not learnt.
    """
    values = [
        (sentence.text[one.start : one.end], one.slot)
        for sentence in (offered.sentences if offered else ())
        for one in sentence.numbers
    ]
    values += [(fact.shown, name) for name, fact in facts.items()]
    for value, name in sorted(values, key=lambda pair: -len(pair[0])):
        if len(value) > 1:  # a single digit may be anything
            text = text.replace(value, f"{{{name}}}")
    return text


def _offered(told: Suggested, given: Feedback) -> Suggestion | None:
    """The suggestion that is judged: the one that was taken, or the first; None where none was.

    What asks for verification stands behind the others. A script is found by its name, if given.
    """
    beside = [told.verification] if told.verification else []
    there: list[Suggestion] = [*told.suggestions, *beside]
    if given.script:
        taken = [one for one in there if one.script == given.script]
        if not taken or not given.place:
            raise BadInput(
                f"there was no suggestion {given.script}",
                where="script",
                remedy="leave it out, and name the place of what was taken",
            )
        return taken[0]
    if not there and not given.place:
        return None
    if given.place > len(there):
        raise BadInput(
            f"there was no suggestion {given.place}",
            where="place",
            remedy=f"name one of {len(there)}, or 0 for none",
        )
    return there[max(given.place, 1) - 1]


def _choice(offered: Suggestion, place: int, text: str) -> Choice:
    if place == 0 or not text:
        return "rejected"
    return "accepted" if text == offered.text.strip() else "edited"


def _send(one: Conversation, shown: str, sent: _Sent, desk: AssistDesk) -> str:
    """Write what was sent into the conversation; its id, the same however often it is told."""
    name, text = f"sent {shown}", sent.text
    before = next((known.text for known in one.messages if known.id == name), None)
    if before not in (None, text) and text:
        raise BadInput(
            "it was judged otherwise before", where=shown, remedy="ask for suggestions anew"
        )
    if not text or before is not None:
        return name if text else ""
    now = desk.clock.now()
    message = Message(
        id=name,
        who="agent",
        at=max(now, one.messages[-1].at if one.messages else now),
        text=text,
        identity=identity_of(one),
        script=sent.script,
        slotted=sent.words,
    )
    desk.conversations.add(one.id, message, kept_beside(one, sent.origin, sent.found, desk))
    read_soon(one.id, desk)
    return name


def _hits(text: str, one: Conversation, desk: AssistDesk) -> tuple[list[Broken], list[Held]]:
    """What a text may not say to whoever is writing there, and why it may not be sent now."""
    now = desk.clock.now()
    asking = replace(asking_of(one), day=china_day(now))
    held = held_at(one, now, others_of(one, desk), elsewhere_of(one, now, desk))
    return list(found_in(text, asking, desk)), list(held)


def _told(broken: list[Broken], held: list[Held]) -> tuple[Hit, ...]:
    words = [Hit(one.rule, one.severity, one.start, one.end, one.rewrite) for one in broken]
    return (*words, *(Hit(one.rule, "warn", 0, 0, None, one.until) for one in held))
