"""A past suggestion made again from its trace, and what is not as it was.

A trace, the conversation as it stood and the shelf come in; the suggestions of today go out, and
the names of what differs. What was asked beside the conversation's words is kept with a trace, as
it may change later. Where conversations and traces are kept is not known here. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final

from msgspec import Struct, structs

from finmodel.assistant.facts import Facts
from finmodel.assistant.suggesting.answers import Suggested, Trace
from finmodel.assistant.suggesting.asking import Asking, Tone
from finmodel.assistant.suggesting.shelf import Shelf, Writer
from finmodel.assistant.suggesting.suggest import suggest
from finmodel.conversations import Account, Identity, Message
from finmodel.errors import BadInput, NotFound

_CHANCE: Final = ("scripts_ms", "begun_ms", "first_ms", "ms", "kept_tokens")
"""What the machine was just doing: times, and what an engine had read before."""


class Beside(Struct, frozen=True):
    """What was asked beside the words of the conversation; shows no facts."""

    identity: Identity
    account: Account | None
    facts: dict[str, int | str]
    day: date
    tone: Tone = ""

    @classmethod
    def of(cls, asking: Asking) -> Beside:
        """What of it the conversation does not tell."""
        return cls(asking.identity, asking.account, asking.facts.plain(), asking.day, asking.tone)

    def again(self, trace: Trace, messages: Sequence[Message]) -> Asking:
        """What was asked, in a conversation that may have gone on since.

        NotFound where the message that was answered is not among its messages.
        """
        ids = [one.id for one in messages]
        if trace.after and trace.after not in ids:
            raise NotFound(
                "the message that was answered is not there",
                where=f"trace {trace.id}",
                remedy=f"bring message {trace.after!r} again",
            )
        said = tuple(messages[: ids.index(trace.after) + 1]) if trace.after else ()
        facts = Facts.of_plain(self.facts)
        whose = trace.conversation
        return Asking(whose, said, self.identity, self.account, facts, self.day, self.tone)

    def __repr__(self) -> str:
        return f"Beside({self.day})"


class Replayed(Struct, frozen=True):
    """What is suggested today, and in what its trace differs from the past one."""

    suggested: Suggested
    differs: tuple[str, ...]
    """Fields of the trace; empty where everything is as it was."""


def replay(trace: Trace, asking: Asking, shelf: Shelf, writer: Writer | None = None) -> Replayed:
    """Ask again what was asked; BadInput where the conversation or the facts are others."""
    again = suggest(asking, shelf, writer)
    if again.trace.asked != trace.asked:
        raise BadInput(
            "the conversation, the facts or the day are not those of the trace",
            where=f"trace {trace.id}",
            remedy=f"bring conversation {trace.conversation} up to message {trace.after!r}",
        )
    fields = [one for one in structs.fields(Trace) if one.name not in _CHANCE]
    differs = [
        one.name for one in fields if getattr(again.trace, one.name) != getattr(trace, one.name)
    ]
    return Replayed(again, tuple(differs))
