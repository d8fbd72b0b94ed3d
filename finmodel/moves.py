"""One move of a signed pointer: first its entry in the audit log, then the pointer that names it.

Where the pointer lies, what it points to now and whose move it is come in; the pointer as it lies
there then goes out. Who may move what is asked before.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from finmodel.acts import audited
from finmodel.audit import latest
from finmodel.errors import NotFound
from finmodel.pointers import Pointer, set_champion
from finmodel.records import Person
from finmodel.settings import Settings


@dataclass(frozen=True, slots=True)
class Move:
    """Whose move it is, and why."""

    kind: str
    """Of its audit entry: one of `kinds`."""
    kinds: tuple[str, ...]
    """What moves of such a pointer are called: to a version, back to the one before, and others."""
    by: Person
    demo: bool
    reason: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What else its audit entry tells."""


def move_pointer(
    settings: Settings,
    folder: Path,
    place: tuple[str, str],
    version: int,
    move: Move,
    now: Pointer | None,
) -> Pointer:
    """Point (name, alias) under a folder to a version."""
    name, alias = place
    came_from = None if now is None or now.withdrawn else now.version
    before = () if now is None else now.previous
    before = before if came_from is None else (*before, came_from)
    if move.kind == move.kinds[1]:
        before = _up_to(before[:-1], version)
    pointer = Pointer(
        name=name,
        alias=alias,
        version=version,
        sequence=1 + (now.sequence if now else _last_sequence(settings, place, move.kinds)),
        previous=before,
        by=move.by.name,
        at=settings.clock.now().isoformat(),
        demo=move.demo,
        reason=move.reason,
        audit_entry="",
    )
    body = msgspec.to_builtins(pointer) | {"from": came_from} | dict(move.facts)
    del body["audit_entry"]
    entry = audited(settings, move.kind, body)
    pointer = msgspec.structs.replace(pointer, audit_entry=entry)
    set_champion(folder, pointer, settings.signing)
    return pointer


def _up_to(before: tuple[int, ...], version: int) -> tuple[int, ...]:
    """What was served before a version was served last; what came between is passed over.

    >>> _up_to((1, 2, 3, 4), 2)
    (1,)
    """
    return before[: len(before) - 1 - before[::-1].index(version)]


def _last_sequence(settings: Settings, place: tuple[str, str], kinds: tuple[str, ...]) -> int:
    """The number of the last move, as the audit log has it: for where the pointer is lost."""
    with suppress(NotFound):  # there is no log yet
        for entry in latest(settings.audit, kinds):
            if (entry.body["name"], entry.body["alias"]) == place:
                return int(entry.body["sequence"])
    return 0
