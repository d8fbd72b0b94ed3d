"""The group `finmodel scripts`: export, import, list, diff, publish, expire, discard.

Words from a shell in, one call each, an answer out. Product facts have the same commands, and are
published in one version with scripts: what an agent says and what a model reads of it never
disagree halfway. Who may do what is known to finmodel.editing. Imports stand inside: `finmodel
--help` must not wait for the guards.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from finmodel.errors import BadInput
from finmodel.excel_csv import excel_csv
from serving.operators import Json, settings
from serving.screen import Progress, emit

if TYPE_CHECKING:
    from finmodel.editing.facts import Brought
    from finmodel.editing.importing import Imported
    from finmodel.editing.sorting import Made, Rejected

_LISTED: Final = ("added", "changed", "rejected")
Ids = Annotated[list[str] | None, typer.Argument(help="Ids of drafts, such as due_date-5.")]
Every = Annotated[bool, typer.Option("--all", help="All that wait.")]

scripts = typer.Typer(
    no_args_is_help=True,
    help="Scripts and product facts: export, import, list, diff, publish, expire, discard.",
)


@scripts.command("export")
def scripts_export(
    file: Annotated[
        Path, typer.Argument(help="What to write: scripts as .xlsx, product facts as .yaml.")
    ],
    json: Json = False,
) -> None:
    """Write every script, or every product fact, that is published, to be changed and imported."""
    from finmodel.durable import replace_file, require_writable
    from finmodel.editing.facts import facts_text
    from finmodel.editing.published import load_ours, readable, sayable
    from serving.script_workbook import workbook

    facts = _is_yaml(file)
    if not facts:
        _require_xlsx(file, "name one that ends in .xlsx, or in .yaml for product facts")
    require_writable(file.absolute())
    ours = load_ours(settings())
    if facts:
        sources, left_out = readable(ours)
        names = [one.id for one in sources]
        replace_file(file.absolute(), facts_text(sources))
    else:
        every, left_out = sayable(ours)
        names = list(every)
        replace_file(file.absolute(), workbook(every.values()))
    told = {"file": str(file), "version": ours.version}
    own = sum(name in ours.every for name in names)
    count = {"facts" if facts else "scripts": len(names), "ours": own}
    emit(told | count | {"left_out": left_out}, json)


@scripts.command("import")
def scripts_import(
    file: Annotated[
        Path | None,
        typer.Argument(
            help="A workbook of scripts, .xlsx, or a .yaml file or folder of product facts; "
            "the home's folder facts, if not said.",
            show_default=False,
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would become of each row; keep nothing.")
    ] = False,
    rejected: Annotated[
        Path | None, typer.Option(help="Where to write rejected rows as CSV; nowhere, if not said.")
    ] = None,
    json: Json = False,
) -> None:
    """Keep what changes something as drafts, which wait for another script editor.

    What says what is published changes nothing. Rejected rows of a workbook are told by their
    number; product facts are kept all, or none.
    """
    from finmodel.durable import replace_file, require_writable
    from finmodel.editing.draft_file import EDITORS
    from finmodel.editing.facts import import_facts
    from finmodel.editing.importing import import_scripts
    from serving.access import signed_in

    here = settings()
    file = file or here.facts
    if _is_yaml(file) or file.is_dir() or not file.suffix:
        _require_no_rows(rejected)
        brought = import_facts(here, file, signed_in(here, EDITORS), dry_run=dry_run)
        emit(_told_facts(file, brought, dry_run, json), json)
        return
    _require_xlsx(file, "open it in Excel, WPS or LibreOffice and save it as .xlsx")
    if rejected is not None:
        require_writable(rejected.absolute())
    person = signed_in(here, EDITORS)
    with Progress() as progress:
        found = import_scripts(here, file, person, progress, dry_run=dry_run)
    if rejected is not None:
        replace_file(rejected.absolute(), _csv_of(found.sorted.rejected))
    told = _told(file, found, dry_run)
    emit(told if json else told | {name: len(told[name]) for name in _LISTED}, json)
    if not json:
        _say_rows(found)
    _require_some(found, file)


@scripts.command("list")
def scripts_list(
    drafts: Annotated[
        bool, typer.Option("--drafts", help="Those that wait, in place of those published.")
    ] = False,
    json: Json = False,
) -> None:
    """List scripts and product facts, or drafts, with who wrote and who published each."""
    from finmodel.editing.draft_file import waiting
    from finmodel.editing.published import load_ours, published
    from finmodel.editing.seen import seen_of

    here = settings()
    ours = load_ours(here)
    there = published(ours)
    if drafts:
        rows = [
            {"id": name, "digest": seen_of(one), "version": one.record.version,
             "author": one.author, "at": one.at, "text": one.record.text}
            for name, one in waiting(here, there).items()
        ]  # fmt: skip
        emit(rows, json)
        return
    own = ours.every
    rows = [
        {
            "id": name,
            "version": one.version,
            "valid_from": one.valid_from.isoformat(),
            "valid_to": one.valid_to.isoformat() if one.valid_to else "",
            "author": own[name].author if name in own else "",
            "published_by": own[name].published_by if name in own else "shipped",
            "text": one.text,
        }
        for name, one in there.items()
    ]
    emit(rows, json)


@scripts.command("diff")
def scripts_diff(ids: Ids = None, json: Json = False) -> None:
    """Show what each draft, or those named, would change, and the digest to publish it by."""
    from finmodel.editing.draft import differences
    from finmodel.editing.draft_file import named, waiting
    from finmodel.editing.published import load_ours, published
    from finmodel.editing.seen import seen_of, seen_of_all

    here = settings()
    there = published(load_ours(here))
    chosen = named(waiting(here, there), ids or ())
    told = [
        {
            "id": one.record.id,
            "digest": seen_of(one),
            "version": one.record.version,
            "author": one.author,
            "changes": [
                {"field": name, "before": was, "after": now}
                for name, was, now in differences(there.get(one.record.id), one.record)
            ],
        }
        for one in chosen
    ]
    if json:
        emit(told, as_json=True)
        return
    for one in told:
        _show(one)
    if not ids:
        typer.echo(f"all that wait: --all --seen {seen_of_all(chosen)}")


@scripts.command("publish")
def scripts_publish(
    drafts: Annotated[
        list[str] | None, typer.Argument(help="Drafts as diff shows them, such as due_date-5@1f….")
    ] = None,
    every: Every = False,
    seen: Annotated[
        str, typer.Option(help="With --all: the digest that diff shows at its end.")
    ] = "",
    json: Json = False,
) -> None:
    """Let drafts be said, as a script editor who wrote none of them: all that are named, or none.

    Each is named with the digest under which it was seen: what is another since is refused. A
    running service says them from the next question on.
    """
    from finmodel.editing.draft_file import EDITORS
    from finmodel.editing.publishing import publish
    from serving.access import signed_in

    chosen = _chosen(drafts, every)
    if seen and not every:
        remedy = "write --all before it, or name each as id@DIGEST"
        raise BadInput("it is the digest of all drafts", where="--seen", remedy=remedy)
    here = settings()
    made = publish(here, chosen, signed_in(here, EDITORS), every=seen)
    told = [{"id": one.record.id, "version": one.record.version, "author": one.author,
             "published_by": one.published_by} for one in made]  # fmt: skip
    emit(told, json)


@scripts.command("expire")
def scripts_expire(
    name: Annotated[
        str, typer.Argument(metavar="ID", help="The script or product fact, such as coupon_use-2.")
    ],
    day: Annotated[str, typer.Option("--from", help="The first day on which it is not said.")],
    reason: Annotated[str, typer.Option(help="Why; it stands in the audit log.")] = "",
    json: Json = False,
) -> None:
    """End what is published, as one script editor: less is said from a day on."""
    from finmodel.editing.draft_file import EDITORS
    from finmodel.editing.publishing import expire
    from serving.access import signed_in

    try:
        wanted = date.fromisoformat(day)
    except ValueError as error:
        what = f"{day[:40]!r} is no day"
        raise BadInput(what, where="--from", remedy="write 2026-01-31") from error
    here = settings()
    made = expire(here, name, wanted, signed_in(here, EDITORS), reason)
    told = {"id": name, "version": made.record.version}
    emit(told | {"valid_to": str(made.record.valid_to), "by": made.published_by}, json)


@scripts.command("discard")
def scripts_discard(ids: Ids = None, every: Every = False, json: Json = False) -> None:
    """Take drafts away that nobody is to publish."""
    from finmodel.editing.draft_file import EDITORS, discard
    from finmodel.editing.published import load_ours, published
    from serving.access import signed_in

    chosen = _chosen(ids, every)
    here = settings()
    person = signed_in(here, EDITORS)
    gone = discard(here, chosen, person, published(load_ours(here)))
    emit([{"id": one.record.id, "author": one.author} for one in gone], json)


def _is_yaml(file: Path) -> bool:
    return file.suffix.lower() in (".yaml", ".yml")


def _require_no_rows(rejected: Path | None) -> None:
    if rejected is not None:
        what = "product facts have no rows: all are kept, or none"
        raise BadInput(what, where="--rejected", remedy="leave it out")


def _told_facts(file: Path, brought: Brought, dry_run: bool, json: bool) -> dict[str, Any]:
    names = {"added": brought.added, "changed": brought.changed}
    made = {
        key: [{"id": one.id, "version": one.version} for one in facts] if json else len(facts)
        for key, facts in names.items()
    }
    told = {"file": str(file), "dry_run": dry_run, "facts": brought.count}
    rest = {"unchanged": len(brought.unchanged), "waiting": len(brought.waiting)}
    return told | made | rest


def _require_xlsx(file: Path, remedy: str) -> None:
    if file.suffix.lower() != ".xlsx":
        raise BadInput("it is no .xlsx by its name", where=str(file), remedy=remedy)


def _chosen(ids: list[str] | None, every: bool) -> list[str]:
    if bool(ids) == every:
        remedy = "name ids, or write --all; see finmodel scripts list --drafts"
        raise BadInput("it is not said which drafts", where="scripts", remedy=remedy)
    return ids or []


def _told(file: Path, found: Imported, dry_run: bool) -> dict[str, Any]:
    rows = found.sorted
    return {
        "file": str(file),
        "dry_run": dry_run,
        "rows": found.rows,
        "added": [_made(one) for one in rows.added],
        "changed": [_made(one) for one in rows.changed],
        "unchanged": len(rows.unchanged),
        "waiting": len(rows.waiting),
        "rejected": [{"row": one.row, "id": one.id, "reason": one.reason} for one in rows.rejected],
        "columns_not_read": found.columns_not_read,
        "sheets_not_read": found.sheets_not_read,
    }


def _say_rows(found: Imported) -> None:
    rows = found.sorted
    for called, made in (("added", rows.added), ("changed", rows.changed)):
        for one in made:
            typer.echo(f"row {one.row}: {one.script.id} {called}, version {one.script.version}")
    for wrong in rows.rejected:
        typer.echo(f"row {wrong.row}: rejected: {wrong.reason}", err=True)


def _made(one: Made) -> dict[str, Any]:
    return {"row": one.row, "id": one.script.id, "version": one.script.version}


def _csv_of(rejected: list[Rejected]) -> bytes:
    rows = ((one.row, one.id, one.reason) for one in rejected)
    return excel_csv([("row", "id", "reason"), *rows])


def _require_some(found: Imported, file: Path) -> None:
    """BadInput where no row of the file could be used."""
    if len(found.sorted.rejected) == found.rows:
        raise BadInput(
            f"none of its {found.rows:,} rows could be used",
            where=str(file),
            remedy="mend them: each has its reason above",
        )


def _show(one: dict[str, Any]) -> None:
    typer.echo(f"{one['id']}@{one['digest']} version {one['version']}, by {one['author']}")
    for change in one["changes"]:
        typer.echo(f"  {change['field']}")
        if change["before"]:
            typer.echo(f"  - {change['before']}")
        typer.echo(f"  + {change['after']}")
