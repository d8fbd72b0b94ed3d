"""Texts as 64-bit numbers: xxHash64, compiled, the same for one text and for bytes in a buffer.

A tile keeps no text: an event's id, a channel, a filter's value stand as these numbers. Any
implementation of XXH64 with seed 0 gives the same. Not for secrets: whoever chooses texts can make
two that meet.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from feature_store.compiling import lent

Bytes = npt.NDArray[np.uint8]

_P1: Final = np.uint64(0x9E3779B185EBCA87)
_P2: Final = np.uint64(0xC2B2AE3D27D4EB4F)
_P3: Final = np.uint64(0x165667B19E3779F9)
_P4: Final = np.uint64(0x85EBCA77C2B2AE63)
_P5: Final = np.uint64(0x27D4EB2F165667C5)


def hash_of(text: str) -> int:
    """A text's number, 0 to 2⁶⁴ - 1; two ids of one customer meet once in a billion billions.

    >>> [f"{hash_of(text):X}" for text in ("", "a", "abc")]
    ['EF46DB3751D8E999', 'D24EC4F1A98C6E5B', '44BC2CF5AD770999']
    """
    data = np.frombuffer(text.encode(), np.uint8)
    return int(hash_bytes(data, 0, len(data)))


def signed(text: str) -> int:
    """The same as the signed word that columns hold."""
    word = hash_of(text)
    return word - 2**64 if word >= 2**63 else word


@lent
def _rotated(word: np.uint64, bits: int) -> np.uint64:
    return np.uint64((word << np.uint64(bits)) | (word >> np.uint64(64 - bits)))


@lent
def _word(data: Bytes, at: int, size: int) -> np.uint64:
    word = np.uint64(0)
    for place in range(size):
        word |= np.uint64(data[at + place]) << np.uint64(8 * place)
    return word


@lent
def _round(lane: np.uint64, word: np.uint64) -> np.uint64:
    return _rotated(lane + word * _P2, 31) * _P1


@lent
def _stripes(data: Bytes, at: int, end: int) -> np.uint64:
    """What whole stripes of 32 bytes make; there is at least one."""
    a, b = _P1 + _P2, _P2
    c, d = np.uint64(0), np.uint64(0) - _P1
    while at + 32 <= end:
        a = _round(a, _word(data, at, 8))
        b = _round(b, _word(data, at + 8, 8))
        c = _round(c, _word(data, at + 16, 8))
        d = _round(d, _word(data, at + 24, 8))
        at += 32
    found = _rotated(a, 1) + _rotated(b, 7) + _rotated(c, 12) + _rotated(d, 18)
    for lane in (a, b, c, d):
        found = (found ^ _round(np.uint64(0), lane)) * _P1 + _P4
    return found


@lent
def hash_bytes(data: Bytes, at: int, end: int) -> np.uint64:
    """XXH64 of data[at:end], seed 0 (Collet, xxhash.com, version 0.1.1 of its description)."""
    size = end - at
    found = _stripes(data, at, end) if size >= 32 else _P5
    found += np.uint64(size)
    at += size // 32 * 32
    while at + 8 <= end:
        found = _rotated(found ^ _round(np.uint64(0), _word(data, at, 8)), 27) * _P1 + _P4
        at += 8
    if at + 4 <= end:
        found = _rotated(found ^ (_word(data, at, 4) * _P1), 23) * _P2 + _P3
        at += 4
    while at < end:
        found = _rotated(found ^ (np.uint64(data[at]) * _P5), 11) * _P1
        at += 1
    found = (found ^ (found >> np.uint64(33))) * _P2
    found = (found ^ (found >> np.uint64(29))) * _P3
    return found ^ (found >> np.uint64(32))
