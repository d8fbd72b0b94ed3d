"""The `finmodel` command for risk analysts: outcomes, monitoring, its alerts, the model document.

Words from a shell in, one call each, an answer out. Who may do what is known to access alone.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from serving.operators import Json, settings
from serving.screen import Progress, emit

if TYPE_CHECKING:
    from serving.outcomes import Loaded
    from serving.past_decisions import LoadedDecisions

decisions = typer.Typer(no_args_is_help=True, help="Decisions made before, elsewhere: load, list.")
outcomes = typer.Typer(no_args_is_help=True, help="What became of decisions: load.")
WATCHERS = {"analyst", "validator"}
"""Who may raise an alert and acknowledge it."""
alerts = typer.Typer(no_args_is_help=True, help="Alerts of monitoring: list, acknowledge.")


Encoding = Annotated[
    str | None,
    typer.Option(
        help="Of a CSV's text, such as gbk (Chinese Excel); the mapping's, or utf-8-sig, if none."
    ),
]
Separator = Annotated[
    str | None,
    typer.Option(help=r"What parts a CSV's columns, such as ';' or '\t'; the mapping's, or ','."),
]
NotUsedIn = Annotated[
    Path | None, typer.Option(help="Where to list rows that are not used; beside FILE if not said.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be loaded.")]


@outcomes.callback()
def _outcomes() -> None:
    """What became of decisions: load."""


@decisions.command("load")
def decisions_load(
    file: Annotated[Path, typer.Argument(help="CSV or Parquet, one decision a row.")],
    mapping: Annotated[
        Path, typer.Option(help="YAML: our names, and the lender's; docs/lender.example.yaml.")
    ],
    encoding: Encoding = None,
    separator: Separator = None,
    not_used: NotUsedIn = None,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Load decisions that were made before, by application id; a file again changes nothing.

    Where no row could be used, the exit code is 2.
    """
    from serving.access import signed_in
    from serving.not_used import Asked, Written, require_some
    from serving.outcomes import LOADERS
    from serving.past_decisions import load_decisions
    from serving.past_seam import as_served, beyond

    here, written = settings(), Written.told(separator, encoding)
    person, asked = signed_in(here, LOADERS), Asked(mapping, not_used, dry_run)
    with Progress() as progress:
        loaded = load_decisions(here, file, person, asked, progress, written)
    loaded = replace(loaded, notes=(*loaded.notes, *beyond(as_served(here), loaded.last)))
    _tell(loaded, json)
    _open_page(loaded)
    require_some(loaded.rows, loaded.new + loaded.known, loaded.refused, file)


@decisions.command("list")
def decisions_list(json: Json = False) -> None:
    """List what was loaded: which file, by whom, when, and the entry of the audit log."""
    from serving.past_decisions import loads

    emit(loads(settings()), json)


@outcomes.command("load")
def outcomes_load(
    file: Annotated[
        Path,
        typer.Argument(help="CSV or Parquet: application_id, observed_at, bad or dpd, and fpd."),
    ],
    mapping: Annotated[
        Path | None,
        typer.Option(help="YAML, where the lender's names are others; docs/lender.example.yaml."),
    ] = None,
    encoding: Encoding = None,
    separator: Separator = None,
    not_used: NotUsedIn = None,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Load outcomes by application id; rows that cannot be used are told, with the reason.

    Where no row could be used, the exit code is 2.
    """
    from serving.access import signed_in
    from serving.not_used import Asked, Written, require_some
    from serving.outcomes import LOADERS, load_outcomes

    here, written = settings(), Written.told(separator, encoding)
    person, asked = signed_in(here, LOADERS), Asked(mapping, not_used, dry_run)
    with Progress() as progress:
        loaded = load_outcomes(here, file, person, progress, written, asked)
    _tell(loaded, json)
    _open_page(loaded)
    require_some(loaded.rows, loaded.new + loaded.known, loaded.refused, file)


def _open_page(loaded: Loaded | LoadedDecisions) -> None:
    """Have the page open at once on what is new; the load itself is done and told."""
    from serving.monitoring.beforehand import compute_usual
    from serving.past_seam import as_served

    if loaded.kept_in:
        with Progress() as progress:
            compute_usual(as_served(settings()), progress)


def _tell(loaded: Loaded | LoadedDecisions, json: bool) -> None:
    """The record; for a person the refused rows beside it, one a line."""
    if json:
        emit(loaded, True)
        return
    told = asdict(loaded)
    not_used = told.pop("not_used")
    emit(told, False)
    if not_used:
        if not any(one["application_id"] for one in not_used):
            not_used = [{n: one[n] for n in one if n != "application_id"} for one in not_used]
        # A CSV's lines are what an editor shows; rows of a Parquet file have no line.
        other = "row" if not_used[0]["line"] is not None else "line"
        emit([{name: one[name] for name in one if name != other} for one in not_used], False)


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
    person = signed_in(here, WATCHERS)
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


def monitor(
    model: Annotated[str, typer.Argument(help="The registered model, such as behaviour_risk.")],
    start: Annotated[
        str | None,
        typer.Option(
            "--from",
            help="First day (lender's midnight), or an ISO 8601 time; 26 weeks back if none.",
        ),
    ] = None,
    end: Annotated[
        str | None, typer.Option("--to", help="The day after the last, or a time; now if none.")
    ] = None,
    version: Annotated[int | None, typer.Option(help="The champion's, if none is named.")] = None,
    segment: Annotated[
        list[str] | None,
        typer.Option(help="NAME=VALUE: product, channel, decision, rule or lane; repeat it."),
    ] = None,
    by: Annotated[str | None, typer.Option(help="week or month.")] = None,
    window_days: Annotated[
        int | None,
        typer.Option(help="Performance window in days; the recipe's, or 180.", min=1, max=3650),
    ] = None,
    bad_dpd: Annotated[
        int | None,
        typer.Option(help="Bad from so many days past due; the recipe's, or 30.", min=1, max=3650),
    ] = None,
    xlsx: Annotated[Path | None, typer.Option(help="Write all panels to this workbook.")] = None,
    alert: Annotated[
        str,
        typer.Option(
            help="Raise alerts for what the light shows, owned by this person; needs a key."
        ),
    ] = "",
    json: Json = False,
) -> None:
    """Say whether a model still holds, and why not: panels from the log and outcomes."""
    from serving.access import signed_in
    from serving.days import day_or_time
    from serving.monitoring.reading import Wanted, by_of, segment_of
    from serving.monitoring.show import answer

    wanted = Wanted(
        model=model,
        version=version,
        start=day_or_time(start, "--from") if start else None,
        end=day_or_time(end, "--to") if end else None,
        by=by_of(by),
        segment=segment_of(segment or ()),
        window_days=window_days,
        bad_dpd=bad_dpd,
    )
    here = settings()
    raised = (alert, signed_in(here, WATCHERS)) if alert else None
    answer(here, wanted, xlsx, raised, as_json=json)
