"""What was published before, version by version: which words, who wrote and who published them.

Settings come in; the last versions go out, the newest first, each read from its signed folder and
held against the one before it. Who may publish is not known here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from finmodel.editing.draft import Change, change_of
from finmodel.editing.published import Approved, Ours, published, read_version
from finmodel.settings import Settings

MOST: Final = 20
"""Versions that are told at once."""


class Move(NamedTuple):
    """A script or a product fact that a version changed."""

    what: Approved
    change: Change


class Publication(NamedTuple):
    """One version."""

    version: int
    by: str
    at: str
    """ISO 8601, UTC."""
    moves: tuple[Move, ...]


def publications(settings: Settings, ours: Ours, most: int = MOST) -> list[Publication]:
    """The versions that were said, up to the one that is; Damaged where one was changed since."""
    if ours.pointer is None:
        return []
    numbers = (*ours.pointer.previous, ours.pointer.version)[-most - 1 :]
    read = [read_version(settings, one) for one in numbers]
    before: Mapping[str, Approved] = read.pop(0)[1] if len(numbers) > most else {}
    found = []
    for about, every in read:
        moves = tuple(_moves(before, every))
        found.append(Publication(about.version, about.by, about.at, moves))
        before = every
    return found[::-1]


def _moves(before: Mapping[str, Approved], after: Mapping[str, Approved]) -> Iterator[Move]:
    there = published(Ours(before))
    for name, one in after.items():
        if before.get(name) != one:
            yield Move(one, change_of(there.get(name), one.record))
