"""What `finmodel suggest` tells: suggestions with their sources, as JSON or as a table.

What was asked and what was suggested come in; records, or lines on the screen, go out.
"""

from __future__ import annotations

from msgspec import Struct
from rich.markup import escape
from rich.table import Table

from finmodel.assistant.suggesting.answers import Suggested, Suggestion, Trace
from finmodel.assistant.suggesting.asking import Asking
from finmodel.assistant.suggesting.recall import Recalled
from serving.assisting.asked import SentenceSeen, sentence_seen
from serving.screen import screen


class Shown(Struct, frozen=True):
    """A suggestion as JSON tells it."""

    kind: str
    text: str
    slotted: str
    score: float | None
    script: str
    version: int
    sentences: tuple[SentenceSeen, ...]


class Answered(Struct, frozen=True):
    """One conversation's suggestions."""

    conversation: str
    suggestions: tuple[Shown, ...]
    verification: Shown | None
    recalled: tuple[Recalled, ...]
    """What was carried forward out of early turns."""
    trace: Trace


def answered(conversation: str, told: Suggested) -> Answered:
    """What was suggested in a conversation, as JSON tells it."""
    beside = _shown(told.verification) if told.verification else None
    shown = tuple(map(_shown, told.suggestions))
    return Answered(conversation, shown, beside, told.recalled, told.trace)


def _shown(one: Suggestion) -> Shown:
    said = tuple(map(sentence_seen, one.sentences))
    return Shown(one.kind, one.text, one.slotted, one.score, one.script, one.version, said)


def show(asking: Asking, told: Suggested) -> None:
    """The same on the screen."""
    console = screen()
    trace = told.trace
    last = next((one.text for one in reversed(asking.messages) if one.who == "customer"), "")
    console.print(f"[bold]{escape(asking.conversation)}[/]  {escape(last)}", soft_wrap=True)
    table = Table(box=None, pad_edge=False)
    for heading in ("", "source", "score", "suggestion"):
        table.add_column(heading, overflow="fold", no_wrap=heading == "source")
    rows = [(str(place), one) for place, one in enumerate(told.suggestions, start=1)]
    rows += [("verify", told.verification)] if told.verification else []
    for name, one in rows:
        score = "" if one.score is None else f"{one.score:.2f}"
        source = f"{one.script} v{one.version}" if one.script else trace.engine
        table.add_row(name, escape(source), score, escape(one.text))
    if rows:
        console.print(table)
    if trace.reason:
        console.print(f"nothing generated: {trace.reason}", highlight=False)
    for kept in told.recalled:
        console.print(escape(f"said in turn {kept.turn}: {kept.text}"), highlight=False)
    console.print()
