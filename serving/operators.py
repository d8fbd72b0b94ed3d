"""Groups of the `finmodel` command for those who keep the platform: people, audit, features.

Words from a shell in, one call each, an answer out. Who may do what is known to access alone.
"""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from finmodel.clock import parse_time
from finmodel.settings import Settings
from serving.screen import Progress, emit

Json = Annotated[bool, typer.Option("--json", help="Print figures as one JSON object.")]

people = typer.Typer(no_args_is_help=True, help="Who may do what: names, roles and keys.")
audit = typer.Typer(
    no_args_is_help=True, help="The audit log: list, show, replay, customer, verify, anchor."
)
features = typer.Typer(no_args_is_help=True, help="Feature definitions and values.")


def settings() -> Settings:
    """The settings of this shell."""
    return Settings.from_env()


@people.command("add")
def people_add(
    name: Annotated[str, typer.Argument(help="The person's name.")],
    role: Annotated[list[str], typer.Option(help="A role; repeat it for more.")],
    since: Annotated[
        str, typer.Option(help="When they began in their work, as 2026-03-01: their tenure.")
    ] = "",
) -> None:
    """Add a person and print the key, once: only its hash is kept."""
    from serving.access import People
    from serving.days import day_or_time

    here, roles = settings(), frozenset(role)
    began = day_or_time(since, "--since").date() if since else None
    here.make_home()
    key = People(here.people).add(name, roles, since=began)
    body = {"name": name, "roles": sorted(roles)} | ({"since": since} if since else {})
    _record(here, "person_added", body)
    typer.echo(key)


@people.command("list")
def people_list(json: Json = False) -> None:
    """List people and their roles."""
    from serving.access import People

    emit(People(settings().people).everyone(), json)


@people.command("password")
def people_password(name: Annotated[str, typer.Argument(help="The person's name.")]) -> None:
    """Set a person's password: asked for twice, or the first line of standard input."""
    from serving.access import People

    # Never an option: the command line is seen by everybody on the machine, and kept in a history.
    given = (
        typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
        if sys.stdin.isatty()
        else sys.stdin.readline().rstrip("\r\n")
    )
    here = settings()
    People(here.people).set_password(name, given)
    _record(here, "password_set", {"name": name})


@people.command("roles")
def people_roles(
    name: Annotated[str, typer.Argument(help="The person's name.")],
    role: Annotated[list[str], typer.Option(help="A role; repeat it for more.")],
) -> None:
    """Give a person these roles and no others; it counts at once, also for who is signed in."""
    from serving.access import People

    here, roles = settings(), sorted(set(role))
    before = People(here.people).set_roles(name, roles)
    _record(here, "roles_changed", {"name": name, "before": list(before), "after": roles})


@people.command("key")
def people_key(name: Annotated[str, typer.Argument(help="The person's name.")]) -> None:
    """Print a new key of a person, once; the one before and their sessions end."""
    from serving.access import People

    here = settings()
    key = People(here.people).new_key(name)
    _record(here, "key_renewed", {"name": name})
    typer.echo(key)


@people.command("link")
def people_link(
    name: Annotated[str, typer.Argument(help="The person's name.")],
    account: Annotated[
        str, typer.Argument(help="The account's subject (sub); without it those lately refused.")
    ] = "",
) -> None:
    """Let a person in by their account at the identity provider (docs/operations.md)."""
    from serving.access import People
    from serving.strangers import lately

    here = settings()
    if not account:
        emit(lately(here), as_json=False)
        return
    People(here.people).link(name, account)
    _record(here, "account_linked", {"name": name, "subject": account})


@people.command("unlink")
def people_unlink(name: Annotated[str, typer.Argument(help="The person's name.")]) -> None:
    """Let no account of the identity provider in as a person; it ends their sessions."""
    from serving.access import People

    here = settings()
    if not (account := People(here.people).unlink(name)):
        typer.echo(f"no account is linked to {name}", err=True)
        return
    _record(here, "account_unlinked", {"name": name, "subject": account})


