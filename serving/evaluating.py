"""`finmodel evaluate`: bases, adapters and servers, asked for the same held-out replies.

Words from a shell in, one table out, kept in one MLflow run. What a reply is worth is the business
of fine_tune. torch takes seconds to import: a mistake in a word need not wait for it.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
import typer

from finmodel import tracking
from finmodel.errors import BadInput
from finmodel.privacy.masks import masked
from finmodel.run_hours import processor_s
from serving.bases import hush_peft
from serving.evaluation_targets import targets_of
from serving.operators import Json, settings
from serving.screen import Progress, emit
from serving.tuning import GENERAL, GENERAL_SEED, conversations_of

if TYPE_CHECKING:
    from fine_tune.judging.evaluation import Table
    from fine_tune.judging.suites import Written
    from finmodel.settings import Settings
    from serving.comparing import Held

ENGINES: Final = ("auto", "llama.cpp", "transformers")
_EXPERIMENT: Final = "evaluation"
_SIMULATED, _SEED = 1_200, 1


_ODD: Final = re.compile(r"[^\w.-]+")
"""What MLflow takes in no figure's name."""


def evaluate(
    target: Annotated[
        list[str],
        typer.Argument(
            help="A base's name or directory, an adapter (NAME, NAME/3, NAME@champion), or a URL."
        ),
    ],
    conversations: Annotated[
        Path | None,
        typer.Option(
            help="Conversations, .jsonl or .csv, whose test split is asked; simulated if not given."
        ),
    ] = None,
    replies: Annotated[int, typer.Option(help="Held-out replies to ask for.", min=1)] = 60,
    base: Annotated[
        str, typer.Option(help="The base of adapters and endpoints, if it is not on the shelf.")
    ] = "",
    engine: Annotated[
        str, typer.Option(help="Who writes: auto, llama.cpp or transformers.")
    ] = "auto",
    json: Json = False,
) -> None:
    """Compare bases, adapters and servers on held-out replies, candidate beside champion.

    Asked is the test split, which no adapter learnt: conversations with `split: test`, and
    every tenth customer's among the latest fifth. It reads what is here, and needs no key.
    """
    if engine not in ENGINES:
        raise BadInput(
            f"{engine!r} is no engine here", where="--engine", remedy=f"one of {', '.join(ENGINES)}"
        )
    here, began = settings(), processor_s()
    hush_peft()
    from serving.comparing import compared

    targets = targets_of(here, target, base)
    with Progress() as progress:
        held = _held(conversations, replies, progress)
        table = _kept(here, *compared(here, targets, held, engine), began)
    if json:
        emit(table, as_json=True)
    else:
        from serving.evaluation_table import show

        show(table)


def _held(path: Path | None, replies: int, progress: Progress) -> Held:
    from fine_tune.judging.suites import Judge, asked_of, settings_of
    from fine_tune.lessons.prepare import prepare
    from finmodel.assistant.scripts import load_scripts
    from finmodel.lender.talk.general import general_text
    from finmodel.lender.talk.held_out import held_out
    from serving.comparing import Held

    told = list(conversations_of(path, _SIMULATED, _SEED))
    lessons = asked_of(prepare(told, masked, needed="test").lessons["test"], replies)
    asked = {one.id for one in lessons}
    settings = settings_of(one for one in told if one.id in asked)
    general = tuple(general_text(GENERAL, GENERAL_SEED))
    return Held(lessons, Judge(load_scripts(), held_out(), settings), general, progress)


def _kept(here: Settings, table: Table, written: dict[str, list[Written]], began: float) -> Table:
    """The table in one MLflow run, its figures by target, and what was written."""
    tags = {"kind": _EXPERIMENT, "targets": ", ".join(one.target for one in table.columns)}
    with tracking.run(here, _EXPERIMENT, tags, since=began) as run:
        run.log(
            {"replies": table.replies},
            {
                f"{_ODD.sub('_', one.target)}/{name}": figure.value
                for one in table.columns
                for name, figure in one.figures.items()
                if figure.value is not None
            },
        )
        told = msgspec.structs.replace(table, run=run.id)
        for file, part in (("table.json", told), ("replies.json", written)):
            tracking.keep(here, run.id, file, msgspec.json.encode(part).decode())
    return told
