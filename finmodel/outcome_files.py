"""The folder that keeps outcomes: one Parquet file for each load.

Outcomes that were judged come in and are written aside, named in the audit log, and only then
renamed, after what is in them; all that was kept comes out. Knows nothing of which may be believed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from finmodel.durable import disk_error, made_aside, replace_file, sync_folder, write_file
from finmodel.errors import Damaged
from finmodel.outcomes import Outcomes, joined


def keep(folder: Path, outcomes: Outcomes, record: Callable[[Path], object]) -> Path | None:
    """Keep outcomes as one file, or none where there are none; `record` enters it in the audit log.

    The same ones make the same name. A process that is killed leaves an entry of a file that is not
    there, or nothing: never a file that no entry names. One at a time: who calls sees to it.
    """
    if not len(outcomes):
        return None
    path, data = _made(folder, outcomes)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for killed in folder.glob(".outcomes-*.aside"):
            killed.unlink()
    except OSError as error:
        raise disk_error(error, folder) from error
    with made_aside(path) as aside:
        write_file(aside, data)
        record(path)
    return path


def restate(
    folder: Path, instead: Mapping[int, int], record: Callable[[dict[str, Any]], object]
) -> None:
    """Let outcomes of these applications stand under other numbers; `record` enters each file.

    A file is replaced, then takes the name of what is in it. Done again it changes nothing.
    """
    known = np.fromiter(instead, np.int64, len(instead))
    for path in sorted(folder.glob("outcomes-*.parquet")):
        outcomes = _read(path)
        rows = np.flatnonzero(np.isin(outcomes.application, known))
        if not len(rows):
            continue
        application = outcomes.application.copy()
        application[rows] = [instead[one] for one in application[rows].tolist()]
        named, data = _made(folder, replace(outcomes, application=application))
        record({"file": path.name, "kept_in": named.name, "rows": len(rows)})
        replace_file(path, data)
        try:
            os.replace(path, named)
            sync_folder(folder)
        except OSError as error:
            raise disk_error(error, path) from error


def _made(folder: Path, outcomes: Outcomes) -> tuple[Path, bytes]:
    """Where outcomes are kept, and as which bytes."""
    ranked = outcomes.sorted()
    table = pa.table({f.name: getattr(ranked, f.name) for f in fields(ranked)})
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    digest = sha256(b"".join(getattr(ranked, f.name).tobytes() for f in fields(ranked))).hexdigest()
    return folder / f"outcomes-{digest[:32]}.parquet", sink.getvalue().to_pybytes()


def kept_in(folder: Path) -> Outcomes:
    """Everything that was kept, by application, then by time; Damaged where a file is not whole."""
    loads = [_read(path) for path in sorted(folder.glob("outcomes-*.parquet"))]
    if len(loads) == 1:
        return loads[0]
    return joined(loads).sorted() if loads else Outcomes.none()


def _read(path: Path) -> Outcomes:
    try:
        with pq.ParquetFile(path) as file:
            table = file.read()
        return Outcomes(**{f.name: _values(table[f.name]) for f in fields(Outcomes)})
    except (pa.ArrowException, OSError, KeyError) as error:
        raise Damaged(
            "it cannot be read as outcomes", where=str(path), remedy="load its file again"
        ) from error


def _values(column: pa.ChunkedArray) -> npt.NDArray[Any]:
    """Numbers where they lie: pyarrow's own way to numpy begins by importing pandas, 0.3 s."""
    kind = column.type.to_pandas_dtype()
    parts = [
        np.frombuffer(chunk.buffers()[1], kind)[chunk.offset :][: len(chunk)]
        for chunk in column.chunks
    ]
    return parts[0] if len(parts) == 1 else np.concatenate(parts)
