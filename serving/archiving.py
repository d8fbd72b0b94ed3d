"""What a stream's worker archives, beside its counting, in a thread with a log of its own.

Comes in: which partitions are the worker's. Goes out: Parquet files, now and then, of what the log
holds beyond them. What goes wrong is said in the log, once, and tried again: counting goes on
whatever the archive's state.
"""

from __future__ import annotations

import logging
import threading
from contextlib import ExitStack
from types import TracebackType

import pyarrow as pa

from feature_store.archive import AT_LEAST, archive_log
from feature_store.archive_key import Archive
from feature_store.event_log import EventLog
from finmodel.errors import FinmodelError

_log = logging.getLogger(__name__)
EVERY_SECONDS = 30.0
JOIN_SECONDS = 5.0


class Archiver:
    """A thread that archives the partitions it was last told of, until its context ends."""

    def __init__(self, archive: Archive, log: EventLog, own: ExitStack) -> None:
        """`log` is for this thread alone, and `own` closes it."""
        self._archive, self._log, self._own = archive, log, own
        self._owned: frozenset[int] | None = frozenset()
        self._ended = threading.Event()
        self._said = ""
        self._thread = threading.Thread(target=self._run, name="archive", daemon=True)

    def __enter__(self) -> Archiver:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        # Not for as long as a backlog takes: a file that is not in place yet is made again.
        self._thread.join(JOIN_SECONDS)

    def note(self, owned: frozenset[int] | None) -> None:
        """These partitions are the worker's now."""
        self._owned = owned

    def _run(self) -> None:
        with self._own:
            while not self._ended.wait(EVERY_SECONDS):
                try:
                    archive_log(self._log, self._archive, partitions=self._owned, at_least=AT_LEAST)
                except (FinmodelError, OSError, pa.ArrowException) as error:
                    self._say(f"the archive waits: {error}")

    def _say(self, what: str) -> None:
        if what != self._said:
            _log.warning(what)
            self._said = what
