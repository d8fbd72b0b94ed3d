"""What must be provable later: an append-only, hash-chained log of decisions and acts.

An entry comes in, its id goes out once it is on the disk; many who wait share one write and one
sync. Columns stay raw bytes, so that a decision can be computed again bit for bit. Personal data
goes in sealed only, under the customer's key. Reading is in `audit_entries` (find, latest, scan),
`audit_columns` (read_columns) and `audit_proof` (verify, anchor), all named here too.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec

from finmodel.audit_columns import read_columns
from finmodel.audit_entries import Entry, Personal, find, latest, scan
from finmodel.audit_format import LARGEST_FRAME, Draft, pack_columns
from finmodel.audit_proof import Anchor, Verified, anchor, verify
from finmodel.audit_side import SideLayout, make_side
from finmodel.audit_tail import Tail
from finmodel.clock import Clock, micros
from finmodel.errors import BadInput, Damaged, FinmodelError, NotReady
from finmodel.vault import Vault

__all__ = [
    "Anchor",
    "AuditLog",
    "Entry",
    "Personal",
    "Verified",
    "anchor",
    "find",
    "latest",
    "read_columns",
    "scan",
    "verify",
]

_log = logging.getLogger(__name__)
SEGMENT_BYTES: Final = 64 << 20
_GROUP: Final = 512
_QUEUE: Final = 20_000
_Waiter: TypeAlias = "Future[str] | asyncio.Future[str]"


class _Job(NamedTuple):
    draft: Draft
    subject: str | None
    waiter: _Waiter


class AuditLog:
    """The writing side of one log: for any number of threads, tasks and other processes.

    An `append` that raises may still have left its entry in the log; one that returns has it there
    for good.
    """

    def __init__(
        self,
        folder: Path,
        vault: Vault,
        clock: Clock,
        sync: bool = True,
        *,
        segment_bytes: int = SEGMENT_BYTES,
        side: SideLayout | None = None,
    ) -> None:
        """Open or begin the log in `folder`, cutting what a crash left half-written at its end.

        With `side`, a segment that is full is also kept as columns, beside the writing.
        """
        self._clock, self._vault, self._sync = clock, vault, sync
        self._folder, self._side, self._siding = folder, side, Future[None]()
        self._siding.set_result(None)
        self._tail = Tail(folder, clock, sync=sync, segment_bytes=segment_bytes)
        # From the first on: others write here too, and not all of them keep columns.
        self._sided = 1
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._group: list[_Job] = []
        self._gate, self._closed = threading.Lock(), False
        self._beside = ThreadPoolExecutor(3, thread_name_prefix="vault")
        self._tending: Future[None] | None = None
        self._writer = threading.Thread(target=self._run, name="audit", daemon=True)
        self._writer.start()

    def append(
        self,
        kind: str,
        body: Mapping[str, Any],
        *,
        columns: Mapping[str, Any] | None = None,
        personal: Mapping[str, Any] | None = None,
        subject: str | None = None,
    ) -> str:
        """Write an entry; durable when it returns. The entry's id.

        `columns` are float32, float64, int64 or uint8 arrays, or numbers. `personal` is sealed
        under the key of `subject`, whose id itself is not written. BadInput for what cannot be
        kept, NoRoom where the disk is full, NotReady where the log is closed or far behind.
        """
        waiter: Future[str] = Future()
        self._submit(self._draft(kind, body, columns, personal, subject), subject, waiter)
        return waiter.result()

    async def append_async(
        self,
        kind: str,
        body: Mapping[str, Any],
        *,
        columns: Mapping[str, Any] | None = None,
        personal: Mapping[str, Any] | None = None,
        subject: str | None = None,
    ) -> str:
        """`append` for a task: the event loop goes on while the entry is being synced."""
        waiter: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._submit(self._draft(kind, body, columns, personal, subject), subject, waiter)
        return await waiter

    def close(self) -> None:
        """Write what is queued, then let go of the log."""
        with self._gate:
            if not self._closed:
                self._closed = True
                self._jobs.put(None)
        self._writer.join()

    def _draft(
        self,
        kind: str,
        body: Mapping[str, Any],
        columns: Mapping[str, Any] | None,
        personal: Mapping[str, Any] | None,
        subject: str | None,
    ) -> Draft:
        if personal and subject is None:
            raise BadInput(
                "personal data belongs to a customer",
                where="audit entry",
                remedy="name the subject",
            )
        shape, raw = pack_columns(kind, columns)
        told = _packed(personal) if personal else b""
        draft = Draft(shape, micros(self._clock.now()), raw, _packed(body), told)
        if draft.room > LARGEST_FRAME:
            raise BadInput(
                f"the entry is larger than {LARGEST_FRAME >> 20} MiB",
                where="audit entry",
                remedy="keep a digest of the data in place of the data",
            )
        return draft

    def _submit(self, draft: Draft, subject: str | None, waiter: _Waiter) -> None:
        with self._gate:
            # Not alive also in a child that was forked: threads do not come along.
            if self._closed or not self._writer.is_alive():
                raise NotReady("the log is closed", where="audit", remedy="open it again")
            if self._jobs.qsize() >= _QUEUE:
                raise NotReady("the log is far behind", where="audit", remedy="try again later")
            self._jobs.put(_Job(draft, subject, waiter))

    def _run(self) -> None:
        try:
            while self._gather():
                self._write_group()
        finally:
            self._stop()

    def _gather(self) -> bool:
        """Take whatever is queued; whether the log goes on."""
        job = self._jobs.get()
        while job is not None:
            self._group.append(job)
            if len(self._group) >= _GROUP:
                return True
            try:
                job = self._jobs.get_nowait()
            except Empty:
                return True
        if self._group:
            self._jobs.put(None)
        return bool(self._group)

    def _write_group(self) -> None:
        try:
            drafts = self._sealed()
            due = self._sync and self._vault.unsynced and any(job.subject for job in self._group)
            # The keys are synced beside the log: one after the other would take twice as long.
            synced = self._beside.submit(self._vault.sync) if due else None
            ids = self._tail.commit(drafts)
            if synced is not None:
                synced.result()
            self._tend()
            self._keep_columns()
        except FinmodelError as error:
            self._answer([_copy(error) for _ in self._group])
        else:
            self._answer(ids)

    def _sealed(self) -> list[Draft]:
        keys = self._vault.keys_of({job.subject for job in self._group if job.subject is not None})
        drafts = []
        for draft, subject, _ in self._group:
            if subject is not None:
                key = keys[subject]
                told = key.seal(draft.personal) if draft.personal else b""
                draft = draft._replace(personal=told, pseudonym=key.pseudonym)
            drafts.append(draft)
        return drafts

    def _answer(self, answers: Sequence[str | FinmodelError]) -> None:
        """Wake everyone who waits, each event loop once."""
        loops: dict[asyncio.AbstractEventLoop, list[tuple[_Waiter, str | FinmodelError]]] = {}
        for job, answer in zip(self._group, answers, strict=True):
            if isinstance(job.waiter, Future):
                _resolve([(job.waiter, answer)])
            else:
                loops.setdefault(job.waiter.get_loop(), []).append((job.waiter, answer))
        self._group = []
        for loop, pairs in loops.items():
            with suppress(RuntimeError):  # the loop was closed, and nobody waits in it any more
                loop.call_soon_threadsafe(_resolve, pairs)

    def _tend(self) -> None:
        """Keep the vault's journal short, beside the writing; a failure reaches a later group."""
        if self._tending is not None and self._tending.done():
            self._tending.result()
            self._tending = None
        if self._tending is None and self._vault.untended:
            self._tending = self._beside.submit(self._vault.tend)

    def _keep_columns(self) -> None:
        """Keep segments that became full as columns, one after the other, beside the writing."""
        if self._side is None or self._sided == self._tail.number or not self._siding.done():
            return
        first, self._sided = self._sided, self._tail.number
        self._siding = self._beside.submit(_make_sides, self._folder, first, self._side)

    def _stop(self) -> None:
        """Let nobody wait for a writer that is gone, whyever it is gone."""
        with self._gate:
            self._closed = True
        while True:
            try:
                job = self._jobs.get_nowait()
            except Empty:
                break
            if job is not None:
                self._group.append(job)
        lost = [
            Damaged("the audit writer stopped", where="audit", remedy="see its error, start again")
            for _ in self._group
        ]
        self._answer(lost)
        self._tail.close()
        self._beside.shutdown()


def _make_sides(folder: Path, first: int, side: SideLayout) -> None:
    """Columns are made again by whoever needs them: without them no entry is lost or late."""
    number = first
    try:
        while make_side(folder, number, side):
            number += 1
    except FinmodelError as error:
        _log.warning("segment %d is not kept as columns: %s", number, error)


def _resolve(pairs: Sequence[tuple[_Waiter, str | FinmodelError]]) -> None:
    for waiter, answer in pairs:
        if waiter.done():
            continue
        if isinstance(answer, str):
            waiter.set_result(answer)
        else:
            waiter.set_exception(answer)


def _copy(error: FinmodelError) -> FinmodelError:
    """The same error for each waiter, so that their tracebacks do not pile up in one."""
    copy = type(error)(error.what, where=error.where, remedy=error.remedy)
    copy.__cause__ = error
    return copy


def _packed(body: Mapping[str, Any]) -> bytes:
    try:
        return msgspec.msgpack.encode(body)
    except (TypeError, ValueError, OverflowError, RecursionError, msgspec.MsgspecError) as error:
        raise BadInput(
            "it cannot be written as JSON could",
            where="audit entry's body",
            remedy="give numbers, strings, lists and dictionaries",
        ) from error
