"""What a suggestion is asked for, and what of it may be told to whoever is writing.

A conversation so far, who the customer is known to be, their account and their facts come in. Until
somebody is verified, and for whoever says that they are not the customer, what goes out holds
nothing but the lender's own slots. Where facts come from is not known here. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Literal, TypeAlias

from finmodel.assistant.facts import Facts
from finmodel.assistant.script_rules import PUBLIC_SLOTS
from finmodel.assistant.scripts import State
from finmodel.clock import china_day
from finmodel.conversations import Account, Conversation, Identity, Message

Tone: TypeAlias = Literal["", "warm", "brief", "formal"]


@dataclass(frozen=True, slots=True)
class Asking:
    """One suggestion that is wanted; shows no words and no facts."""

    conversation: str
    messages: tuple[Message, ...] = field(repr=False)
    """So far; what the customer wrote last is answered."""
    identity: Identity
    """Who the customer is known to be now."""
    account: Account | None
    facts: Facts
    """Of this customer alone, as of the day."""
    day: date
    """In China."""
    tone: Tone = ""
    """Another reply in this tone, however sure the scripts are."""
    anyhow: bool = False
    """A generated reply however sure the scripts are, in no other tone."""

    @property
    def after(self) -> str:
        """The id of the message that is answered; empty where there is none."""
        return self.messages[-1].id if self.messages else ""


@dataclass(frozen=True, slots=True)
class Told:
    """What may be told now."""

    state: State
    facts: Facts
    third_party: bool = False


def asking_of(one: Conversation, tone: Tone = "") -> Asking:
    """What a recorded conversation asks for at its end, with the facts that it holds."""
    last = one.messages[-1] if one.messages else None
    return Asking(
        conversation=one.id,
        messages=one.messages,
        identity=last.identity if last else "none",
        account=one.account,
        facts=Facts.of_plain(one.facts),
        day=china_day(last.at if last else one.started),
        tone=tone,
    )


def may_be_told(asking: Asking, third_party: bool) -> Told:
    """What the customer may be told; to a third party nothing of the customer at all.

    >>> facts = Facts.of_plain({"amount_due": 805260, "hotline": "400-000-0000"})
    >>> asking = Asking("c", (), "verified", "overdue", facts, date(2026, 6, 3))
    >>> may_be_told(asking, False).facts, may_be_told(asking, True)
    (Facts(amount_due, hotline), Told(state=State(identity='none', account=None), \
facts=Facts(hotline), third_party=True))
    """
    if third_party:
        return Told(State(), public(asking.facts), third_party=True)
    state = State(asking.identity, asking.account)
    verified = asking.identity == "verified"
    return Told(state, asking.facts if verified else public(asking.facts))


def public(facts: Facts) -> Facts:
    """Of somebody's facts what tells of the lender alone."""
    return Facts({name: fact for name, fact in facts.items() if name in PUBLIC_SLOTS})


def open_words(messages: Sequence[Message]) -> list[Message]:
    """The customer's messages since the last reply."""
    found: list[Message] = []
    for one in reversed(messages):
        if one.who == "agent":
            break
        if one.who == "customer":
            found.append(one)
    return found[::-1]
