"""`finmodel assist`: the assistant's service from a shell, its demo, and what is made of its books.

Words come in; a running service, two files for `finmodel tune`, or MLflow's traces go out. Imports
stand inside: `finmodel --help` must not wait for a compiler.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from finmodel.errors import BadInput
from serving.operators import Json, settings
from serving.screen import emit

assist = typer.Typer(
    no_args_is_help=True, help="Suggest replies to agents; keep what they make of them."
)
_FILES: Final = ("conversations.jsonl", "verdicts.jsonl")


@assist.command()
def serve() -> None:
    """Serve suggestions and the agents' page on the loopback address. Ctrl-C ends it.

    FINMODEL_WRITER names who writes beside scripts: a base (finmodel base list), an adapter that
    was promoted (NAME, or NAME/3) or a server's URL; FINMODEL_WRITER_B another one to compare with,
    for a share of the conversations (FINMODEL_WRITER_B_SHARE); FINMODEL_JUDGE a model that judges
    what was generated behind the guards (`writer`: the writer's own base). FINMODEL_PORT chooses
    the port.
    """
    from serving.launch import ASSIST
    from serving.launch import serve as launch

    here = settings()
    here.arrival.unlink(missing_ok=True)  # of a demo that was served from this home

    def announce(_trouble: str) -> None:
        typer.echo(f"serving on http://{here.host}:{here.port}; Ctrl-C ends it")
        if not here.writer:
            typer.echo("scripts alone: name a writer in FINMODEL_WRITER", err=True)

    launch(here, announce, ASSIST)


@assist.command()
def demo(
    serve: Annotated[bool, typer.Option(help="Serve when everything is ready.")] = True,
) -> None:
    """Simulated customers wait for replies: an agent and a supervisor, each with a key.

    A real base is fetched beside, unless FINMODEL_WRITER names who writes or FINMODEL_FETCH_BASE=0.
    """
    from serving.assisting.demo import home_of, prepare, served_beside
    from serving.launch import require_free_port, serve_all

    given = settings()
    here = home_of(given)
    if not serve:
        prepare(here)
        return
    require_free_port(here)
    run, helpers = served_beside(here, "Ctrl-C ends it.", shelf=given.bases)
    serve_all((run,), helpers)


@assist.command()
def load(
    file: Annotated[Path, typer.Argument(help="JSONL or CSV, as docs/conversations.md has it.")],
    agent: Annotated[
        str, typer.Option(help="Who answered, where a conversation does not say.")
    ] = "",
    not_used: Annotated[
        Path | None,
        typer.Option(help="Where to list what is refused; beside FILE if not said."),
    ] = None,
    json: Json = False,
) -> None:
    """Load conversations of before, for 质检 and for tuning; a file again changes nothing.

    Names, numbers and addresses are masked before anything is kept. The guards read what agents
    wrote, and what they find waits on the page of 质检. Needs an engineer's or a supervisor's key.
    Where nothing could be used, the exit code is 2.
    """
    from dataclasses import asdict

    from serving.access import signed_in
    from serving.assisting.conversing import FOR_OTHERS
    from serving.assisting.loading import LoadAsked, load_conversations
    from serving.not_used import require_some
    from serving.screen import Progress

    here = settings()
    person = signed_in(here, FOR_OTHERS)
    with Progress() as progress:
        loaded = load_conversations(here, file, person, LoadAsked(agent, not_used), progress)
    if json:
        emit(loaded, json)
    else:
        told = asdict(loaded)
        refused = told.pop("not_used")
        emit(told, json)
        if refused:
            emit(refused, json)
    whole, refused_of = loaded.conversations, loaded.refused
    require_some(whole, whole - refused_of, refused_of, file, "conversations")


@assist.command(name="export")
def export_(
    out: Annotated[Path, typer.Argument(help="A folder, new or empty.")], json: Json = False
) -> None:
    """Write what agents sent and decided, as finmodel tune --conversations … --verdicts … reads it.

    Only conversations whose customer consented to training. Names, numbers and addresses are
    masked when they are learnt, not here: keep the folder as you keep the conversations.
    Needs an engineer's or an analyst's key; the audit log keeps who took how many.
    """
    from finmodel.acts import audited
    from finmodel.records import TRAINERS
    from serving.access import signed_in
    from serving.assisting.taking import take

    here = settings()
    who = signed_in(here, TRAINERS)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise BadInput("it is there already", where=str(out), remedy="name a new folder")
    counts = take(here, out, _FILES)
    audited(here, "conversations_exported", {"by": who.name, **counts})
    emit(counts, json)
    typer.echo(
        f"learn of them: finmodel tune RECIPE --conversations {out / _FILES[0]} "
        f"--verdicts {out / _FILES[1]}",
        err=True,
    )


@assist.command()
def trace(json: Json = False) -> None:
    """Tell MLflow what was suggested and what became of it: for cron, as often as you like.

    Each suggestion is a trace under its own id, with its scripts, sources, rules, writer and times,
    and its verdict as feedback; what engines are told is a version of a prompt in the registry. No
    customer's words, figures or name are to be read in them: what was sent is sealed.
    """
    from serving.assisting.telling import tell

    emit(tell(settings()), json)


@assist.command()
def said(
    name: Annotated[str, typer.Argument(help="A suggestion's id, as MLflow's trace has it.")],
    json: Json = False,
) -> None:
    """Read what an agent sent in place of a suggestion, out of MLflow's trace of it.

    Only where the customer consented to training; names, numbers and addresses are masked. Needs an
    engineer's or an analyst's key; the audit log keeps who read which.
    """
    from finmodel.acts import audited
    from finmodel.records import TRAINERS
    from serving.access import signed_in
    from serving.assisting.telling import said as read

    here, shown = settings(), name.removeprefix("tr-")
    who = signed_in(here, TRAINERS)
    found = read(here, shown)
    looked = {"entry": f"tr-{shown}", "actor": who.name, "actor_roles": sorted(who.roles)}
    audited(here, "personal_data_shown", looked)
    emit(found, json)


@assist.command()
def replay(
    name: Annotated[str, typer.Argument(help="A suggestion's id, as MLflow's trace has it.")],
    writer: Annotated[
        str, typer.Option(help="Who writes again; without, scripts alone are made again.")
    ] = "",
    json: Json = False,
) -> None:
    """Make a past suggestion again out of what was asked, and name what is not as it was.

    Its conversation may have gone on since. Nothing of what was said is shown.
    """
    from serving.assisting.again import replayed

    emit(replayed(settings(), name.removeprefix("tr-"), writer), json)
