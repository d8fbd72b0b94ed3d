"""From an entity to the key under which its row lies in the map, many at a time.

One int64 entity is its own eight bytes in a database of its join key (LMDB compares it as one
integer); everything else is Feast's entity key (version 3) in one shared database. This module
makes the same bytes as Feast does and imports no Feast.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from finmodel.errors import BadInput
from finmodel.records import Int64s

JOIN_KEY = "customer_id"
"""What a lender's rows are of."""
FEAST_KEYS = b"rows"
"""The database of everything that is not one int64."""

_STRING = 2  # Feast's ValueType.STRING
LONGEST = 511  # LMDB's limit on a key
_EIGHT_BYTES = np.dtype("V8")


class Place(NamedTuple):
    """A database of the map, and whether its keys are native integers."""

    name: bytes
    integer: bool

    def __str__(self) -> str:
        return f"{'integer' if self.integer else 'bytes'} {self.name.decode()}"

    @classmethod
    def parsed(cls, text: str) -> Place:
        """A place from its text.

        >>> Place.parsed(str(Place(b"rows", False)))
        Place(name=b'rows', integer=False)
        """
        kind, _, name = text.partition(" ")
        return cls(name.encode(), kind == "integer")


@lru_cache(maxsize=256)
def place_of(join_key: str, key_type: str) -> Place:
    """The database that holds rows of entities with this join key.

    >>> place_of("customer_id", "int64")
    Place(name=b'rows:customer_id', integer=True)
    """
    if key_type == "int64":
        return Place(FEAST_KEYS + b":" + join_key.encode(), True)
    return Place(FEAST_KEYS, False)


def checked_ids(ids: Sequence[Any] | npt.NDArray[Any], key_type: str) -> npt.NDArray[Any]:
    """The ids as (n,) int64 or (n,) object of str; BadInput if they are of another type.

    >>> checked_ids([7, 8], "int64"), checked_ids(["a"], "string")
    (array([7, 8]), array(['a'], dtype=object))
    >>> checked_ids(["7"], "int64")
    Traceback (most recent call last):
    finmodel.errors.BadInput: ids: they are not whole numbers; this entity's key is int64
    """
    return _int64s(ids) if key_type == "int64" else _strings(ids)


def _int64s(ids: Sequence[Any] | npt.NDArray[Any]) -> Int64s:
    found = ids if isinstance(ids, np.ndarray) else _array(ids)
    if found.size == 0:
        found = found.astype(np.int64)
    if found.dtype == np.int64 and found.ndim == 1:
        return np.ascontiguousarray(found)
    fits = found.dtype.kind in "iu" and (
        found.dtype.kind == "i" or found.dtype.itemsize < 8 or found.max() < 2**63
    )
    if not fits or found.ndim != 1:
        raise BadInput(
            "they are not whole numbers", where="ids", remedy="this entity's key is int64"
        )
    return np.ascontiguousarray(found, dtype="<i8")


def _array(ids: Sequence[Any]) -> npt.NDArray[Any]:
    # numpy turns a bool among ints into 0 or 1, which would be somebody's id.
    if any(type(value) is bool for value in ids):
        return np.zeros(1, dtype=bool)
    try:
        return np.asarray(ids)
    except (ValueError, OverflowError):
        return np.empty(1, dtype=object)


def _strings(ids: Sequence[Any] | npt.NDArray[Any]) -> npt.NDArray[Any]:
    found = np.empty(len(ids), dtype=object)
    found[:] = [str(value) if isinstance(value, np.str_) else value for value in ids]
    if not all(type(value) is str for value in found):
        raise BadInput("they are not all text", where="ids", remedy="this entity's key is string")
    return found


def keys_of(join_key: str, ids: npt.NDArray[Any]) -> list[bytes]:
    """The key of each checked id, in their order.

    >>> keys_of("customer_id", np.array([258]))
    [b'\\x02\\x01\\x00\\x00\\x00\\x00\\x00\\x00']
    """
    if ids.dtype != object:
        return integer_keys(ids)
    head = _head(join_key)
    texts = [value.encode() for value in ids]
    if max(map(len, texts), default=0) + len(head) + 4 > LONGEST:
        raise BadInput(
            f"one makes a key of more than {LONGEST} bytes", where="ids", remedy="shorten it"
        )
    return [head + len(text).to_bytes(4, "little") + text for text in texts]


def integer_keys(numbers: npt.NDArray[Any]) -> list[bytes]:
    """The key of each of some 64-bit integers, in a database of such."""
    keys: list[bytes] = numbers.view(_EIGHT_BYTES).tolist()
    return keys


def _head(join_key: str) -> bytes:
    name = join_key.encode()
    return struct.pack("<III", 1, _STRING, len(name)) + name + struct.pack("<I", _STRING)


def key_order(ids: npt.NDArray[Any], keys: list[bytes]) -> npt.NDArray[np.intp]:
    """Positions that put checked ids in the map's own order; equal ids keep theirs.

    >>> key_order(np.array([3, -1, 2]), [])
    array([2, 0, 1])
    """
    if ids.dtype != object:
        return np.argsort(ids.view(np.uint64), kind="stable")
    return np.array(sorted(range(len(keys)), key=keys.__getitem__), dtype=np.intp)
