"""`finmodel doctor` as a person types it: a sentence for each thing that is wrong, and a command.

Options come in; a report goes out, in words or as JSON. Settings that cannot be read are the first
thing that is wrong, and the only one that can be said then.
"""

from __future__ import annotations

from typing import Annotated, Final

import typer
from rich.markup import escape

from finmodel.errors import FinmodelError
from serving.doctor.finding import Report, report_of, wrong
from serving.operators import Json, settings
from serving.screen import emit, screen

_NAMES: Final = "env | cut -d= -f1 | grep FINMODEL_"
"""Which settings there are, and not what they hold: keys and passwords are among them."""
_STYLE: Final = {"wrong": "bold red", "warning": "yellow", "ok": "green"}


def doctor(
    port: Annotated[
        list[int] | None,
        typer.Option(
            help="A further service of ours to ask, such as the assistant's; repeat it for more.",
            min=1,
            max=65_535,
        ),
    ] = None,
    whole: Annotated[
        bool, typer.Option("--whole", help="Read the whole audit log, not its newest segment.")
    ] = False,
    json: Json = False,
) -> None:
    """Say what is wrong, a sentence each, and what to do: servers, disk, clock, keys, models, ages.

    It changes nothing, and works where much is broken. Exit code 4 where something is wrong.
    """
    found = _report(tuple(port or ()), whole)
    if json:
        emit(found, as_json=True)
    else:
        _tell(found)
    raise typer.Exit(found.exit_code)


def _report(ports: tuple[int, ...], whole: bool) -> Report:
    from serving.doctor.rounds import Asked, report

    try:
        here = settings()
        here.clock.now()  # a time that stands is read when it is asked for
    except FinmodelError as error:
        return report_of([wrong("settings", str(error), _NAMES)])
    return report(Asked(here, ports, whole))


def _tell(found: Report) -> None:
    console = screen()
    for one in found.findings:
        style = _STYLE[one.state]
        said = f"[{style}]{one.state:<8}[/]{escape(one.at)}: {escape(one.says)}"
        console.print(said, highlight=False, soft_wrap=True)
        if one.remedy:
            console.print(f"        do: {escape(one.remedy)}", highlight=False, soft_wrap=True)
    well = len(found.findings) - found.wrong - found.warnings
    counted = f"{found.wrong} wrong, {found.warnings} to be looked at, {well} well"
    console.print(counted, highlight=False)
