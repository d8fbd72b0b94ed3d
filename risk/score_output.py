"""Where scores go: a CSV or Parquet file that is whole or not there.

Data frames come in piece by piece; the file stands under its name only once all of them are in.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from finmodel.durable import disk_error, require_writable
from finmodel.errors import BadInput

Write = Callable[[pd.DataFrame], None]


@contextmanager
def written_aside(target: Path) -> Iterator[Write]:
    """Gives a function that takes pieces; the file is renamed into place when all went well."""
    if target.suffix not in (".csv", ".parquet"):
        raise BadInput(
            f"the ending {target.suffix!r} is not known",
            where=str(target),
            remedy="name a .csv or .parquet file",
        )
    require_writable(target)
    aside = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    opened = _csv if target.suffix == ".csv" else _parquet
    try:
        with opened(aside) as write:
            yield write
        _sync(aside)
        os.replace(aside, target)
    except OSError as error:
        raise disk_error(error, target) from error
    finally:
        aside.unlink(missing_ok=True)


@contextmanager
def _csv(aside: Path) -> Iterator[Write]:
    with aside.open("x", encoding="utf-8", newline="") as file:

        def write(piece: pd.DataFrame) -> None:
            piece.to_csv(file, index=False, header=file.tell() == 0)

        yield write


@contextmanager
def _parquet(aside: Path) -> Iterator[Write]:
    writers: list[pq.ParquetWriter] = []

    def write(piece: pd.DataFrame) -> None:
        table = pa.Table.from_pandas(piece, preserve_index=False)
        if not writers:
            writers.append(pq.ParquetWriter(aside, table.schema))
        writers[0].write_table(table)

    try:
        yield write
    finally:
        for writer in writers:
            writer.close()


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
