"""The addresses behind 话术: what waits, a workbook taken in and given out, published, discarded.

A body is read, the same function is asked that the shell's command asks, and its answer is written.
Who may do what is known to finmodel.editing.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

from finmodel.assistant.scripts import Script
from finmodel.editing.columns import intent_words
from finmodel.editing.draft import Change, Draft, Record, change_of, differences
from finmodel.editing.draft_file import EDITORS, discard, waiting
from finmodel.editing.history import Publication, publications
from finmodel.editing.importing import import_scripts
from finmodel.editing.published import load_ours, published, sayable
from finmodel.editing.publishing import publish
from finmodel.editing.seen import seen_of
from finmodel.editing.sorting import Made, Rejected
from finmodel.records import Person
from finmodel.workbooks.envelope import Sent
from serving import page
from serving.answering import XLSX, Reply, Route, aside, json_of, signed_in
from serving.assisting.desk import AssistDesk
from serving.border import Call, Rule
from serving.openapi import Doc
from serving.script_workbook import workbook

BODY_BYTES: Final = 6_000_000
"""A workbook of 4 MiB as JSON carries it."""
_MOST: Final = 20_000
"""Drafts of one call: a workbook has no more rows."""
_Named = Annotated[str, Meta(max_length=80)]


class WorkbookSent(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A workbook of scripts, its bytes in base64."""

    name: Annotated[str, Meta(min_length=1, max_length=200)]
    data: bytes
    dry_run: bool = False
    """Say what would become of each row, and keep nothing."""


