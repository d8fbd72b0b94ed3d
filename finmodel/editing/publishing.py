"""Who publishes and who ends a script or a product fact, and in which order it is written.

A person and drafts come in; what is said is moved, signed, with its entry in the audit log before
it counts. Who publishes words never wrote them, and has seen them. What was cut short is completed
by asking again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date, timedelta
from functools import cache, partial
from typing import Any

import msgspec

from finmodel.assistant.scripts import Script
from finmodel.clock import china_day
from finmodel.editing.draft import (
    Draft,
    Record,
    by_kind,
    called,
    digest_of,
    require_good,
    require_kept,
)
from finmodel.editing.draft_file import (
    drafted,
    drop,
    one_at_a_time,
    require_as_drafted,
    require_editor,
    waiting,
)
from finmodel.editing.published import (
    ACTIVE,
    EXPIRED,
    NAME,
    PUBLISHED,
    Approved,
    Ours,
    last_move,
    load_ours,
    published,
    write_ours,
)
from finmodel.editing.seen import as_seen
from finmodel.errors import BadInput, NotFound, Refused
from finmodel.moves import Move, move_pointer
from finmodel.pointers import Pointer, find_pointer, set_champion
from finmodel.records import Person
from finmodel.settings import Settings
from finmodel.signing import ensure_key

_BACK = "scripts_rolled_back"
"""Nothing is: a script that is published again gets the next version."""
_KINDS = (PUBLISHED, _BACK, EXPIRED)


def publish(
    settings: Settings, names: Collection[str], person: Person, *, every: str = ""
) -> list[Approved]:
    """Let drafts be said that were looked at: all of them, or none.

    Each is named as it was seen, `id@digest`; all that wait by the digest `every` over them.
    """
    _require_may(person)
    with one_at_a_time(settings):
        ours = _ours(settings)
        there = published(ours)
        drafts = waiting(settings, there)
        chosen = as_seen(drafts, names, every)
        today = china_day(settings.clock.now())
        for one in chosen:
            _require_other_eyes(one, person)
        recorded = cache(partial(drafted, settings))  # one import made many of them
        for one in chosen:
            require_as_drafted(one, recorded(one.audit_entry))
            _require_still_fits(one, there, today)
        at = settings.clock.now().isoformat()
        made = [_approved(one.record, one.author, person, at) for one in chosen]
        move = Move(PUBLISHED, _KINDS, person, False, "published", _told(made, there))
        _say(settings, ours, made, move)
        drop(settings, drafts, {one.record.id for one in chosen})
    return made


def expire(settings: Settings, name: str, day: date, person: Person, reason: str = "") -> Approved:
    """Say a record no more from a day on. One person may: what is said less harms nobody."""
    _require_may(person)
    with one_at_a_time(settings):
        ours = _ours(settings)
        there = published(ours)
        if name not in there:
            raise NotFound(
                "no such script or product fact", where=name, remedy="see finmodel scripts list"
            )
        today = china_day(settings.clock.now())
        ended = _ended(there[name], day, today)
        if isinstance(ended, Script):
            require_kept(ended, name)
        before = ours.every.get(name)
        author = before.author if before else "shipped"
        made = _approved(ended, author, person, settings.clock.now().isoformat())
        told = _told([made], there, from_day=day.isoformat())
        move = Move(EXPIRED, _KINDS, person, False, reason or "expired", told)
        _say(settings, ours, [made], move)
    return made


def _ended(record: Record, day: date, today: date) -> Record:
    last = day - timedelta(days=1)
    if day < today:
        remedy = "name today or a later day"
        raise BadInput(f"{day} has passed", where=record.id, remedy=remedy)
    if record.valid_to is not None and record.valid_to <= last:
        what = f"its last day is {record.valid_to} already"
        remedy = "to let it be said longer, import it and have it published"
        raise BadInput(what, where=record.id, remedy=remedy)
    if record.valid_from > last:  # it never begins
        last = today - timedelta(days=1)
    begins = min(record.valid_from, last)
    return msgspec.structs.replace(
        record, version=record.version + 1, valid_from=begins, valid_to=last
    )


def _ours(settings: Settings) -> Ours:
    """What is published, its pointer written anew where that is lost or was cut short before it."""
    kept = find_pointer(settings.scripts, NAME, settings.signing, ACTIVE)
    last = last_move(settings, kept)
    if last is not None and (kept is None or _follows(last, kept)):
        set_champion(settings.scripts, last, settings.signing)
    return load_ours(settings)


def _follows(last: Pointer, kept: Pointer) -> bool:
    """Whether the audit log's last move is the one after that of the pointer."""
    came_from = (*kept.previous, kept.version)
    return (last.sequence, last.previous) == (kept.sequence + 1, came_from)


def _say(settings: Settings, ours: Ours, made: Sequence[Approved], move: Move) -> Pointer:
    ensure_key(settings.signing)
    every = dict(ours.every) | {one.record.id: one for one in made}
    version = write_ours(settings, every.values(), move.by.name)
    place = (NAME, ACTIVE)
    return move_pointer(settings, settings.scripts, place, version, move, ours.pointer)


def _approved(record: Record, author: str, person: Person, at: str) -> Approved:
    return Approved(**by_kind(record), author=author, published_by=person.name, at=at)


def _told(made: Sequence[Approved], there: Mapping[str, Record], **more: str) -> dict[str, Any]:
    """What the audit log keeps of records, by their kind."""
    told: dict[str, Any] = {}
    for one in made:
        record = one.record
        said = {
            "id": record.id,
            "version": record.version,
            "author": one.author,
            "before": digest_of(there.get(record.id)),
            "after": digest_of(record),
        }
        told.setdefault("scripts" if one.script else "facts", []).append(said | more)
    return told


def _require_may(person: Person) -> None:
    require_editor(person, "publish")
    if person.demo:
        raise Refused(
            f"{person.name} was made by the demo",
            where="scripts",
            remedy="use the key of a real script editor",
        )


def _require_other_eyes(draft: Draft, person: Person) -> None:
    where = called(draft.record)
    if draft.author == person.name:
        remedy = "ask another script editor to publish it: two pairs of eyes"
        raise Refused(f"{person.name} wrote it", where=where, remedy=remedy)
    if draft.demo:
        remedy = "import it again as yourself, and have it published"
        raise Refused("it was written by the demo's people", where=where, remedy=remedy)


def _require_still_fits(draft: Draft, there: Mapping[str, Record], today: date) -> None:
    """Refused where another version was published since; BadInput where a rule is another since."""
    record = draft.record
    if draft.before != digest_of(there.get(record.id)):
        version = there[record.id].version if record.id in there else 0
        what = f"it was written over version {draft.over}, and version {version} is published now"
        remedy = "import it again, over what is published"
        raise Refused(what, where=called(record), remedy=remedy)
    require_good(record, called(record), today)
