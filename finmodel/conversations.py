"""What was said between a customer and an agent: frozen records, and what makes one whole.

Records come in, sentences about what is wrong with them go out. Files are the business of
`conversation_files.py`; what an intent, a script or a slot means is not known here. Pure.
"""

from __future__ import annotations

import re
from collections import Counter
from datetime import datetime
from typing import Annotated, Final, Literal, TypeAlias

from msgspec import Meta, Struct

Who: TypeAlias = Literal["customer", "agent", "system"]
Identity: TypeAlias = Literal["none", "basic", "verified"]
IDENTITIES: Final[tuple[Identity, ...]] = ("none", "basic", "verified")
"""From nobody known to the customer proven."""
Scenario: TypeAlias = Literal["consultation", "repayment", "collection", "complaint", "marketing"]
Account: TypeAlias = Literal["visitor", "applied", "declined", "current", "overdue", "settled"]
"""How a customer stands: no application, one in hand, one declined, a loan as it stands."""
Split: TypeAlias = Literal["", "train", "validation", "test"]
Name: TypeAlias = Annotated[str, Meta(min_length=1, max_length=120)]
Moment: TypeAlias = Annotated[datetime, Meta(tz=True)]
LONGEST: Final = 64_000
"""Tokens of one conversation, counted by `tokens_about`."""
_IDEOGRAPH: Final = re.compile("[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef]")


class Message(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One turn; what stands behind `text` is known of simulated and of suggested turns."""

    id: Name
    """Once in its conversation."""
    who: Who
    at: Moment
    text: str
    identity: Identity = "none"
    """Who the customer was known to be when this was written."""
    intent: str = ""
    family: str = ""
    """The family of phrasings that a simulated customer's words came from."""
    script: str = ""
    """The approved script that an agent used: its id."""
    slotted: str = ""
    """An agent's text with slots where `text` has the customer's numbers."""


class Conversation(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """One conversation of one customer, its messages in the order of their times."""

    id: Name
    customer: Name
    started: Moment
    channel: Annotated[str, Meta(min_length=1, max_length=40)]
    scenario: Scenario
    consent_to_training: bool
    messages: tuple[Message, ...]
    agent: str = ""
    account: Account | None = None
    facts: dict[str, int | str] = {}
    """Slots as `Facts.plain` writes them, as of the day it started."""
    split: Split = ""
    """Set where the conversation may only be used so."""


def fault_of(one: Conversation, *, answered: bool = True) -> tuple[str, str] | None:
    """What is wrong with a conversation and how to mend it, or None.

    One that is still under way need not be `answered`.

    >>> start = datetime.fromisoformat("2026-06-03T09:00:00+08:00")
    >>> asked = Message(id="1", who="customer", at=start, text="在吗")
    >>> chat = Conversation(id="c", customer="u", started=start, channel="app",
    ...     scenario="repayment", consent_to_training=True, messages=(asked,))
    >>> fault_of(chat)
    ('no agent wrote in it', "leave it out, or bring the agent's turns")
    """
    twice = [name for name, times in Counter(m.id for m in one.messages).items() if times > 1]
    if twice:
        return f"message id {twice[0]!r} stands twice", "give each message its own id"
    if answered and all(message.who != "agent" for message in one.messages):
        return "no agent wrote in it", "leave it out, or bring the agent's turns"
    if empty := next((m.id for m in one.messages if not m.text.strip()), None):
        return f"message {empty!r} is empty", "leave it out"
    if late := _out_of_order(one):
        return late, "sort the messages by their time"
    tokens = sum(tokens_about(message.text) for message in one.messages)
    if tokens > LONGEST:
        return f"it has about {tokens:,} tokens", f"split it: at most {LONGEST:,} are read"
    return None


def tokens_about(text: str) -> int:
    """How many tokens a text has, rather more than less: an ideograph each, else 4 characters.

    >>> tokens_about("本期应还 1,234.50 yuan")
    8
    """
    ideographs = len(_IDEOGRAPH.findall(text))
    return ideographs + -(-(len(text) - ideographs) // 4)


def _out_of_order(one: Conversation) -> str:
    before = one.started
    for message in one.messages:
        if message.at < before:
            return f"message {message.id!r} is older than what stands before it"
        before = message.at
    return ""