@people.command("revoke")
def people_revoke(name: Annotated[str, typer.Argument(help="The person's name.")]) -> None:
    """End a person's key, password and sessions."""
    from serving.access import People

    here = settings()
    People(here.people).revoke(name)
    _record(here, "person_revoked", {"name": name})


def _record(here: Settings, kind: str, body: dict[str, Any]) -> None:
    """Who may write the home may change its people; the log says when that happened."""
    from finmodel.acts import audited

    audited(here, kind, body)


@audit.command("verify")
def audit_verify(
    anchor: Annotated[
        list[Path] | None, typer.Option(help="A kept anchor to pass through; repeat it for more.")
    ] = None,
    json: Json = False,
) -> None:
    """Check the whole chain, and columns and imported decisions against it.

    A break names the segment and the byte, or the file. A load that is not there is told.
    """
    from finmodel.audit import Anchor, verify
    from finmodel.audit_side import check_sides
    from finmodel.decision_log import LAYOUT
    from finmodel.imported_proof import check_loads, gone, undone

    here = settings()
    kept, folder = [Anchor.from_json(path.read_bytes()) for path in anchor or ()], here.audit
    verified = verify(folder, kept)
    with Progress() as progress:
        check_sides(folder, LAYOUT, progress)
        check_loads(here.imported, folder, progress)
    for says in (*gone(here.imported, folder), *undone(here.imported, folder)):
        typer.echo(says, err=True)
    emit(verified, json)


@audit.command("anchor")
def audit_anchor() -> None:
    """Print where the log stands now, to be kept where its keeper cannot write."""
    from finmodel.audit import verify

    typer.echo(verify(settings().audit).anchor.to_json())


@audit.command("customer")
def audit_customer(
    customer: Annotated[str, typer.Argument(help="The customer's id.")], json: Json = False
) -> None:
    """Name the adapters that were trained with a customer's conversations."""
    from finmodel.trained_on import taught_by

    emit(taught_by(settings(), customer), json)


@audit.command("list")
def audit_list(
    kind: Annotated[str | None, typer.Option(help="Such as decision, gate, promotion.")] = None,
    last: Annotated[int, typer.Option(help="How many, counted from the end.", min=1)] = 20,
    json: Json = False,
) -> None:
    """List the newest entries: id, time and kind."""
    from collections import deque

    from finmodel.audit import scan

    newest = deque(scan(settings().audit, kind), maxlen=last)
    rows = [{"id": one.id, "time": one.time.isoformat(), "kind": one.kind} for one in newest]
    emit(rows, json)


@audit.command("show")
def audit_show(entry: Annotated[str, typer.Argument(help="The entry's id.")]) -> None:
    """Show all that one entry holds."""
    from finmodel.audit import find

    emit(find(settings().audit, entry), as_json=True)


@audit.command("replay")
def audit_replay(entry: Annotated[str, typer.Argument(help="A decision's id.")]) -> None:
    """Compute a past decision again from its record, and compare bit for bit."""
    from finmodel.audit import find
    from serving.flows import replay

    here = settings()
    emit(replay(find(here.audit, entry), here), as_json=True)


@features.command("apply")
def features_apply() -> None:
    """Register the definitions in feature_store/repo, as `feast apply` does."""
    from feature_store.store import apply

    apply(settings())


@features.command("example")
def features_example() -> None:
    """Take in the shipped table as a lender's past: events, snapshots, features online."""
    from serving.shipped_table import take_in

    here = settings()
    with Progress() as progress:
        take_in(here, progress)


@features.command("materialize")
def features_materialize(
    until: Annotated[
        str | None, typer.Option(help="ISO 8601 time with a zone; now, if none is given.")
    ] = None,
    json: Json = False,
) -> None:
    """Bring each customer's latest values into the online store."""
    from feature_store.store import materialize

    here = settings()
    time: datetime = parse_time(until) if until else here.clock.now()
    with Progress() as progress:
        counts: Any = materialize(here, time, progress=progress)
    emit(counts, json)
