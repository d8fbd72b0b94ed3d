"""Compiled loops over tiles: fold an event in, merge two tiles, read windows.

Arrays in, arrays changed in place; every shape is checked by `tiles.py`, which explains the words.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from feature_store.compiling import compiled, lent
from finmodel.compiling import Numbers
from finmodel.records import Float32s, Int64s

COUNT, SUM, SQUARES, MIN, MAX, LAST, DISTINCT = range(7)
"""What a slot of a tile keeps."""
WORDS = np.array([1, 1, 2, 1, 1, 3, 4])
"""How many words each takes."""
ON_TIME, TOO_LATE, TOO_EARLY = range(3)
"""Whether an event counts."""
F_COUNT, F_SUM, F_MEAN, F_MIN, F_MAX, F_LAST, F_STD, F_DISTINCT, F_SINCE = range(9)
"""What a feature is, in the order of `window_plan.FUNCTIONS`."""
_LOWEST, _HIGHEST = np.int64(-(2**63)), np.int64(2**63 - 1)
_BITS = 256


@lent
def blank(row: Int64s, edges: Int64s) -> None:
    """A tile in which nothing happened."""
    for at in range(len(row)):
        row[at] = 0
    for at in range(edges[1], edges[2]):
        row[at] = _HIGHEST
    for at in range(edges[2], edges[3]):
        row[at] = _LOWEST
    for at in range(edges[5], edges[6], 3):
        row[at] = _LOWEST
        row[at + 1] = _LOWEST


@lent
def _later(a: Int64s, b: Int64s, at: int) -> bool:
    """Whether b's last event is later than a's: by time, then by its place in the log."""
    return bool(b[at] > a[at] or (b[at] == a[at] and b[at + 1] > a[at + 1]))


@lent
def _add_128(row: Int64s, at: int, high: np.int64, low: np.uint64) -> None:
    before = np.uint64(row[at + 1])
    after = before + low
    row[at + 1] = np.int64(after)
    row[at] += high + (np.int64(1) if after < before else np.int64(0))


@lent
def _multiply(a: np.uint64, b: np.uint64) -> Numbers:
    """A product of two words in 128 bits: the high word, and the low one."""
    half, mask = np.uint64(32), np.uint64(0xFFFFFFFF)
    a1, a0, b1, b0 = a >> half, a & mask, b >> half, b & mask
    low = a0 * b0
    middle = a1 * b0 + (low >> half)
    other = a0 * b1 + (middle & mask)
    return a1 * b1 + (middle >> half) + (other >> half), (other << half) | (low & mask)


@lent
def _size(value: np.int64) -> np.uint64:
    """A value without its sign."""
    return np.uint64(value) if value >= 0 else np.uint64(0) - np.uint64(value)


@lent
def _mixed(value: np.int64) -> np.uint64:
    """A value's bits spread over a word (the end of MurmurHash3)."""
    word = np.uint64(value)
    word ^= word >> np.uint64(33)
    word *= np.uint64(0xFF51AFD7ED558CCD)
    word ^= word >> np.uint64(33)
    word *= np.uint64(0xC4CEB9FE1A85EC53)
    return word ^ (word >> np.uint64(33))


@lent
def fold(row: Int64s, slots: Int64s, event: Any) -> None:
    """One event into its tile. `event` is (time, offset, values, present)."""
    event_us, offset, values, present = event
    for s in range(len(slots)):
        kind, at, measure = slots[s, 0], slots[s, 1], slots[s, 2]
        if not present[measure]:
            continue
        value = values[measure]
        if kind == LAST:
            if event_us > row[at] or (event_us == row[at] and offset > row[at + 1]):
                row[at], row[at + 1], row[at + 2] = event_us, offset, value
        elif kind == DISTINCT:
            bit = _mixed(value) % np.uint64(_BITS)
            word = at + np.int64(bit >> np.uint64(6))
            row[word] |= np.int64(np.uint64(1) << (bit & np.uint64(63)))
        elif kind == SQUARES:
            high, low = _multiply(_size(value), _size(value))
            _add_128(row, at, np.int64(high), low)
        else:
            _gather(row, at, kind, np.int64(1) if kind == COUNT else value)


@lent
def merge(into: Int64s, row: Int64s, edges: Int64s) -> None:
    """Another tile's words added; start and width stay."""
    _merge_all(into, row.reshape((1, len(row))), edges)


