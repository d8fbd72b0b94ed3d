"""The end of the audit log, where groups of entries are written, and what a crash left there.

Drafts come in, their ids go out once the bytes are on the disk. Several processes may hold a tail
of the same folder: each group is written under a lock, after a look whether another process moved
the end. Only this module writes to the folder; it knows no waiter and no key.
"""

from __future__ import annotations

import mmap
import os
import secrets
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from finmodel.audit_format import (
    DIGEST,
    ENTRY,
    HEADER_BYTES,
    MARK_BYTES,
    SHAPE,
    Draft,
    Mark,
    digest_at,
    encode_frame,
    encode_header,
    encode_mark,
    entry_id,
)
from finmodel.audit_lock import WriterLock
from finmodel.audit_segments import (
    MARK_NAME,
    broken,
    check_mark,
    load_segment,
    read_mark,
    segment_exists,
    segment_name,
    whole_end,
)
from finmodel.clock import Clock, micros
from finmodel.durable import disk_error, replace_file
from finmodel.errors import Damaged, FinmodelError


class Tail:
    """The writing end of one log; not for several threads at once."""

    def __init__(self, folder: Path, clock: Clock, *, sync: bool, segment_bytes: int) -> None:
        """Open or begin the log, and cut what a crash left past its last whole frame."""
        self._folder, self._clock = folder, clock
        self._sync, self._segment_bytes = sync, segment_bytes
        self._flags = os.RWF_DSYNC if sync else 0
        self._shapes: dict[bytes, int] = {}
        self._failed: FinmodelError | None = None
        self._mark = Mark(b"", 0, 0, b"")
        self._segment = -1
        with ExitStack() as undo:
            undo.callback(self._let_go)
            try:
                self._open(undo)
            except OSError as error:
                raise disk_error(error, folder) from error
            self.close = undo.pop_all().close

    @property
    def number(self) -> int:
        """The segment that is written to."""
        return self._mark.number

    def commit(self, drafts: Sequence[Draft]) -> list[str]:
        """Write a group with one sync and return its ids; on an error nothing of it is kept.

        NoRoom where the disk is full: the tail is cut back, and the log goes on once there is room.
        """
        try:
            with self._lock.held():
                self._catch_up()
                self._lock.unfinished = True
                if self._mark.end + sum(draft.room for draft in drafts) > self._segment_bytes:
                    self._roll()
                ids = self._append(drafts)
                self._lock.unfinished = False
                return ids
        except OSError as error:
            raise disk_error(error, self._folder / segment_name(self._mark.number)) from error

    def _open(self, undo: ExitStack) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = WriterLock(self._folder / "LOCK")
        undo.callback(self._lock.close)
        with self._lock.held():
            if not (self._folder / MARK_NAME).exists():
                self._begin()
            self._mark_file = os.open(self._folder / MARK_NAME, os.O_RDWR)
            undo.callback(os.close, self._mark_file)
            mark = read_mark(self._folder)
            # Read on every commit: from memory, since a system call would also cost the GIL.
            self._mark_shared = mmap.mmap(self._mark_file, MARK_BYTES, access=mmap.ACCESS_READ)
            undo.callback(self._mark_shared.close)
            self._resume(mark)

    def _let_go(self) -> None:
        if self._segment >= 0:
            os.close(self._segment)
        self._segment = -1

    def _begin(self) -> None:
        """Make the first segment and then the mark; a crash between the two leaves no frame."""
        first = self._folder / segment_name(1)
        if segment_exists(self._folder, 2) or (
            first.exists() and first.stat().st_size > HEADER_BYTES
        ):
            raise broken(MARK_NAME, 0, "the mark of the log's end is missing")
        log = secrets.token_bytes(16)
        header = encode_header(1, log, micros(self._clock.now()), bytes(DIGEST))
        self._make(first.name, header)
        self._make(MARK_NAME, encode_mark(Mark(log, 1, len(header), header[-DIGEST:])))

    def _resume(self, mark: Mark) -> None:
        """Go on from the mark; look closer only where something lies past it."""
        path, after = self._folder / segment_name(mark.number), mark.number + 1
        whole = path.exists() and path.stat().st_size == mark.end
        if self._lock.unfinished or not whole or segment_exists(self._folder, after):
            self._recover(mark)
            return
        self._use(path.name)
        if os.pread(self._segment, DIGEST, mark.end - DIGEST) != mark.digest:
            raise broken(path.name, mark.end, "the frame that ends here is not the mark's")
        self._mark = mark

    def _catch_up(self) -> None:
        """Notice that another process moved the end, or died while it did."""
        if self._failed is not None:
            raise self._failed
        if self._lock.unfinished:
            self._recover(read_mark(self._folder))
        elif self._mark_shared[:] != encode_mark(self._mark):
            mark = read_mark(self._folder)
            if mark.number != self._mark.number:
                self._use(segment_name(mark.number))
            self._mark = mark

    def _recover(self, mark: Mark) -> None:
        """Take the last whole frame as the end, and cut what a crash left after it.

        Damaged where the bytes up to the mark are not there, or a frame that was synced is broken.
        """
        number = mark.number
        segment = load_segment(self._folder, number)
        check_mark(segment, mark)
        end = whole_end(segment, mark.end)
        while segment_exists(self._folder, number + 1):
            if end != len(segment.data):
                segment.frame(end)
            before, number = segment.digest_before(end), number + 1
            segment = load_segment(self._folder, number)
            if segment.header.previous != before:
                raise broken(segment.name, 0, "it does not follow the segment before it")
            end = whole_end(segment, HEADER_BYTES)
        self._use(segment.name)
        os.ftruncate(self._segment, end)
        # A killed writer may have left whole frames in the page cache only.
        os.fdatasync(self._segment)
        self._move(Mark(mark.log, number, end, segment.digest_before(end)))
        self._lock.unfinished = False

    def _roll(self) -> None:
        """Begin the next segment; it opens with the last digest of this one."""
        if self._mark.end == HEADER_BYTES:
            return
        log, number = self._mark.log, self._mark.number + 1
        header = encode_header(number, log, micros(self._clock.now()), self._mark.digest)
        self._make(segment_name(number), header)
        self._use(segment_name(number))
        self._move(Mark(log, number, len(header), header[-DIGEST:]))

    def _append(self, drafts: Sequence[Draft]) -> list[str]:
        shapes = dict(self._shapes)
        group, start = _Group(self._mark, shapes), self._mark.end
        ids = [group.add(draft) for draft in drafts]
        self._write(b"".join(group.parts), start)
        self._shapes = shapes
        self._move(group.mark)
        return ids

    def _write(self, data: bytes, start: int) -> None:
        rest, at = memoryview(data), start
        try:
            while rest:
                # Written and synced in one call: each return from the kernel waits for the GIL.
                done = os.pwritev(self._segment, [rest], at, self._flags)
                rest, at = rest[done:], at + done
        except OSError as error:
            self._retreat(start, error)
            raise

    def _retreat(self, start: int, cause: OSError) -> None:
        """Cut back what was half-written. Where even that fails, nothing more may be written."""
        try:
            os.ftruncate(self._segment, start)
        except OSError as error:
            self._failed = Damaged(
                f"a group was half-written ({cause.strerror}) and could not be cut back",
                where=segment_name(self._mark.number),
                remedy="check the disk, then start again",
            )
            raise self._failed from error
        self._lock.unfinished = False

    def _move(self, mark: Mark) -> None:
        """Move the mark, after the bytes below it are synced; it need not be synced itself."""
        os.pwrite(self._mark_file, encode_mark(mark), 0)
        self._mark = mark

    def _use(self, name: str) -> None:
        """Open a segment for writing; what is known of shapes holds within one segment only."""
        file = os.open(self._folder / name, os.O_RDWR)
        self._let_go()
        self._segment = file
        self._shapes = {}

    def _make(self, name: str, data: bytes) -> None:
        replace_file(self._folder / name, data, sync=self._sync)


class _Group:
    """Frames being laid one after the other from a mark on."""

    def __init__(self, mark: Mark, shapes: dict[bytes, int]) -> None:
        self.parts: list[bytes] = []
        self.mark = mark
        self._start = mark.end
        self._shapes = shapes

    def add(self, draft: Draft) -> str:
        """Lay an entry, its shape before it where the segment has none yet; the entry's id."""
        at = self._shapes.get(draft.shape)
        if at is None:
            at = self._shapes[draft.shape] = self.mark.end
            self._lay(encode_frame(SHAPE, 0, self._start, _shape_draft(draft)))
        offset = self.mark.end
        self._lay(encode_frame(ENTRY, at, self._start, draft))
        return entry_id(self.mark.number, offset, self.mark.digest)

    def _lay(self, frame: bytes) -> None:
        log, number, offset, before = self.mark
        digest = digest_at(log, number, offset, before + frame)
        self.parts += (frame, digest)
        self.mark = Mark(log, number, offset + len(frame) + DIGEST, digest)


def _shape_draft(draft: Draft) -> Draft:
    return Draft(shape=b"", time_us=draft.time_us, columns=b"", body=draft.shape)
