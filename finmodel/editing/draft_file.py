"""The file of drafts: all that wait, replaced by one rename, so that none is half there.

    scripts/drafts.json

Drafts come in, each in the audit log before it counts; those that still wait go out. Who wrote one
is what the log says. Who may publish it is not known here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from finmodel.acts import audited
from finmodel.audit import find
from finmodel.durable import held_alone, replace_file
from finmodel.editing.draft import Draft, Record, by_kind, digest_of
from finmodel.errors import Damaged, NotFound, NotReady, Refused
from finmodel.records import Person
from finmodel.settings import Settings

EDITORS: Final = frozenset({"script_editor"})
DRAFTED, DISCARDED = "scripts_drafted", "scripts_discarded"
"""Kinds of audit entries."""
_AGAIN: Final = "find out who changed it, then import it again"


def require_editor(person: Person, what: str) -> None:
    """Refused where the person edits no scripts."""
    if not person.roles & EDITORS:
        raise Refused(
            f"{person.name} may not {what} scripts or product facts",
            where="scripts",
            remedy="ask somebody who is script_editor",
        )


@contextmanager
def one_at_a_time(settings: Settings) -> Iterator[None]:
    """Hold the scripts alone."""
    settings.make_home()
    settings.scripts.mkdir(mode=0o700, exist_ok=True)
    busy = NotReady("another change is under way", where="scripts", remedy="try again")
    with held_alone(settings.scripts / ".lock", busy):
        yield


def waiting(settings: Settings, published: Mapping[str, Record]) -> dict[str, Draft]:
    """Drafts by id that nobody published yet; Damaged where the file cannot be read."""
    path = _path(settings)
    try:
        every = msgspec.json.decode(path.read_bytes(), type=tuple[Draft, ...])
    except FileNotFoundError:
        return {}
    except msgspec.MsgspecError as error:
        remedy = "take the file away, and import the drafts again"
        raise Damaged("it holds no drafts", where=str(path), remedy=remedy) from error
    return {one.record.id: one for one in every if published.get(one.record.id) != one.record}


def keep(
    settings: Settings,
    records: Sequence[Record],
    author: Person,
    published: Mapping[str, Record],
    source: str,
) -> list[Draft]:
    """Keep records as drafts, beside those that wait, in place of the author's own before."""
    if not records:
        return []
    before = waiting(settings, published)
    digests = {one.id: digest_of(published.get(one.id)) for one in records}
    told = [
        {"id": one.id, "version": one.version, "before": digests[one.id], "after": digest_of(one)}
        for one in records
    ]
    body = {"by": author.name, "demo": author.demo, "from": source, "drafts": told}
    entry, at = audited(settings, DRAFTED, body), settings.clock.now().isoformat()
    made = [
        Draft(
            **by_kind(one),
            author=author.name,
            demo=author.demo,
            at=at,
            before=digests[one.id],
            audit_entry=entry,
        )
        for one in records
    ]
    _write(settings, before | {one.record.id: one for one in made})
    return made


def named(drafts: Mapping[str, Draft], ids: Collection[str]) -> list[Draft]:
    """Those drafts, or all; NotFound where one does not wait."""
    if unknown := [one for one in ids if one not in drafts]:
        there = ", ".join(drafts) or "none"
        raise NotFound("no draft waits", where=unknown[0], remedy=f"there are: {there}")
    if not drafts:
        remedy = "import some: finmodel scripts import FILE"
        raise NotFound("no draft waits", where="scripts", remedy=remedy)
    return [one for name, one in drafts.items() if not ids or name in ids]


def discard(
    settings: Settings, ids: Collection[str], person: Person, published: Mapping[str, Record]
) -> list[Draft]:
    """Take drafts away, all if none is named; by any editor, for they were never said."""
    require_editor(person, "discard drafts of")
    with one_at_a_time(settings):
        every = waiting(settings, published)
        gone = named(every, ids)
        told = [
            {"id": one.record.id, "author": one.author, "digest": digest_of(one.record)}
            for one in gone
        ]
        audited(settings, DISCARDED, {"by": person.name, "drafts": told})
        drop(settings, every, {one.record.id for one in gone})
    return gone


def drop(settings: Settings, drafts: Mapping[str, Draft], ids: Collection[str]) -> None:
    """Leave the others."""
    _write(settings, {name: one for name, one in drafts.items() if name not in ids})


class Drafted(NamedTuple):
    """What an entry of the audit log says of an import."""

    whose: tuple[str, str | None, bool | None]
    """The entry's kind, the author, and whether they are the demo's."""
    digests: dict[str, str]
    """Of each record, by its id."""


def drafted(settings: Settings, entry: str) -> Drafted:
    """An import as it was recorded."""
    told = find(settings.audit, entry)
    whose = (told.kind, told.body.get("by"), told.body.get("demo"))
    return Drafted(whose, {one["id"]: one["after"] for one in told.body.get("drafts", ())})


def require_as_drafted(draft: Draft, told: Drafted) -> None:
    """Damaged where the audit log does not vouch for a draft and its author."""
    vouched = told.digests.get(draft.record.id) == digest_of(draft.record)
    if told.whose != (DRAFTED, draft.author, draft.demo) or not vouched:
        where = f"draft {draft.record.id}"
        raise Damaged("it is not what was drafted", where=where, remedy=_AGAIN)


def _path(settings: Settings) -> Path:
    return settings.scripts / "drafts.json"


def _write(settings: Settings, drafts: Mapping[str, Draft]) -> None:
    told = msgspec.json.format(msgspec.json.encode(list(drafts.values())), indent=1)
    replace_file(_path(settings), told)
