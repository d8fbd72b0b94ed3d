"""The group `finmodel policy`: check, propose, approve, roll back, switch, show, simulate.

Words from a shell in, one call each, an answer out. Who may do what is known to the registry.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from finmodel.settings import Settings
from serving.operators import Json
from serving.screen import Progress, emit

File = Annotated[Path, typer.Argument(help="The policy, a YAML file.")]
Name = Annotated[str, typer.Argument(help="The policy's name, such as drawdown.")]
Reason = Annotated[str, typer.Option(help="Why; it stands in the audit log.")]
Steps = Annotated[
    list[str] | None,
    typer.Option("--step", help="model, scorecard or rules; repeat it for more; all if none."),
]

policy = typer.Typer(
    no_args_is_help=True,
    help="The decision policy: check, propose, approve, roll back, switch, simulate.",
)


@policy.command("check")
def policy_check(file: File, json: Json = False) -> None:
    """Say whether a policy is whole, and fits the champion of its model."""
    from risk.policy.proposals import check

    emit(check(Settings.from_env(), file), json)


@policy.command("propose")
def policy_propose(file: File, json: Json = False) -> None:
    """Put a policy forward as its next version, as an analyst or engineer."""
    from risk.policy.proposals import AUTHORS, propose
    from serving.access import signed_in

    here = Settings.from_env()
    proposal = propose(here, file, signed_in(here, AUTHORS))
    told = ("name", "version", "author", "sha256", "audit_entry")
    emit({name: getattr(proposal, name) for name in told}, json)


@policy.command("approve")
def policy_approve(
    name: Name,
    version: Annotated[
        int | None, typer.Option(help="Which version; the newest that waits, if none is named.")
    ] = None,
    json: Json = False,
) -> None:
    """Let a proposed policy decide, as a validator who did not write it."""
    from risk.policy.registry import APPROVERS, approve
    from serving.access import signed_in

    here = Settings.from_env()
    emit(approve(here, name, version, signed_in(here, APPROVERS)), json)


@policy.command("rollback")
def policy_rollback(name: Name, reason: Reason, json: Json = False) -> None:
    """Let the policy before this one decide again."""
    from risk.policy.registry import APPROVERS, rollback
    from serving.access import signed_in

    here = Settings.from_env()
    emit(rollback(here, name, signed_in(here, APPROVERS), reason), json)


@policy.command("kill")
def policy_kill(name: Name, reason: Reason, step: Steps = None, json: Json = False) -> None:
    """Switch steps off at once: the next in the policy's fallback decides, at last a person."""
    from risk.policy.registry import STOPPERS, turn_off
    from serving.access import signed_in

    here = Settings.from_env()
    emit(turn_off(here, name, step or (), signed_in(here, STOPPERS), reason), json)


@policy.command("revive")
def policy_revive(name: Name, reason: Reason, json: Json = False) -> None:
    """Switch every step on again, as a validator who did not switch it off."""
    from risk.policy.registry import APPROVERS, turn_on
    from serving.access import signed_in

    here = Settings.from_env()
    emit(turn_on(here, name, signed_in(here, APPROVERS), reason), json)


@policy.command("show")
def policy_show(name: Name = "drawdown", json: Json = False) -> None:
    """Show which version decides, which wait, and what is switched off."""
    from risk.policy.registry import show

    emit(show(Settings.from_env(), name), json)


@policy.command("simulate")
def policy_simulate(  # noqa: PLR0913 # an option is a parameter
    file: File,
    since: Annotated[
        str, typer.Option("--from", help="First day (lender's midnight), or an ISO 8601 time.")
    ],
    until: Annotated[str, typer.Option("--to", help="The day after the last, or a time.")],
    outcomes: Annotated[
        Path | None,
        typer.Option(
            help="CSV of matured outcomes (decision_id, bad: 0 or 1) in place of those loaded."
        ),
    ] = None,
    window_days: Annotated[
        int | None,
        typer.Option(
            help="Performance window in days; the champion's recipe's, or 180.", min=1, max=3650
        ),
    ] = None,
    bad_dpd: Annotated[
        int | None,
        typer.Option(help="Bad from so many days past due; the recipe's, or 30.", min=1, max=3650),
    ] = None,
    changes: Annotated[
        Path | None,
        typer.Option(help="Where to write who changes, under pseudonyms; nowhere, if not said."),
    ] = None,
    json: Json = False,
) -> None:
    """Replay logged decisions under a policy before anybody approves it."""
    from serving.days import day_or_time
    from serving.matured import Maturity
    from serving.simulation import Window, simulate
    from serving.simulation_report import show_simulation

    window = Window(day_or_time(since, "--from"), day_or_time(until, "--to"))
    with Progress() as progress:
        maturity, files = Maturity(window_days, bad_dpd), (outcomes, changes)
        found = simulate(Settings.from_env(), file, window, files, progress, maturity)
    show_simulation(found, json)
