"""How far the stream is behind, as each of its workers tells it in a small file under home.

A worker's figures come in every few seconds and go out to whoever looks. A worker that says nothing
any more is told as such: what it counted last is no news. Knows no log and no store.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec

from finmodel.clock import SystemClock
from finmodel.durable import replace_file
from finmodel.errors import FinmodelError

log = logging.getLogger(__name__)

ONCE: Final = "once"
"""Who counted up to the log's end and left: its lag is that of then."""
UNNAMED: Final = "pid-"
"""What the name of a worker begins with that was given none: another one after each start."""
SILENT_S: Final = 60.0
"""Without a word for so long, a worker is not at work."""
FORGOTTEN: Final = timedelta(days=7)


class TopicLag(msgspec.Struct, frozen=True):
    """One topic, as a worker has it."""

    topic: str
    lag: int
    """Events of the log that it had not counted."""
    freshness_s: float | None
    """From the log's taking in its last pass's oldest event to its being servable; None where the
    log keeps no such time, as files do not."""


class Worker(msgspec.Struct, frozen=True):
    """What a worker told last."""

    name: str
    at: datetime
    topics: tuple[TopicLag, ...]
    """Of which something came since it began."""
    stopped: bool = False
    """Whether a person stopped it: it will say no more, and should not."""


class WorkerSeen(msgspec.Struct, frozen=True):
    """The same, as it is seen now."""

    name: str
    silent_s: float
    at_work: bool
    topics: tuple[TopicLag, ...]
    stopped: bool = False


def keep_state(
    folder: Path,
    name: str,
    lags: Mapping[str, int],
    freshness_s: Mapping[str, float],
) -> None:
    """Tell how far a worker is; files of workers long gone are removed.

    One that cannot be told, as on a full disk, is logged: counting goes on.
    """
    topics = (TopicLag(one, lag, freshness_s.get(one)) for one, lag in sorted(lags.items()))
    _keep(folder, Worker(name, SystemClock().now(), tuple(topics)))


def _keep(folder: Path, told: Worker) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_file(folder / _file(told.name), msgspec.json.encode(told), sync=False)
        for one in _told(folder):
            if told.at - one.at > FORGOTTEN:
                (folder / _file(one.name)).unlink(missing_ok=True)
    except (OSError, FinmodelError) as error:
        log.warning("how far it is could not be told: %s", error)


@contextmanager
def told_when_stopped(folder: Path, name: str) -> Iterator[None]:
    """A worker at work, which tells that a person stopped it: by SIGTERM, or by Ctrl-C.

    Whatever else ends it leaves its last word as it is.
    """
    try:
        yield
    except KeyboardInterrupt:
        _keep_end(folder, name)
        raise
    _keep_end(folder, name)


def _keep_end(folder: Path, name: str) -> None:
    for one in _told(folder):
        if one.name == name:
            _keep(folder, msgspec.structs.replace(one, at=SystemClock().now(), stopped=True))


def workers_in(folder: Path) -> tuple[WorkerSeen, ...]:
    """What each worker told last, the latest first."""
    now = SystemClock().now()
    every = sorted(_told(folder), key=lambda one: one.at, reverse=True)
    return tuple(_seen(one, (now - one.at).total_seconds()) for one in every)


def _seen(one: Worker, silent_s: float) -> WorkerSeen:
    at_work = one.name != ONCE and not one.stopped and silent_s < SILENT_S
    return WorkerSeen(one.name, silent_s, at_work, one.topics, one.stopped)


def _told(folder: Path) -> list[Worker]:
    found = []
    for path in folder.glob("*.json"):
        with suppress(FileNotFoundError, msgspec.MsgspecError):  # removed since, or not ours
            found.append(msgspec.json.decode(path.read_bytes(), type=Worker))
    return found


def _file(name: str) -> str:
    """A file's name for any worker's.

    >>> _file("desk-1"), _file("a/b")
    ('desk-1.json', 'a%2Fb.json')
    """
    return f"{name.replace('%', '%25').replace('/', '%2F').replace(chr(0), '%00')}.json"
