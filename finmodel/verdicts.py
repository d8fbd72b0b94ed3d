"""What agents made of suggestions: accepted, edited or rejected, with what was sent instead.

Records come in, sentences about what is wrong with them go out. Whose conversation it was, and
whether anything may be learnt of it, is not known here. Pure.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct

from finmodel.conversations import Moment, Name

Choice: TypeAlias = Literal["accepted", "edited", "rejected"]


class Verdict(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One suggestion that an agent was shown, and what became of it."""

    id: Name
    """Once in its file."""
    conversation: Name
    after: Name
    """The message that was the last one when it was shown: the suggestion answers it."""
    at: Moment
    verdict: Choice
    suggestion: str
    """As the model wrote it: slots in place of numbers."""
    sent: str = ""
    """What went out in its place, with slots; empty where it was accepted or nothing went out."""
    distance: Annotated[float, Meta(ge=0, le=1)] | None = None
    """Edits from the text that was shown to the one sent, over the longer one's length."""
    agent: str = ""
    reason: str = ""
    """Why it was rejected."""
    adapter: str = ""
    """Which adapter wrote it, as `name/version`."""

    @property
    def preferred(self) -> str:
        """The text that the agent stood by; empty where there is none."""
        return self.suggestion if self.verdict == "accepted" else self.sent


def fault_of(one: Verdict) -> tuple[str, str] | None:
    """What is wrong with a verdict and how to mend it, or None.

    >>> from datetime import datetime
    >>> at = datetime.fromisoformat("2026-06-03T09:00:00+08:00")
    >>> fault_of(Verdict(id="v", conversation="c", after="1", at=at, verdict="edited",
    ...     suggestion="请还款", sent="请还款 "))
    ('what was sent is the suggestion itself', 'call it accepted, or bring the text that was sent')
    """
    suggestion, sent = one.suggestion.strip(), one.sent.strip()
    if not suggestion:
        return "its suggestion is empty", "leave it out"
    if one.verdict == "accepted":
        if sent and sent != suggestion:
            return "it is accepted, but another text was sent", "call it edited"
        return None
    if sent == suggestion:
        remedy = "call it accepted, or bring the text that was sent"
        return "what was sent is the suggestion itself", remedy
    if one.verdict == "edited" and not sent:
        return "it is edited, but nothing was sent", "bring the text that was sent"
    return None
