"""A table's ids and times, each checked and named by its column and row where it does not hold.

A frame as it was read comes in, its index the rows' places in the file; arrays go out.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from finmodel.errors import BadInput
from finmodel.records import Times
from finmodel.table_files import as_text


def ids_of(
    frame: pd.DataFrame, entity: str, where: str, once: bool = True
) -> npt.NDArray[np.generic]:
    """(n,) ids as text, each there and, unless asked otherwise, each once."""
    ids = as_text(frame[entity])
    empty = np.flatnonzero(ids.isna().to_numpy())
    if empty.size:
        raise _bad(where, entity, "an id is empty", frame, empty[0], "give every row an id")
    twin = np.flatnonzero(ids.duplicated().to_numpy())
    if once and twin.size:
        raise _bad(where, entity, "an id stands twice", frame, twin[0], "keep one row for each id")
    return ids.to_numpy(dtype=object)


def times_of(frame: pd.DataFrame, name: str, where: str) -> Times:
    """(n,) times; ISO 8601 text, or dates and timestamps as Parquet has them. No zone means UTC."""
    column = frame[name]
    if not pd.api.types.is_datetime64_any_dtype(column):
        column = pd.to_datetime(as_text(column), format="ISO8601", utc=True, errors="coerce")
    wrong = np.flatnonzero(column.isna().to_numpy())
    if wrong.size:
        raise _bad(where, name, "it is not a time", frame, wrong[0], "write 2024-01-31")
    return pd.to_datetime(column, utc=True).to_numpy(dtype="datetime64[us]")


def _bad(where: str, name: str, what: str, frame: pd.DataFrame, row: int, remedy: str) -> BadInput:
    place = f"{where}: column {name!r}, row {int(frame.index[row]) + 1}"
    return BadInput(what, where=place, remedy=remedy)
