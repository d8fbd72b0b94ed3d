"""`finmodel suggest`: what an agent may say next in each conversation of a file.

Words from a shell in, a table or JSON out. What may be said is the business of finmodel.assistant;
engines take seconds to open, so that scripts alone need none.
"""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, cast

import typer
from msgspec import Struct
from rich.markup import escape
from rich.table import Table

from finmodel.assistant.suggesting.answers import Number, Origin, Suggested, Suggestion, Trace
from finmodel.assistant.suggesting.recall import Recalled
from finmodel.conversation_files import STDIN, read_conversations
from finmodel.errors import BadInput
from serving.operators import Json, settings
from serving.screen import emit, screen

if TYPE_CHECKING:
    from finmodel.assistant.suggesting.asking import Asking, Tone

TONES: Final = ("", "warm", "brief", "formal")


class ShownSentence(Struct, frozen=True):
    """A sentence and where it comes from."""

    text: str
    origin: Origin
    numbers: tuple[Number, ...]


class Shown(Struct, frozen=True):
    """A suggestion as JSON tells it."""

    kind: str
    text: str
    slotted: str
    score: float | None
    script: str
    version: int
    sentences: tuple[ShownSentence, ...]


class Answered(Struct, frozen=True):
    """One conversation's suggestions."""

    conversation: str
    suggestions: tuple[Shown, ...]
    verification: Shown | None
    recalled: tuple[Recalled, ...]
    """What was carried forward out of early turns."""
    trace: Trace


def suggest(
    conversations: Annotated[
        Path,
        typer.Argument(help="Conversations so far, .jsonl or .csv; - for JSONL on standard input."),
    ],
    writer: Annotated[
        str,
        typer.Option(help="Who writes beside scripts: a base, an adapter (NAME/3) or a URL."),
    ] = "",
    base: Annotated[
        str, typer.Option(help="The base of an adapter or endpoint, if it is not on the shelf.")
    ] = "",
    tone: Annotated[str, typer.Option(help="Another tone: warm, brief or formal.")] = "",
    json: Json = False,
) -> None:
    """Suggest what to say next: approved scripts, and a reply of a writer's where one is named."""
    if tone not in TONES:
        named = ", ".join(one for one in TONES if one)
        raise BadInput(f"{tone!r} is no tone", where="--tone", remedy=f"one of {named}")
    from finmodel.assistant.suggesting.asking import asking_of
    from finmodel.assistant.suggesting.shelf import shipped_shelf
    from finmodel.assistant.suggesting.suggest import suggest as suggested
    from serving.writers import open_writer

    path = STDIN if str(conversations) == "-" else conversations
    wanted = cast("Tone", tone)
    asked = [asking_of(one, wanted) for one in read_conversations(path, answered=False)]
    if not asked:
        raise BadInput("it holds no conversation", where=str(path), remedy="write one a line")
    shelf = shipped_shelf()
    with open_writer(settings(), writer, base) if writer else nullcontext() as speaks:
        found = [(one, suggested(one, shelf, speaks)) for one in asked]
    if json:
        emit([_answered(one.conversation, told) for one, told in found], as_json=True)
        return
    for one, told in found:
        _show(one, told)


def _answered(conversation: str, told: Suggested) -> Answered:
    beside = _shown(told.verification) if told.verification else None
    shown = tuple(map(_shown, told.suggestions))
    return Answered(conversation, shown, beside, told.recalled, told.trace)


def _shown(one: Suggestion) -> Shown:
    sentences = tuple(ShownSentence(s.text, s.origin, s.numbers) for s in one.sentences)
    return Shown(one.kind, one.text, one.slotted, one.score, one.script, one.version, sentences)


def _show(asking: Asking, told: Suggested) -> None:
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
