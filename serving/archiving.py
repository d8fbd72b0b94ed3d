"""What a stream's worker archives, beside its counting, in a thread with a log of its own.

Comes in: which partitions are the worker's. Goes out: Parquet files, now and then, of what the log
holds beyond them. An error ends the worker, told in its own words; an archive that another worker
has in hand is left to it.
"""

from __future__ import annotations

import threading
from contextlib import ExitStack
from types import TracebackType

from feature_store.archive import AT_LEAST, archive_log
from feature_store.archive_key import make_archive
from feature_store.event_log import EventLog
from finmodel.errors import FinmodelError, NotReady
from finmodel.settings import Settings

EVERY_SECONDS = 30.0


class Archiver:
    """A thread that archives the partitions it was last told of, until its context ends."""

    def __init__(self, settings: Settings, log: EventLog, own: ExitStack) -> None:
        """`log` is for this thread alone, and `own` closes it."""
        self._archive, self._log, self._own = make_archive(settings), log, own
        self._owned: frozenset[int] | None = frozenset()
        self._ended = threading.Event()
        self._failed: list[FinmodelError] = []
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
        self._thread.join()

    def note(self, owned: frozenset[int] | None) -> None:
        """These partitions are the worker's now; raises what the thread met."""
        self._owned = owned
        if self._failed:
            raise self._failed[0]

    def _run(self) -> None:
        with self._own:
            while not self._ended.wait(EVERY_SECONDS):
                try:
                    archive_log(self._log, self._archive, partitions=self._owned, at_least=AT_LEAST)
                except NotReady:
                    continue  # another has it in hand, or the broker is away: later
                except FinmodelError as error:
                    self._failed.append(error)
                    return
