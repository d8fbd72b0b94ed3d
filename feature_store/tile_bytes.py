"""The bytes of a customer's tiles: small, since small values are fast values.

Tiles and recent event ids go in, bytes come out, and back, compiled. A tile's start is kept as
steps of the narrowest tile since the tile before; its width follows from the log's clock; each
word is a zigzag varint, and a measure without events is one zero byte. What the words mean stands
in `tiles.py`. Every length is checked before it is used; -1 says that the bytes are not ours.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from feature_store.compiling import lent
from feature_store.tile_kernels import LAST, WORDS, blank, width_at
from finmodel.records import Int64s

Bytes = npt.NDArray[np.uint8]
DAMAGED = -1
MOST_BYTES_A_WORD = 10


@lent
def _put(out: Bytes, at: int, value: np.int64) -> int:
    """A zigzag varint at out[at:]; where it ends."""
    word = np.uint64((value << np.int64(1)) ^ (value >> np.int64(63)))
    while word >= np.uint64(128):
        out[at] = np.uint8((word & np.uint64(127)) | np.uint64(128))
        word >>= np.uint64(7)
        at += 1
    out[at] = np.uint8(word)
    return at + 1


@lent
def _get(data: Bytes, at: int, end: int, place: Int64s) -> int:
    """A varint from data[at:end] into place[2]; where it ends, or DAMAGED."""
    word, shift = np.uint64(0), np.uint64(0)
    while at < end and shift < np.uint64(70):
        byte = np.uint64(data[at])
        word |= (byte & np.uint64(127)) << shift
        at += 1
        if byte < np.uint64(128):
            place[2] = np.int64(word >> np.uint64(1)) ^ -np.int64(word & np.uint64(1))
            return at
        shift += np.uint64(7)
    return DAMAGED


@lent
def encode_tiles(tiles: Int64s, count: int, rules: Any, out: Bytes, at: int) -> int:
    """Tiles, oldest first, at out[at:]; where they end."""
    slots, levels, _ = rules
    at, before, step = _put(out, at, np.int64(count)), np.int64(0), levels[0, 1]
    for n in range(count):
        start = tiles[n, 0]
        at = _put(out, at, (start - before) // step)
        before, measure, here = start, np.int64(-1), False
        for s in range(len(slots)):
            kind, word = slots[s, 0], slots[s, 1]
            if slots[s, 2] != measure:  # a measure's count comes first
                measure, here = slots[s, 2], tiles[n, word] != 0
                at = _put(out, at, tiles[n, word])
            elif here:
                base = start if kind == LAST else np.int64(0)
                for w in range(WORDS[kind]):
                    at = _put(out, at, tiles[n, word + w] - (base if w == 0 else np.int64(0)))
    return at


@lent
def decode_tiles(data: Bytes, place: Int64s, rules: Any, oldest_us: int, tiles: Int64s) -> int:
    """Tiles out of data[place[0]:place[1]]; how many, or DAMAGED. place[0] moves behind them, and
    place[2] is scratch: an array made here would cost more than the tile."""
    slots, levels, edges = rules
    before, step = np.int64(0), levels[0, 1]
    end = place[1]
    at = _get(data, place[0], end, place)
    count = place[2]
    if at < 0 or count < 0 or count > len(tiles):
        return DAMAGED
    for n in range(count):
        at = _get(data, at, end, place)
        if at < 0:
            return DAMAGED
        blank(tiles[n], edges)
        tiles[n, 0] = before + place[2] * step
        before = tiles[n, 0]
        tiles[n, 1] = width_at(before, levels, oldest_us)
        at = _decode_words(data, (at, end), slots, tiles[n], place)
        if at < 0:
            return DAMAGED
    place[0] = at
    return int(count)


@lent
def _decode_words(data: Bytes, span: Any, slots: Int64s, tile: Int64s, place: Int64s) -> int:
    """One tile's words; where they end, or DAMAGED."""
    (at, end), measure, here = span, np.int64(-1), False
    for s in range(len(slots)):
        kind, word = slots[s, 0], slots[s, 1]
        if slots[s, 2] != measure:
            measure = slots[s, 2]
            at = _get(data, at, end, place)
            here = place[2] != 0
            tile[word] = place[2]
        elif here:
            for w in range(WORDS[kind]):
                at = _get(data, at, end, place)
                if at < 0:
                    return DAMAGED
                tile[word + w] = place[2] + (tile[0] if kind == LAST and w == 0 else np.int64(0))
        if at < 0:
            return DAMAGED
    return int(at)


@lent
def encode_ids(ids: Any, count: int, clock_us: int, out: Bytes, at: int) -> int:
    """Recent event ids (hash, when the log took it in) at out[at:]; where they end."""
    hashes, logged_us = ids
    at = _put(out, at, np.int64(count))
    for n in range(count):
        at = _put(out, at, np.int64(clock_us - logged_us[n]))
        word = hashes[n]
        for _ in range(8):
            out[at] = np.uint8(word & np.uint64(255))
            word >>= np.uint64(8)
            at += 1
    return at


@lent
def decode_ids(data: Bytes, place: Int64s, clock_us: int, ids: Any) -> int:
    """Recent event ids out of data[place[0]:place[1]]; how many, or DAMAGED."""
    hashes, logged_us = ids
    end = place[1]
    at = _get(data, place[0], end, place)
    count = place[2]
    if at < 0 or count < 0 or count > len(hashes):
        return DAMAGED
    for n in range(count):
        at = _get(data, at, end, place)
        if at < 0 or at + 8 > end:
            return DAMAGED
        logged_us[n], found = clock_us - place[2], np.uint64(0)
        for b in range(7, -1, -1):
            found = (found << np.uint64(8)) | np.uint64(data[at + b])
        hashes[n] = found
        at += 8
    place[0] = at
    return int(count)


@lent
def skip_ids(data: Bytes, place: Int64s) -> int:
    """Pass over the event ids, which no feature reads; 0, or DAMAGED."""
    end = place[1]
    at = _get(data, place[0], end, place)
    for _ in range(place[2]):
        at = _get(data, at, end, place) if at >= 0 else DAMAGED
        at = at + 8 if 0 <= at <= end - 8 else DAMAGED
        if at < 0:
            break
    place[0] = at
    return 0 if at >= 0 else DAMAGED


@lent
def most_bytes(count: int, width: int, ids: int) -> int:
    """Room that so many tiles of so many words and so many ids can take."""
    return MOST_BYTES_A_WORD * (2 + count * width) + ids * (8 + MOST_BYTES_A_WORD)
