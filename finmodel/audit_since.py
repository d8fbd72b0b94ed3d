"""The audit log's entries of one kind after a place in it: for whoever follows what people did.

A folder, a kind and a place come in, entries come out in order. Acts of people are rare among
decisions: a segment whose bytes do not hold the kind's name is passed over, and of the others only
the kind's own entries are decoded. It follows no chain: whoever must be sure verifies the log.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from finmodel.audit_columns import entries_of, to_its_end
from finmodel.audit_entries import Entry, find, id_at
from finmodel.audit_segments import read_mark, segment_exists


class Place(NamedTuple):
    """Where an entry lies, or where a follower has come to."""

    segment: int
    at: int
    """Bytes from the segment's beginning."""


BEGINNING = Place(1, 0)


def segments_since(folder: Path, place: Place) -> Iterator[Place]:
    """Each segment from a place on, and from which byte it is new; NotFound without a log."""
    number, last = place.segment, read_mark(folder).number
    while number <= last or segment_exists(folder, number):
        yield Place(number, place.at if number == place.segment else 0)
        number += 1


def entries_since(folder: Path, kind: str, new: Place) -> Iterator[Entry]:
    """Entries of a kind in one segment, from a byte of it on, in order; Damaged as `find` says."""
    segment, end = to_its_end(folder, new.segment)
    # A pattern searches the bytes where they lie; `in` would copy 64 MiB first.
    if not re.search(re.escape(kind.encode()), segment.data):
        return
    found = [starts for _, starts in entries_of(segment, end, kind)]
    starts = np.sort(np.concatenate(found)) if found else np.empty(0, np.int64)
    for at in starts[starts >= new.at].tolist():
        yield find(folder, id_at(folder, new.segment, at))
