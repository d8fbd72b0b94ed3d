"""One customer's events out of the file log: found, or blanked where they stand.

A folder and a customer come in; how many events and how new goes out. A forgotten event leaves an
empty line, which readers pass over, so that every other event keeps its offset. A segment is
written aside and renamed: whoever reads goes on in what it has open.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from feature_store.event_log import LAYOUT, FileEventLog, held_log
from feature_store.event_segments import Frame, bytes_of, segments, walk
from finmodel.clock import china_day
from finmodel.durable import replace_file
from finmodel.events import TOPICS
from finmodel.judged_events import TOPIC as JUDGED
from finmodel.retention import Found, Kind

STORE = "event log"


class _Whose(msgspec.Struct, frozen=True):
    customer_id: int
    occurred_at: datetime


_decoder = msgspec.json.Decoder(_Whose)


def kind_of(topic: str) -> Kind:
    """What kind of record a topic's events are: money that moved, or what somebody looked at.

    A verdict is kept no longer than the conversation that it is about.

    >>> kind_of("loan.repayment.v1"), kind_of("app.login.v1"), kind_of(JUDGED)
    ('transactions', 'logs', 'conversations')
    """
    if topic == JUDGED:
        return "conversations"
    return "transactions" if topic.startswith(("card.", "loan.")) else "logs"


def held_in_log(folder: Path, customer: int) -> Found:
    """A customer's events in the log of a folder; none where there is no log."""
    count, newest = 0, dict[Kind, datetime]()
    for topic, path, last in _files(folder):
        for frame in walk(path, is_last=last):
            for at in _times(frame.body, customer):
                count, kind = count + 1, kind_of(topic)
                newest[kind] = max(at, newest.get(kind, at))
    return Found(STORE, count, {kind: china_day(at) for kind, at in newest.items()})


def forget_in_log(folder: Path, customer: int) -> int:
    """Blank a customer's events; how many. NotReady while somebody writes to the log."""
    if not (folder / LAYOUT).exists():
        return 0
    with held_log(folder):
        return sum(_blanked(path, last, customer) for _, path, last in _files(folder))


def _files(folder: Path) -> Iterator[tuple[str, Path, bool]]:
    """Every segment with its topic, and whether it is the last of its partition."""
    if not (folder / LAYOUT).exists():
        return
    partitions = FileEventLog(folder).partitions
    for topic in TOPICS:
        for partition in range(partitions):
            paths = segments(folder / topic / str(partition))
            for path in paths:
                yield topic, path, path == paths[-1]


def _blanked(path: Path, last: bool, customer: int) -> int:
    """Blank one segment's events; it is not touched where there are none."""
    frames, gone = [], 0
    for frame in walk(path, is_last=last):
        body, of_it = _without(frame.body, customer)
        frames.append(Frame(frame.first_offset, frame.count, body))
        gone += of_it
    if gone:
        replace_file(path, b"".join(map(bytes_of, frames)), path.stat().st_mode & 0o777)
    return gone


def _without(body: bytes, customer: int) -> tuple[bytes, int]:
    if not _named(customer).search(body):
        return body, 0
    lines = body.split(b"\n")
    kept = [b"" if _is_of(line, customer) else line for line in lines]
    return b"\n".join(kept), sum(a != b for a, b in zip(lines, kept, strict=True))


def _times(body: bytes, customer: int) -> Iterator[datetime]:
    if _named(customer).search(body):
        for line in body.split(b"\n"):
            if _is_of(line, customer):
                yield _decoder.decode(line).occurred_at.astimezone(UTC)


def _is_of(line: bytes, customer: int) -> bool:
    return (
        _named(customer).search(line) is not None and _decoder.decode(line).customer_id == customer
    )


def _named(customer: int) -> re.Pattern[bytes]:
    """Where an event may be the customer's: looked for before anything is decoded."""
    return re.compile(rb'"customer_id"\s*:\s*%d\b' % customer)