@lent
def _merge_all(into: Int64s, tiles: Int64s, edges: Int64s) -> None:
    """Every one of some tiles merged, word by word: a word's sum stays in a register."""
    for at in range(edges[0], edges[1]):
        word = into[at]
        for n in range(len(tiles)):
            word += tiles[n, at]
        into[at] = word
    for at in range(edges[1], edges[2]):
        word = into[at]
        for n in range(len(tiles)):
            word = min(word, tiles[n, at])
        into[at] = word
    for at in range(edges[2], edges[3]):
        word = into[at]
        for n in range(len(tiles)):
            word = max(word, tiles[n, at])
        into[at] = word
    if edges[3] < edges[6]:
        _merge_rest(into, tiles, edges)


@lent
def _merge_rest(into: Int64s, tiles: Int64s, edges: Int64s) -> None:
    """What takes several words a value."""
    for n in range(len(tiles)):
        row = tiles[n]
        for at in range(edges[3], edges[4]):
            into[at] |= row[at]
        for at in range(edges[4], edges[5], 2):
            _add_128(into, at, row[at], np.uint64(row[at + 1]))
        for at in range(edges[5], edges[6], 3):
            if _later(into, row, at):
                for word in range(at, at + 3):
                    into[word] = row[word]


@lent
def _gather(row: Int64s, at: int, kind: int, value: np.int64) -> None:
    """One more number into a slot of one word."""
    if kind == MIN:
        row[at] = min(row[at], value)
    elif kind == MAX:
        row[at] = max(row[at], value)
    else:
        row[at] += value


