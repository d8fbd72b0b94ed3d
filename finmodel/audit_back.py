"""The audit log read from its end: who did what, the newest first, a page at a time.

A log's folder and what is looked for come in; some entries and the place to go on from come out, or
Damaged with the segment and the byte. A page reads few segments, however long the log is. Knows
what entries call the people in them, and nothing else of what they mean.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from finmodel.audit_entries import Entry, Placed, entry_at, frames_of
from finmodel.audit_format import (
    HEADER_BYTES,
    parts_of,
)
from finmodel.audit_segments import Segment, broken, load_segment, read_mark
from finmodel.audit_side import segments_of

MOST: Final = 50
SEGMENTS: Final = 4
"""A page reads no more of them: 256 MiB."""
WHO: Final = ("actor", "by", "approver", "approved_by", "author", "trained_by")
"""What entries call those who did something; the first that is there did it."""
OWN: Final = frozenset(
    {"signed_in", "signed_out", "sign_in_refused"}
    | {"person_added", "person_revoked", "password_set", "roles_changed"}
    | {"account_linked", "account_unlinked", "key_renewed"}
)
"""Entries that are about a person, who stands in them as `name`."""


class Wanted(NamedTuple):
    """What is looked for; what is empty or None matches all."""

    person: str = ""
    kind: str = ""
    since_us: int | None = None
    """Microseconds since 1970, UTC."""
    until_us: int | None = None
    """Before this."""


class Place(NamedTuple):
    """Where to go on: before this byte of this segment, or from its end."""

    segment: int
    offset: int | None = None


class Page(NamedTuple):
    """Some entries, the newest first."""

    entries: tuple[Entry, ...]
    onward: Place | None
    """None where the log's beginning was reached."""


def people_of(kind: str, body: dict[str, Any]) -> tuple[str, ...]:
    """Who stands in an entry, first whoever did it.

    >>> people_of("gate", {"by": "Li", "trained_by": "Wang", "name": "behaviour_risk"})
    ('Li', 'Wang')
    >>> people_of("signed_in", {"name": "Li", "how": "password"})
    ('Li',)
    """
    names = [body.get(one) for one in (*WHO, *(("name",) if kind in OWN else ()))]
    return tuple(dict.fromkeys(one for one in names if isinstance(one, str) and one))


def newest(folder: Path, wanted: Wanted, before: Place | None = None) -> Page:
    """A page of entries, the newest first; NotFound where there is no log.

    `before` is the place where another page ended; one beyond the log's end is its end.
    """
    mark, last = read_mark(folder), segments_of(folder)[-1]
    place = before if before is not None and before.segment <= last else Place(last)
    found: list[Entry] = []
    for number in range(place.segment, max(place.segment - SEGMENTS, 0), -1):
        segment = load_segment(folder, number)
        if segment.header.log != mark.log:
            raise broken(segment.name, 0, "it belongs to another log")
        sure = len(segment.data) if number < last else HEADER_BYTES
        sure = max(sure, mark.end) if number == mark.number else sure
        end = place.offset if number == place.segment else None
        for one in _matching(segment, wanted, sure, end):
            found.append(entry_at(segment, *one))
            if len(found) == MOST:
                return Page(tuple(found), Place(number, one.offset))
    left = place.segment - SEGMENTS
    return Page(tuple(found), Place(left) if left > 0 else None)


def _matching(segment: Segment, wanted: Wanted, sure: int, end: int | None) -> Iterator[Placed]:
    """A segment's entries that are wanted, the last first."""
    # Acts are rare among decisions: a segment that does not hold the words is not walked.
    words = [re.escape(one.encode()) for one in (wanted.person, wanted.kind) if one]
    if not all(re.search(one, segment.data) for one in words):
        return
    for one in reversed(list(frames_of(segment, sure, end))):
        if _in_time(one.head.time_us, wanted) and wanted.kind in ("", one.shape.kind):
            if wanted.person:
                frame = segment.data[one.offset : one.offset + one.head.length]
                body = msgspec.msgpack.decode(parts_of(one.head, frame)[1])
                if wanted.person not in people_of(one.shape.kind, body):
                    continue
            yield one


def _in_time(time_us: int, wanted: Wanted) -> bool:
    after = wanted.since_us is None or time_us >= wanted.since_us
    return after and (wanted.until_us is None or time_us < wanted.until_us)
