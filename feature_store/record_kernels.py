"""Kafka's record batches (format v2) as columns: no object for a record.

An uncompressed batch's records come in as bytes, where each value lies and which offset it has go
out. The layout is Kafka's (`DefaultRecord`): length, attributes, time, offset, key, value and
headers, in zigzag varints. Every length is checked before it is used.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from feature_store.compiling import lent
from feature_store.text_hash import Bytes
from finmodel.compiling import Numbers

_BROKEN = np.int64(-1)


@lent
def _varint(data: Bytes, at: int) -> Numbers:
    """A zigzag varint and where it ends; -1 as the end if the bytes run out."""
    word, shift = np.uint64(0), np.uint64(0)
    while at < len(data) and shift < np.uint64(64):
        byte = np.uint64(data[at])
        word |= (byte & np.uint64(127)) << shift
        at += 1
        if byte < np.uint64(128):
            return np.int64(word >> np.uint64(1)) ^ -np.int64(word & np.uint64(1)), np.int64(at)
        shift += np.uint64(7)
    return np.int64(0), _BROKEN


@lent
def _three(data: Bytes, at: int) -> Numbers:
    """The second and the third of three varints in a row, and where they end."""
    second = third = np.int64(0)
    for _ in range(3):
        if at >= 0:
            second = third
            third, at = _varint(data, at)
    return second, third, at


@lent
def unpack(data: Bytes, at: Any, base: Any, columns: Any) -> int:
    """Records from data[at:] into columns: offsets (n,), times (n,) and spans (2, n), where a null
    ends before it starts. `base` is what their offsets and their times are counted from.

    How many hold together: n, or the number of the broken one.
    """
    offsets, times, spans = columns
    for i in range(len(offsets)):
        length, at = _varint(data, at)
        end = at + length
        if at < 0 or length < 0 or end > len(data):
            return i
        time, delta, at = _three(data, at)  # the first is attributes
        if at >= 0:
            size, at = _varint(data, at)
            at = at + max(size, 0) if at >= 0 and size <= end - at else _BROKEN  # the key
        size = np.int64(0)
        if at >= 0:
            size, at = _varint(data, at)
        if at < 0 or at + max(size, 0) > end:
            return i
        offsets[i], times[i] = base[0] + delta, base[1] + time
        spans[0, i], spans[1, i] = at, at + size
        at = end
    return len(offsets)