@lent
def begins(as_of_us: int, window: Int64s) -> int:
    """The earliest time that a window (width, tile) holds as of another."""
    return int((as_of_us - window[0]) // window[1] * window[1])


@lent
def begin_each(as_of_us: int, windows: Int64s, firsts: Int64s) -> None:
    """The earliest time that each window holds, into firsts (w,)."""
    for w in range(len(windows)):
        firsts[w] = begins(as_of_us, windows[w])


@compiled
def all_begin(as_of_us: int, windows: Int64s) -> Int64s:
    """(w,) the earliest time that each window holds."""
    firsts = np.empty(len(windows), np.int64)
    begin_each(as_of_us, windows, firsts)
    return firsts


@lent
def _ends(event_us: int, tile_us: int) -> int:
    return int(event_us // tile_us * tile_us + tile_us)


@lent
def width_at(event_us: int, levels: Int64s, oldest_us: int) -> int:
    """How wide the tile is that holds an instant; 0 where no window can reach it any more."""
    width = levels[0, 1]
    for n in range(1, len(levels)):
        if _ends(event_us, levels[n, 1]) > begins(oldest_us, levels[n - 1]):
            return int(width)
        width = levels[n, 1]
    return 0 if _ends(event_us, width) <= begins(oldest_us, levels[-1]) else int(width)


@lent
def timing_of(event_us: int, logged_us: int, lateness_us: int, skew_us: int) -> int:
    """Whether an event that the log took in at a time counts."""
    if event_us > logged_us + skew_us:
        return TOO_EARLY
    return ON_TIME if logged_us - event_us <= lateness_us else TOO_LATE


@lent
def _move(tiles: Int64s, origin: int, to: int) -> None:
    """A tile to another place."""
    for word in range(tiles.shape[1]):
        tiles[to, word] = tiles[origin, word]


@lent
def settle(tiles: Int64s, count: int, rules: Any, oldest_us: int) -> int:
    """Merge what no window can cut any more, drop what none can reach; how many tiles are left."""
    _, levels, edges = rules
    left = 0
    for n in range(count):
        width = width_at(tiles[n, 0], levels, oldest_us)
        if width == 0:
            continue
        start = tiles[n, 0] // width * width
        if left and tiles[left - 1, 0] == start:
            merge(tiles[left - 1], tiles[n], edges)
            continue
        if left < n:
            _move(tiles, n, left)
        tiles[left, 0], tiles[left, 1] = start, width
        left += 1
    return left


@lent
def _place(tiles: Int64s, count: int, start: int) -> int:
    """Where the tile that starts there is, or belongs; from the newest back."""
    at = count
    while at > 0 and tiles[at - 1, 0] >= start:
        at -= 1
    return at


@lent
def add_events(tiles: Int64s, count: int, events: Any, rules: Any, oldest_us: int) -> int:
    """Fold events into a customer's tiles, oldest tile first; how many tiles there are."""
    event_us, offsets, values, present = events
    count = settle(tiles, count, rules, oldest_us)
    for e in range(len(event_us)):
        event = event_us[e], offsets[e], values[e], present[e]
        count = add_event(tiles, count, event, rules, oldest_us)
    return count


@lent
def add_event(tiles: Int64s, count: int, event: Any, rules: Any, oldest_us: int) -> int:
    """Fold one event into settled tiles; how many there are."""
    slots, levels, edges = rules
    width = width_at(event[0], levels, oldest_us)
    if width == 0:
        return count
    start = event[0] // width * width
    at = _place(tiles, count, start)
    if at == count or tiles[at, 0] != start:
        for n in range(count, at, -1):
            _move(tiles, n - 1, n)
        blank(tiles[at], edges)
        tiles[at, 0], tiles[at, 1] = start, width
        count += 1
    fold(tiles[at], slots, event)
    return count


@lent
def _float_128(high: np.uint64, low: np.uint64) -> float:
    return float(high) * 18446744073709551616.0 + float(low)


@lent
def _deviation(count: int, total: np.int64, high: np.int64, low: np.int64) -> float:
    """Of the sample, from n Σx² - (Σx)² in whole numbers: nothing cancels before it is rounded."""
    n = float(count)
    squares = _float_128(np.uint64(high), np.uint64(low))
    if n * squares > 1e38:  # beyond 128 bits, as the tiles of no real lender are
        return math.sqrt(max(squares - float(total) * float(total) / n, 0.0) / (n - 1.0))
    above, below = _multiply(np.uint64(count), np.uint64(low))
    above += np.uint64(count) * np.uint64(high)
    own_above, own_below = _multiply(_size(total), _size(total))
    borrow = np.uint64(1) if own_below > below else np.uint64(0)
    left = _float_128(above - own_above - borrow, below - own_below)
    return math.sqrt(left / (n * (n - 1.0)))


@lent
def _distinct(sums: Int64s, at: int) -> float:
    """Linear counting; with every bit set, what all but one would say."""
    empty = 0
    for word in range(at, at + 4):
        bits = np.uint64(sums[word])
        for _ in range(64):
            empty += 1 - int(bits & np.uint64(1))
            bits >>= np.uint64(1)
    return -_BITS * math.log(max(empty, 1) / _BITS)


@lent
def _finish(sums: Int64s, feature: Int64s, as_of_us: int) -> float:
    """One feature out of a window's sums; `feature` is a row of `TileProgram.features`."""
    function, count, first, second = feature[0], sums[feature[1]], feature[2], feature[3]
    if function == F_DISTINCT:
        return _distinct(sums, first) if count else 0.0
    if count < (2 if function == F_STD else 1):
        return math.nan
    if function == F_STD:
        return _deviation(count, sums[first], sums[second], sums[second + 1])
    return _of_some(function, sums, first, count, as_of_us)


@lent
def _of_some(function: int, sums: Int64s, first: int, count: int, as_of_us: int) -> float:
    """What only a window with events has."""
    if function == F_MEAN:
        return float(sums[first]) / float(count)
    if function == F_LAST:
        return float(sums[first + 2])
    if function == F_SINCE:
        return float(as_of_us - sums[first]) / 1e6
    return float(sums[first])


@lent
def read_tiles(tiles: Int64s, as_of_us: int, program: Any, sums: Int64s, found: Float32s) -> None:
    """All features of one customer in one walk from the newest tile to the oldest.

    `program` is (edges, features, and the earliest time of each window as of then).
    """
    edges, features, firsts = program
    at, f = len(tiles) - 1, 0
    while at >= 0 and tiles[at, 0] >= as_of_us:
        at -= 1
    for w in range(len(firsts)):
        behind = at + 1
        while at >= 0 and tiles[at, 0] >= firsts[w]:
            at -= 1
        if at + 1 < behind:
            _merge_all(sums, tiles[at + 1 : behind], edges)
        while f < len(features) and features[f, 4] == w:
            if features[f, 0] <= F_SUM:  # a word as it stands
                found[features[f, 5]] = sums[features[f, 2 if features[f, 0] == F_SUM else 1]]
            else:
                found[features[f, 5]] = _finish(sums, features[f], as_of_us)
            f += 1
