"""A past suggestion made again from its trace, and what is not as it was.

A trace, the conversation as it stood and the shelf come in; the suggestions of today go out, and
the names of what differs. Where conversations and traces are kept is not known here. Pure.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct, structs

from finmodel.assistant.suggesting.answers import Suggested, Trace
from finmodel.assistant.suggesting.asking import Asking
from finmodel.assistant.suggesting.shelf import Shelf, Writer
from finmodel.assistant.suggesting.suggest import suggest
from finmodel.errors import BadInput

_TIMES: Final = ("scripts_ms", "first_ms", "ms")


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
    fields = [one for one in structs.fields(Trace) if one.name not in _TIMES]
    differs = [
        one.name for one in fields if getattr(again.trace, one.name) != getattr(trace, one.name)
    ]
    return Replayed(again, tuple(differs))
