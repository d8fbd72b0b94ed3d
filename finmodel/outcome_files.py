"""The folder that keeps outcomes: one Parquet file for each load.

Outcomes that were judged come in and are written aside and renamed, named after what is in them;
all that was kept comes out. Knows nothing of which may be believed.
"""

from __future__ import annotations

from dataclasses import fields
from hashlib import sha256
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from finmodel.durable import disk_error, replace_file
from finmodel.errors import Damaged
from finmodel.outcomes import Outcomes, joined


def keep(folder: Path, outcomes: Outcomes) -> Path | None:
    """Keep outcomes as one file, or none where there are none; the same ones make the same name."""
    if not len(outcomes):
        return None
    ranked = outcomes.sorted()
    table = pa.table({f.name: getattr(ranked, f.name) for f in fields(ranked)})
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    digest = sha256(b"".join(getattr(ranked, f.name).tobytes() for f in fields(ranked))).hexdigest()
    path = folder / f"outcomes-{digest[:32]}.parquet"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise disk_error(error, folder) from error
    replace_file(path, sink.getvalue().to_pybytes())
    return path


def kept_in(folder: Path) -> Outcomes:
    """Everything that was kept, by application, then by time; Damaged where a file is not whole."""
    loads = []
    for path in sorted(folder.glob("outcomes-*.parquet")):
        try:
            table = pq.read_table(path)
            columns = {f.name: table[f.name].to_numpy() for f in fields(Outcomes)}
        except (pa.ArrowException, OSError, KeyError) as error:
            raise Damaged(
                "it cannot be read as outcomes", where=str(path), remedy="load its file again"
            ) from error
        loads.append(Outcomes(**columns))
    if len(loads) == 1:
        return loads[0]
    return joined(loads).sorted() if loads else Outcomes.none()