class DraftsNamed(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Drafts as they were shown: `id@digest`."""

    drafts: Annotated[tuple[_Named, ...], Meta(min_length=1, max_length=_MOST)]


class FieldChange(Struct, frozen=True):
    """A field as it is published, and as the draft has it."""

    field: str
    before: str
    after: str


class DraftWaiting(Struct, frozen=True, kw_only=True):
    """A draft beside what it takes the place of."""

    id: str
    kind: Literal["script", "fact"]
    digest: str
    version: int
    author: str
    at: datetime
    change: Change
    intent_zh: str
    """What an agent calls the script's intent; empty for a product fact."""
    changes: tuple[FieldChange, ...]


class Moved(Struct, frozen=True, kw_only=True):
    """A script or a product fact that a published version changed."""

    id: str
    version: int
    author: str
    change: Change


class VersionSeen(Struct, frozen=True, kw_only=True):
    """A version that was published."""

    version: int
    by: str
    at: datetime
    moves: tuple[Moved, ...]


class ScriptsDesk(Struct, frozen=True, kw_only=True):
    """What waits, and what was published, the newest first."""

    drafts: tuple[DraftWaiting, ...]
    versions: tuple[VersionSeen, ...]


class RowMade(Struct, frozen=True):
    """A row that makes a draft."""

    row: int
    id: str
    version: int


class WorkbookTaken(Struct, frozen=True, kw_only=True):
    """What became of a workbook, or would become of it."""

    dry_run: bool
    rows: int
    added: tuple[RowMade, ...]
    changed: tuple[RowMade, ...]
    unchanged: int
    waiting: int
    """Rows that were drafted before."""
    rejected: tuple[Rejected, ...]
    columns_not_read: tuple[str, ...]
    sheets_not_read: tuple[str, ...]


class DraftsDone(Struct, frozen=True):
    """Drafts that were published, or discarded, by their ids."""

    ids: tuple[str, ...]


def overview(desk: AssistDesk) -> ScriptsDesk:
    """What waits beside what is published, and the versions before."""
    ours = load_ours(desk.settings)
    there = published(ours)
    drafts = waiting(desk.settings, there).values()
    return ScriptsDesk(
        drafts=tuple(_draft(one, there) for one in drafts),
        versions=tuple(map(_version, publications(desk.settings, ours))),
    )


def take(given: WorkbookSent, person: Person, desk: AssistDesk) -> WorkbookTaken:
    """Keep as drafts what a workbook changes; BadInput where nothing of it can be read."""
    sent = Sent(given.name, given.data)
    found = import_scripts(desk.settings, sent, person, dry_run=given.dry_run)
    rows = found.sorted
    return WorkbookTaken(
        dry_run=given.dry_run,
        rows=found.rows,
        added=tuple(map(_made, rows.added)),
        changed=tuple(map(_made, rows.changed)),
        unchanged=len(rows.unchanged),
        waiting=len(rows.waiting),
        rejected=tuple(rows.rejected),
        columns_not_read=tuple(found.columns_not_read),
        sheets_not_read=tuple(found.sheets_not_read),
    )


def _draft(one: Draft, there: Mapping[str, Record]) -> DraftWaiting:
    record = one.record
    before = there.get(record.id)
    script = isinstance(record, Script)
    return DraftWaiting(
        id=record.id,
        kind="script" if script else "fact",
        digest=seen_of(one),
        version=record.version,
        author=one.author,
        at=datetime.fromisoformat(one.at),
        change=change_of(before, record),
        intent_zh=intent_words()[record.intent] if isinstance(record, Script) else "",
        changes=tuple(FieldChange(*told) for told in differences(before, record)),
    )


def _version(one: Publication) -> VersionSeen:
    moves = tuple(
        Moved(
            id=move.what.record.id,
            version=move.what.record.version,
            author=move.what.author,
            change=move.change,
        )
        for move in one.moves
    )
    at = datetime.fromisoformat(one.at)
    return VersionSeen(version=one.version, by=one.by, at=at, moves=moves)


def _made(one: Made) -> RowMade:
    return RowMade(one.row, one.script.id, one.script.version)


def _discard(given: DraftsNamed, person: Person, desk: AssistDesk) -> list[Draft]:
    there = published(load_ours(desk.settings))
    ids = [one.partition("@")[0] for one in given.drafts]
    return discard(desk.settings, ids, person, there)


def _workbook(desk: AssistDesk) -> bytes:
    every, _ = sayable(load_ours(desk.settings))
    return workbook(every.values())


async def drafts(_call: Call, desk: AssistDesk) -> Reply:
    """GET /scripts/drafts."""
    return Reply(msgspec.json.encode(await aside(desk, overview, desk)))


async def bring(call: Call, desk: AssistDesk) -> Reply:
    """POST /scripts/import."""
    given = json_of(call, WorkbookSent)
    return Reply(msgspec.json.encode(await aside(desk, take, given, signed_in(call), desk)))


async def let_say(call: Call, desk: AssistDesk) -> Reply:
    """POST /scripts/publish."""
    given = json_of(call, DraftsNamed)
    made = await aside(desk, publish, desk.settings, given.drafts, signed_in(call))
    return Reply(msgspec.json.encode(DraftsDone(tuple(one.record.id for one in made))))


async def throw_away(call: Call, desk: AssistDesk) -> Reply:
    """POST /scripts/discard."""
    given = json_of(call, DraftsNamed)
    gone = await aside(desk, _discard, given, signed_in(call), desk)
    return Reply(msgspec.json.encode(DraftsDone(tuple(one.record.id for one in gone))))


async def export(_call: Call, desk: AssistDesk) -> Reply:
    """GET /scripts/workbook."""
    return Reply(await aside(desk, _workbook, desk), XLSX)


async def shown(_call: Call, _desk: AssistDesk) -> Reply:
    """GET /scripts: 话术."""
    return Reply(*page.file("scripts.html"))


ROUTES: Final = (
    Route(
        Rule("GET", "/scripts/drafts", EDITORS),
        Doc("Scripts and product facts that wait, and what was published.", None, ScriptsDesk),
        drafts,
    ),
    Route(
        Rule("POST", "/scripts/import", EDITORS, body_bytes=BODY_BYTES),
        Doc("Take in a workbook of scripts as drafts.", WorkbookSent, WorkbookTaken, may=("507",)),
        bring,
    ),
    Route(
        Rule("POST", "/scripts/publish", EDITORS),
        Doc("Let drafts be said.", DraftsNamed, DraftsDone, may=("404", "507")),
        let_say,
    ),
    Route(
        Rule("POST", "/scripts/discard", EDITORS),
        Doc("Take drafts away.", DraftsNamed, DraftsDone, may=("404", "507")),
        throw_away,
    ),
    Route(
        Rule("GET", "/scripts/workbook", EDITORS),
        Doc("Every script that is published, as a workbook.", types=(XLSX,)),
        export,
    ),
    Route(Rule("GET", "/scripts", weighs=False), None, shown),
)
