"""The newest entry of one kind about one customer, looked for near the log's end alone.

A log's folder, a kind and a customer's pseudonym come in; an entry, and the place up to which was
looked, go out. The log has no index by customer: a pseudonym is searched for where its bytes lie,
in the last segments, and whoever asks again looks at what is new. It follows no chain beyond the
entry's own digest: whoever must be sure verifies the log.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from finmodel.audit_entries import Entry, find, id_at
from finmodel.audit_format import HEAD_BYTES, HEADER_BYTES, Mark
from finmodel.audit_segments import read_mark, segment_name
from finmodel.audit_since import BEGINNING, Place
from finmodel.durable import disk_error
from finmodel.errors import NotFound

SEGMENTS: Final = 4
"""No more of them are looked at: 256 MiB, some 100,000 decisions."""


class Newest(NamedTuple):
    """What was found, and up to where was looked."""

    entry: Entry | None
    upto: Place


NOTHING: Final = Newest(None, BEGINNING)


def newest_about(folder: Path, kind: str, pseudonym: bytes, known: Newest = NOTHING) -> Newest:
    """The newest acknowledged entry, or what was `known` where nothing newer came.

    None where so much came since that something newer may lie before what is looked at.

    NotFound where there is no log, Damaged where a segment is none. What does not prove itself to
    be an entry is passed over.
    """
    mark = read_mark(folder)
    upto = Place(mark.number, mark.end)
    least = max(mark.number - SEGMENTS, 0)
    for number in range(mark.number, least, -1):
        if number < known.upto.segment:
            break
        since = known.upto.at if number == known.upto.segment else 0
        for entry in _about(folder, pseudonym, Place(number, since), mark):
            if entry.kind == kind:
                return Newest(entry, upto)
    gap = known.upto.segment <= least  # there may be a newer one in what is not looked at
    return Newest(None if gap else known.entry, upto)


def _about(folder: Path, pseudonym: bytes, new: Place, mark: Mark) -> Iterator[Entry]:
    """One segment's entries under a pseudonym, from a byte of it on, the newest first."""
    begins = max(new.at, HEADER_BYTES)
    data = _read(folder / segment_name(new.segment), begins)
    if new.segment == mark.number:
        data = data[: max(mark.end - begins, 0)]
    place = data.rfind(pseudonym)
    while place >= 0:
        offset = place + len(pseudonym) - HEAD_BYTES  # it ends what an entry begins with
        if offset >= 0:
            with suppress(NotFound):  # the same bytes in somebody's words
                yield find(folder, id_at(folder, new.segment, begins + offset))
        place = data.rfind(pseudonym, 0, place + len(pseudonym) - 1)


def _read(path: Path, begins: int) -> bytes:
    """A segment's bytes from one on."""
    try:
        with path.open("rb", buffering=0) as file:
            file.seek(begins)
            return file.read()
    except OSError as error:
        raise disk_error(error, path) from error
