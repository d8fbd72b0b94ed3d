"""Ten million decisions in the audit log's own format, made as fast as this machine can.

Frames are made by the log's own functions (`encode_frame`, `digest_at`, `encode_header`), in the
order in which its writer lays them; what is left out is the waiting for a disk, the sealing of
what is personal (bytes of the same length stand there) and a body's encoding for each decision.
Columns are kept by the writer's own `make_side`. Where `spare` is set, a full segment that has its
columns is cut to its header: ten million frames are 27 GB, and monitoring reads the columns.
"""

from __future__ import annotations

import os
import secrets
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from finmodel.audit import SEGMENT_BYTES
from finmodel.audit_format import (
    DIGEST,
    ENTRY,
    HEADER_BYTES,
    SHAPE,
    Draft,
    Mark,
    digest_at,
    encode_frame,
    encode_header,
    encode_mark,
    pack_columns,
)
from finmodel.audit_segments import MARK_NAME, segment_name
from finmodel.audit_side import make_side
from finmodel.decision_log import KIND, LAYOUT, facts_code
from finmodel.records import Float32s, Float64s, Int64s

PERSONAL = 190
"""Bytes of a sealed application."""


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Decisions to log, in order."""

    time_us: Int64s
    application: Int64s
    vector: Float32s
    contributions: Float64s
    raw: Float64s
    probability: Float64s
    points: Float64s
    ages_s: Float64s
    states: Any
    answer: Int64s
    """Place among the bodies."""


class SegmentWriter:
    """Lays batches of decisions into segments; one thread writes, another keeps columns."""

    def __init__(self, folder: Path, bodies: list[dict[str, Any]], *, spare: bool) -> None:
        folder.mkdir(parents=True)
        self._folder, self._spare = folder, spare
        self._codes = [facts_code(body) for body in bodies]
        self._bodies = [msgspec.msgpack.encode(body) for body in bodies]
        self._log, self._number = secrets.token_bytes(16), 0
        self._before = bytes(DIGEST)
        self._parts: list[bytes] = []
        self._end, self._shape_at = 0, 0
        self._beside = ThreadPoolExecutor(1)
        self._kept: list[Future[None]] = []
        self.rows_bytes = 0

    def write(self, batch: Batch) -> None:
        """Lay each decision of a batch."""
        shape, columns = self._columns(batch)
        personal, pseudonyms = os.urandom(PERSONAL), os.urandom(16 * len(batch.raw))
        times, answers = batch.time_us.tolist(), batch.answer.tolist()
        width = len(columns) // len(times)
        for row, time in enumerate(times):
            body = self._bodies[answers[row]]
            told = columns[row * width : (row + 1) * width]
            name = pseudonyms[16 * row : 16 * row + 16]
            self._lay(Draft(shape, time, told, body, personal, name))

    def close(self) -> None:
        """Write what is left, and the mark."""
        self._flush()
        mark = Mark(self._log, self._number, self._end, self._before)
        (self._folder / MARK_NAME).write_bytes(encode_mark(mark))
        for kept in self._kept:
            kept.result()
        self._beside.shutdown()

    def _columns(self, batch: Batch) -> tuple[bytes, bytes]:
        """The shape's bytes, and every row's raw columns one after the other."""
        codes = np.array(self._codes, np.int64)[batch.answer]
        every: dict[str, Any] = {
            "facts": codes,
            "application": batch.application,
            "vector": batch.vector,
            "ages_s": batch.ages_s,
            "states": batch.states,
            "offsets": np.full(batch.ages_s.shape, -1, np.int64),
            "contributions": batch.contributions,
            "raw": batch.raw,
            "probability": batch.probability,
            "points": batch.points,
        }
        shape, first = pack_columns(KIND, {name: many[0] for name, many in every.items()})
        fields = msgspec.msgpack.decode(shape)[1]
        dtype = np.dtype([(name, kind, tuple(size)) for name, kind, size in fields])
        rows = np.empty(len(codes), dtype)
        for name, many in every.items():
            rows[name] = many
        assert rows[:1].tobytes() == first
        return shape, rows.tobytes()

    def _lay(self, draft: Draft) -> None:
        if not self._number or self._end + draft.room > SEGMENT_BYTES:
            self._roll(draft)
        frame = encode_frame(ENTRY, self._shape_at, self._shape_at, draft)
        self._chain(frame)

    def _chain(self, frame: bytes) -> None:
        self._before = digest_at(self._log, self._number, self._end, self._before + frame)
        self._parts += (frame, self._before)
        self._end += len(frame) + DIGEST

    def _roll(self, draft: Draft) -> None:
        self._flush()
        self._number += 1
        header = encode_header(self._number, self._log, draft.time_us, self._before)
        self._parts, self._end = [header], HEADER_BYTES
        self._before = header[-DIGEST:]
        self._shape_at = self._end
        shape = Draft(shape=b"", time_us=draft.time_us, columns=b"", body=draft.shape)
        self._chain(encode_frame(SHAPE, 0, self._end, shape))
        if self._number > 1:
            # The next segment's header says where this one ends, so it must be there first.
            (self._folder / segment_name(self._number)).write_bytes(header)
            mark = Mark(self._log, self._number, HEADER_BYTES, header[-DIGEST:])
            (self._folder / MARK_NAME).write_bytes(encode_mark(mark))
            self._kept.append(self._beside.submit(self._keep, self._number - 1))

    def _flush(self) -> None:
        if self._number:
            data = b"".join(self._parts)
            self.rows_bytes += len(data)
            (self._folder / segment_name(self._number)).write_bytes(data)
            self._parts = []

    def _keep(self, number: int) -> None:
        make_side(self._folder, number, LAYOUT)
        if self._spare:
            os.truncate(self._folder / segment_name(number), HEADER_BYTES)
