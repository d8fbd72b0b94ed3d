"""`finmodel suggest`: what an agent may say next in each conversation of a file.

Words from a shell in, a table or JSON out. What may be said is the business of finmodel.assistant,
which no other command has to wait for; engines take seconds to open, so that scripts alone need
none.
"""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, cast

import typer

from finmodel.conversation_files import STDIN, read_conversations
from finmodel.errors import BadInput
from serving.operators import Json, settings
from serving.screen import emit

if TYPE_CHECKING:
    from finmodel.assistant.suggesting.asking import Tone

TONES: Final = ("", "warm", "brief", "formal")


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
    from finmodel.assistant.suggesting.suggest import suggest as suggested
    from serving.assisting.shelves import lender_shelf
    from serving.suggestion_table import answered, show
    from serving.writers import open_writer

    path = STDIN if str(conversations) == "-" else conversations
    wanted = cast("Tone", tone)
    asked = [asking_of(one, wanted) for one in read_conversations(path, answered=False)]
    if not asked:
        raise BadInput("it holds no conversation", where=str(path), remedy="write one a line")
    here = settings()
    shelf = lender_shelf(here)
    with open_writer(here, writer, base) if writer else nullcontext() as speaks:
        found = [(one, suggested(one, shelf, speaks)) for one in asked]
    if json:
        emit([answered(one.conversation, told) for one, told in found], as_json=True)
        return
    for one, told in found:
        show(one, told)
