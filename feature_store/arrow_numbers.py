"""Archived columns as the whole numbers that the counting knows.

An Arrow column of numbers, instants or texts comes in, 64-bit numbers go out, as the stream has
them of the same events: an instant as its microseconds since 1970, a text as its hash.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from feature_store.compiling import lent
from feature_store.text_hash import Bytes, hash_bytes
from finmodel.records import Int64s


def numbers(column: pa.Array) -> Int64s:
    """(n,) the whole number of each value, as `event_table.number_of` has it; 0 for none.

    >>> numbers(pa.array([3, None])).tolist(), numbers(pa.array(["", None, "a"])).tolist()
    ([3, 0], [-1205034819632174695, 0, -3292477735350538661])
    """
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        return _of_texts(column)
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp("us", "UTC")).cast(pa.int64())
    return np.array(plain(column.cast(pa.int64()).fill_null(0)))


def plain(column: pa.Array) -> npt.NDArray[Any]:
    """A column without nulls as NumPy has it."""
    found: npt.NDArray[Any] = column.to_numpy(zero_copy_only=False)
    return found


def _of_texts(column: pa.Array) -> Int64s:
    column = column.cast(pa.large_string())
    _, ends, data = column.buffers()
    bounds = np.frombuffer(ends, np.int64)[column.offset : column.offset + len(column) + 1]
    found = np.empty(len(column), np.int64)
    _hash_each(np.frombuffer(data or b"", np.uint8), bounds, found)
    found[plain(pc.is_null(column))] = 0
    return found


@lent
def _hash_each(data: Bytes, bounds: Int64s, found: Int64s) -> None:
    for i in range(len(found)):
        found[i] = np.int64(hash_bytes(data, bounds[i], bounds[i + 1]))
