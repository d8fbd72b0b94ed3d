"""The `finmodel` command for risk analysts: outcomes, alerts of monitoring, the model document.

Words from a shell in, one call each, an answer out. Who may do what is known to access alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from serving.operators import Json, settings
from serving.screen import Progress, emit

outcomes = typer.Typer(no_args_is_help=True, help="What became of decisions: load.")
alerts = typer.Typer(no_args_is_help=True, help="Alerts of monitoring: list, acknowledge.")


@outcomes.callback()
def _outcomes() -> None:
    """What became of decisions: load."""


@outcomes.command("load")
def outcomes_load(
    file: Annotated[
        Path,
        typer.Argument(help="CSV or Parquet: application_id, observed_at, bad or dpd, and fpd."),
    ],
    json: Json = False,
) -> None:
    """Load outcomes by application id; rows that cannot be used are told, with the reason."""
    from serving.access import signed_in
    from serving.outcomes import LOADERS, load_outcomes

    here = settings()
    with Progress() as progress:
        emit(load_outcomes(here, file, signed_in(here, LOADERS), progress), json)


@alerts.command("list")
def alerts_list(
    model: Annotated[str | None, typer.Option(help="Only those on this model.")] = None,
    json: Json = False,
) -> None:
    """List alerts, the newest first, with their owner and what was said."""
    from risk.monitor.alerts import alerts_of

    emit(list(alerts_of(settings(), model)), json)


@alerts.command("acknowledge")
def alerts_acknowledge(
    alert: Annotated[str, typer.Argument(help="The alert's id.")],
    note: Annotated[str, typer.Option(help="What was found, or is done.")],
    owner: Annotated[str, typer.Option(help="Who looks after it from now on.")] = "",
    json: Json = False,
) -> None:
    """Say that an alert was seen, by the analyst or validator signed in."""
    from risk.monitor.alerts import acknowledge
    from serving.access import signed_in

    here = settings()
    person = signed_in(here, {"analyst", "validator"})
    emit(acknowledge(here, alert, person, note, owner), json)


def document(
    model: Annotated[str, typer.Argument(help="The registered model, such as behaviour_risk.")],
    version: Annotated[int | None, typer.Option(help="Which version; the newest if none.")] = None,
    output: Annotated[
        Path | None, typer.Option(help="Where to write: FILE.html or FILE.md.")
    ] = None,
    light: Annotated[
        bool, typer.Option("--light", help="Compute monitoring's light now: half a minute or so.")
    ] = False,
    whole_log: Annotated[
        bool, typer.Option("--whole-log", help="Find approvals by walking the whole audit log.")
    ] = False,
    json: Json = False,
) -> None:
    """Write a version's model document: 开发 测试 评审 监测 退出; and keep it in MLflow."""
    from serving.documents import Asked, answer

    asked = Asked(light=light, whole_log=whole_log)
    answer(settings(), (model, version), output, asked, as_json=json)
