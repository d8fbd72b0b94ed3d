"""`finmodel customer`: where a customer is held, and an erasure that is asked for or has come due.

Words come in, one call each, an answer out. Who may ask is known to access alone.
"""

from __future__ import annotations

from typing import Annotated

import typer

from serving.operators import Json, settings
from serving.screen import Progress, emit

customer = typer.Typer(
    no_args_is_help=True, help="A customer's records: where they are, and erasing them."
)
Id = Annotated[str, typer.Argument(help="The customer's id.")]


@customer.command()
def where(customer_id: Id, json: Json = False) -> None:
    """Count what every place holds of a customer; no value is shown."""
    from serving.forgetting.erasing import where as found

    emit([{"store": one.store, "held": one.count} for one in found(settings(), customer_id)], json)


@customer.command()
def erase(
    customer_id: Id,
    reason: Annotated[str, typer.Option(help="Why; it stands in the audit log: name nobody.")],
    ended: Annotated[
        str, typer.Option(help="The day that the relationship ended, as 2026-01-31.")
    ] = "",
    json: Json = False,
) -> None:
    """Erase a customer everywhere; or restrict, with the rule, whose records must be kept still.

    A restricted customer is left out of marketing and training, and decided on as before. An
    auditor's: FINMODEL_KEY must hold the auditor's key. What was erased cannot be brought back.
    """
    from serving.access import signed_in
    from serving.days import day_or_time
    from serving.forgetting.erasing import Asked
    from serving.forgetting.erasing import erase as carried_out

    here = settings()
    person = signed_in(here, {"auditor"})
    day = day_or_time(ended, "--ended").date() if ended else None
    emit(carried_out(here, Asked(customer_id, reason, day), person), json)


@customer.command()
def sweep(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count who is due.")] = False,
    json: Json = False,
) -> None:
    """Erase restricted customers whom no rule holds any more: for cron, once a day.

    An auditor's: FINMODEL_KEY must hold the auditor's key. Nobody is named.
    """
    from serving.access import signed_in
    from serving.forgetting.erasing import sweep as swept

    here = settings()
    person = signed_in(here, {"auditor"})
    with Progress() as progress:
        told = swept(here, person, dry_run=dry_run, progress=progress)
    emit(told, json)
