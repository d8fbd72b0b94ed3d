"""The group `finmodel campaign`: customers, plan, stops, receipts, report, reminders, list.

Words from a shell in, one call each, an answer out. Who may do what is known to `campaigns`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from finmodel.clock import parse_time
from finmodel.settings import Settings
from serving.operators import Json
from serving.screen import Progress, emit

campaign = typer.Typer(
    no_args_is_help=True,
    help="Marketing campaigns: who may be contacted, who gets what, what it did.",
)


@campaign.command("customers")
def campaign_customers(
    file: Annotated[
        Path,
        typer.Argument(help="CSV or Parquet: customer_id, consent, … (docs/campaigns.md)."),
    ],
    json: Json = False,
) -> None:
    """Take in how customers stand: consent, opt-outs, complaints; all of a file, or nothing."""
    from serving.access import signed_in
    from serving.campaigns.acts import PLANNERS, take_customers

    here = Settings.from_env()
    emit(take_customers(here, file, signed_in(here, PLANNERS)), json)


@campaign.command("plan")
def campaign_plan(
    recipe: Annotated[Path, typer.Argument(help="The campaign, a YAML file.")],
    as_of: Annotated[
        str | None, typer.Option(help="Features as of this ISO 8601 time; now, if none.")
    ] = None,
    segment: Annotated[
        Path | None, typer.Option(help="Only these customers: CSV or Parquet of customer_id.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="Copy the contact list there, as CSV.")
    ] = None,
    json: Json = False,
) -> None:
    """Decide who gets which offer, how and when, within the budget; write the contact list."""
    from serving.access import signed_in
    from serving.campaigns.acts import PLANNERS, Asked, make_plan
    from serving.campaigns.screen import show_plan

    here = Settings.from_env()
    asked = Asked(recipe, parse_time(as_of) if as_of else None, segment, output)
    person = signed_in(here, PLANNERS)
    with Progress() as progress:
        done = make_plan(here, asked, person, progress)
    show_plan(done, json)


@campaign.command("stops")
def campaign_stops(
    name: Annotated[str, typer.Argument(help="The campaign's name.")],
    output: Annotated[
        Path | None, typer.Option(help="Write the contacts there, as CSV for whoever sends.")
    ] = None,
    json: Json = False,
) -> None:
    """List contacts still to be sent whose customer opted out, complained, … since the plan."""
    from serving.access import signed_in
    from serving.campaigns.acts import PLANNERS
    from serving.campaigns.screen import show_stops
    from serving.campaigns.stops import list_stops

    here = Settings.from_env()
    show_stops(list_stops(here, name, output, signed_in(here, PLANNERS)), json)


@campaign.command("receipts")
def campaign_receipts(
    file: Annotated[Path, typer.Argument(help="CSV or Parquet: event_id, contact_id, kind, at.")],
    json: Json = False,
) -> None:
    """Take in what became of contacts: sent, delivered, failed, answered, opted_out, complained.

    Each counts once, by its event_id. Where no row could be used, or an opt-out or a complaint
    stops nobody, the exit code is 2.
    """
    from serving.access import signed_in
    from serving.campaigns.reports import TAKERS, require_some, take_receipts
    from serving.campaigns.screen import show_receipts

    here = Settings.from_env()
    taken = take_receipts(here, file, signed_in(here, TAKERS))
    show_receipts(taken, json)
    require_some(taken, file)


@campaign.command("report")
def campaign_report(
    name: Annotated[str, typer.Argument(help="The campaign's name.")],
    plan: Annotated[
        int | None, typer.Option(help="Which of its plans; the newest, if none.", min=1)
    ] = None,
    outcomes: Annotated[
        Path | None,
        typer.Option(help="CSV or Parquet of responses: customer_id, at; the archive, if none."),
    ] = None,
    json: Json = False,
) -> None:
    """Say what a campaign did against its holdout, what it cost, what else might have been."""
    from serving.campaigns.reports import make_report
    from serving.campaigns.screen import show_report

    show_report(make_report(Settings.from_env(), name, plan, outcomes), json)


@campaign.command("reminders")
def campaign_reminders(
    output: Annotated[Path, typer.Argument(help="Where to write the list, a CSV.")],
    json: Json = False,
) -> None:
    """List overdue customers in the order of reminding: the least willing to repay first."""
    from serving.access import signed_in
    from serving.campaigns.acts import PLANNERS
    from serving.campaigns.reminders import order_reminders

    here = Settings.from_env()
    emit(order_reminders(here, output, signed_in(here, PLANNERS)), json)


@campaign.command("list")
def campaign_list(json: Json = False) -> None:
    """List the plans that were made, the newest last."""
    from serving.campaigns.acts import campaigns

    emit(campaigns(Settings.from_env()), json)
