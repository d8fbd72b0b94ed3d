"""What an agent made of suggestions: kept as a verdict, sent as a message, counted as characters.

A verdict over HTTP and a person come in; the message that goes to the customer is written into the
conversation, and what was spared by the suggestion goes out. Guards tell; they do not forbid what a
person writes.
"""

from __future__ import annotations

from itertools import takewhile

import msgspec

from fine_tune.lessons.distance import distance, saved
from finmodel.assistant.contact_policy import CAPS, held
from finmodel.assistant.facts import Facts
from finmodel.assistant.guards.inbound import Asked, asked
from finmodel.assistant.guards.outbound import Broken, broken
from finmodel.assistant.guards.unverified import INSTEAD, tells_standing
from finmodel.assistant.sentences import sentences
from finmodel.assistant.suggesting.answers import Origin, Suggested, Suggestion
from finmodel.assistant.suggesting.asking import Told, asking_of, may_be_told
from finmodel.assistant.suggesting.origins import Text, equal
from finmodel.assistant.suggesting.strangers import third_party
from finmodel.clock import CHINA
from finmodel.conversation_book import identity_of
from finmodel.conversations import Conversation, Message
from finmodel.errors import BadInput
from finmodel.records import Person
from finmodel.suggestion_book import Judged
from finmodel.verdicts import Choice, Verdict
from serving.assisting.ahead import read_soon
from serving.assisting.asked import Checked, CheckRequest, Feedback, Heard, Hit
from serving.assisting.conversing import own
from serving.assisting.desk import AssistDesk


def check(given: CheckRequest, person: Person, desk: AssistDesk) -> Checked:
    """The guards alone: of a customer's words what they call for, of anybody else's what they may
    not say; in a conversation, also when.
    """
    one = own(given.conversation, person, desk) if given.conversation else None
    if given.who == "customer":
        return Checked((), _calls(given.text, one))
    if one is None:
        return Checked(_hits(given.text, None, desk))
    return Checked((*_hits(given.text, one, desk), *_held(one, desk)))


def judge(given: Feedback, person: Person, desk: AssistDesk) -> Heard:
    """Keep a verdict, and send what is to be sent."""
    told = msgspec.json.decode(desk.suggestions.body(given.shown, person.name), type=Suggested)
    _require_its_own(told, given)
    one = own(told.trace.conversation, person, desk)
    facts, text = Facts.of_plain(one.facts), given.text.strip()
    hits = (*_hits(text, one, desk), *_held(one, desk)) if text else ()
    offered = _offered(told, given.place)
    if offered is None or given.unseen:  # there is nothing to judge
        sent = _send(one, given.shown, text, slotted(text, None, facts), desk)
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
    desk.suggestions.judge(given.shown, one.customer, judged)
    script = offered.script if choice == "accepted" else ""
    words = offered.slotted if choice == "accepted" else verdict.sent
    sent = _send(one, given.shown, text, words, desk, script)
    return Heard(verdict=choice, saved=spared, message=sent, hits=hits)


def _calls(text: str, one: Conversation | None) -> tuple[Asked, ...]:
    """What a message calls for, read with the customer's last ones in its conversation."""
    before = [said.text for said in one.messages if said.who == "customer"] if one else []
    return asked(text, before)


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


def _offered(told: Suggested, place: int) -> Suggestion | None:
    """The suggestion that is judged: the one that was taken, or the first; None where none was.

    What asks for verification stands behind the others.
    """
    beside = [told.verification] if told.verification else []
    there: list[Suggestion] = [*told.suggestions, *beside]
    if not there and not place:
        return None
    if place > len(there):
        raise BadInput(
            f"there was no suggestion {place}",
            where="place",
            remedy=f"name one of {len(there)}, or 0 for none",
        )
    return there[max(place, 1) - 1]


def _choice(offered: Suggestion, place: int, text: str) -> Choice:
    if place == 0 or not text:
        return "rejected"
    return "accepted" if text == offered.text.strip() else "edited"


def _send(
    one: Conversation, shown: str, text: str, words: str, desk: AssistDesk, script: str = ""
) -> str:
    """Write what was sent into the conversation; its id, the same however often it is told."""
    name = f"sent {shown}"
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
        script=script,
        slotted=words,
    )
    desk.conversations.add(one.id, message)
    read_soon(one.id, desk)
    return name


def _held(one: Conversation, desk: AssistDesk) -> tuple[Hit, ...]:
    """Why the customer may not be written to first now; an answer is never held up."""
    if one.scenario not in CAPS:
        return ()
    every = desk.conversations.of_customer(one.customer)
    log = [other.messages for other in every if other.scenario == one.scenario]
    return tuple(
        Hit(found.rule, "warn", 0, 0, None, found.until)
        for found in held(one.scenario, one.messages, log, desk.clock.now())
    )


def _hits(text: str, one: Conversation | None, desk: AssistDesk) -> tuple[Hit, ...]:
    """What a text may not say; in a conversation, to whoever is writing there."""
    today = desk.clock.now().astimezone(CHINA).date()
    if one is None:
        return tuple(map(_hit, broken(text, today=today)))
    told = _may_be_told(one, desk)
    found = broken(text, told.facts, today=today, before=_said_before(one))
    standing = () if told.state.identity == "verified" else _standing(text, desk)
    return (*map(_hit, found), *standing)


def _hit(one: Broken) -> Hit:
    return Hit(one.rule, one.severity, one.start, one.end, one.rewrite)


def _may_be_told(one: Conversation, desk: AssistDesk) -> Told:
    """What a suggestion could tell: what a person writes is held against the same."""
    asking = asking_of(one)
    return may_be_told(asking, third_party(one.messages, asking.identity, desk.shelf.scripts))


def _said_before(one: Conversation) -> str:
    """What the agent has said since the customer wrote last."""
    said = takewhile(lambda message: message.who != "customer", reversed(one.messages))
    return "".join(reversed([message.text for message in said if message.who == "agent"]))


def _standing(text: str, desk: AssistDesk) -> tuple[Hit, ...]:
    """Sentences that tell how the customer stands, and are nobody's approved words."""
    approved = [
        Text(Origin("script", one.id, one.version), one.text) for one in desk.shelf.scripts.values()
    ]
    return tuple(
        Hit("unverified", "block", start, end, INSTEAD)
        for start, end in sentences(text)
        if tells_standing(text[start:end]) and equal(text[start:end], approved) is None
    )
