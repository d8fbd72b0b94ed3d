"""What a conversation says of what is wanted now: words not yet answered, and what was before them.

Messages and who the customer is now known to be come in, a `Situation` goes out. An agent's turn
tells its intent by the script that was sent; a turn in an agent's own words tells none. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from finmodel.assistant.scripts import Scripts
from finmodel.conversations import Account, Identity, Message

BESIDE: Final = frozenset({"greeting", "thanks_goodbye", "small_talk", "clarify"})
"""Intents beside the matter: what was asked before them is still open."""
VERIFY: Final = "verify_identity"


class Situation(Struct, frozen=True):
    """What is known when a reply is wanted."""

    asked: str
    """The customer's words since the last reply; empty where they wrote none."""
    before: str = ""
    """The intent of the last reply; empty at the beginning."""
    open: str = ""
    """The last matter that was answered, but for verification and what is beside the matter."""
    just_verified: bool = False
    """The customer was verified since the last reply, so that the open matter may be told now."""
    account: Account | None = None


def situation_of(
    messages: Sequence[Message], identity: Identity, account: Account | None, scripts: Scripts
) -> Situation:
    """The situation after the last of the messages.

    `identity` is who the customer is known to be now, whatever the messages say of earlier.
    """
    replies = [place for place, one in enumerate(messages) if one.who == "agent"]
    last = replies[-1] if replies else -1
    intents = [intent for at in replies if (intent := _intent(messages[at], scripts))]
    matters = [intent for intent in intents if intent not in BESIDE and intent != VERIFY]
    was = messages[last].identity if replies else identity
    return Situation(
        asked="，".join(one.text for one in messages[last + 1 :] if one.who == "customer"),
        before=_intent(messages[last], scripts) if replies else "",
        open=matters[-1] if matters else "",
        just_verified=identity == "verified" and was != "verified",
        account=account,
    )


def _intent(reply: Message, scripts: Scripts) -> str:
    if reply.script in scripts:
        return scripts[reply.script].intent
    return ""
