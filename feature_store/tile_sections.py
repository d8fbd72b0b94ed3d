"""A customer's section of a stream view: its tiles, as they stand after more events.

Values of customers and a batch of one partition's events come in; new sections come out, and what
became of each event. Each event counts once: an offset at or below the section's was counted
before, and an event id seen within the allowed lateness is a second sending. One section is

    word 0   view u16 | schema u16 | TILES u8 | STREAM u8 | words u16
    word 1   the log's clock: the latest time at which it took in an event of this customer (i64)
    word 2   topic id u32 | partition u32
    word 3   offset of the last event that was looked at (i64)
    body     recent event ids, tiles (tile_bytes says how), zeros up to a word

The state is a function of which events counted and of the clock, not of how they were batched.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from feature_store.compiling import compiled, lent
from feature_store.packed_kernels import DAMAGED as BROKEN
from feature_store.packed_kernels import STREAM, Sections, find
from feature_store.tile_bytes import (
    DAMAGED,
    decode_ids,
    decode_tiles,
    encode_ids,
    encode_tiles,
    most_bytes,
    skip_ids,
)
from feature_store.tile_kernels import (
    add_event,
    all_begin,
    blank,
    read_tiles,
    settle,
    timing_of,
)
from finmodel.compiling import Numbers
from finmodel.records import Int64s

TILES = 2
"""Kind of a section that holds tiles."""
COUNTED, SEEN, REPEATED, LATE, AHEAD = range(5)
"""What becomes of an event: counted; counted before; sent twice; too late; of the future."""
HEAD_WORDS = 4
MOST_IDS = 4096
"""Event ids kept of one customer and view; the oldest go first."""


class Incoming(NamedTuple):
    """Events of one topic's partition, by customer, each customer's in the log's order."""

    starts: Int64s
    """(c + 1,) where each customer's events start."""
    event_us: Int64s
    logged_us: Int64s
    offsets: Int64s
    ids: npt.NDArray[np.uint64]
    """Hashes of event ids."""
    values: Int64s
    """(n, m), as `tiles.Events` has them."""
    present: npt.NDArray[np.bool_]


class Rules(NamedTuple):
    """What a view computes (see `tiles.TileProgram`), and under which numbers it is stored."""

    slots: Int64s
    levels: Int64s
    edges: Int64s
    lateness_us: int
    skew_us: int
    head: int
    """View id and schema number, as a section's first word has them."""
    stream: int
    """Topic id and partition, as a section's third word has them."""


class Room(NamedTuple):
    """Scratch for one customer."""

    tiles: Int64s
    hashes: npt.NDArray[np.uint64]
    logged_us: Int64s
    place: Int64s
    """(3,) for `tile_bytes`."""


def room_for(capacity: int, width: int) -> Room:
    """Scratch for tiles of so many words."""
    return Room(
        np.empty((capacity, width), np.int64),
        np.empty(MOST_IDS, np.uint64),
        np.empty(MOST_IDS, np.int64),
        np.empty(3, np.int64),
    )


@lent
def advance(old: Any, new: Incoming, rules: Rules, room: Room, out: Any, fate: Any) -> int:
    """Sections of each customer after its events; -1, or the customer whose value is damaged.

    `old` is (values, places): customer c's value is the one at places[c]. `out` is (words, starts)
    with room enough (`most_words`); `fate` is what became of each event.
    """
    (words, starts), (values, places) = out, old
    at = 0
    for c in range(len(new.starts) - 1):
        starts[c] = at
        mine = _mine(values, places[c], rules.head)
        counts = _load(values.words, mine, rules, room, True)
        if counts[0] == DAMAGED:
            return c
        clock, last = _known(values.words, mine, rules.stream)
        at = _advance_one(new, c, rules, (room, counts, clock, last), (words, at), fate)
    starts[len(new.starts) - 1] = at
    return -1


@lent
def most_words(events: int, tiles: int, width: int, ids: int) -> int:
    """Words that one customer's section can take."""
    return HEAD_WORDS + (most_bytes(tiles + events, width, ids + events) + 7) // 8


@lent
def _mine(old: Sections, c: int, head: int) -> int:
    """Where customer c's section of this view and schema starts; -1 if there is none, or BROKEN.

    One that another schema wrote is none: its tiles hold other things.
    """
    at = find(old, c, head | TILES << 32)
    if at < 0:
        return at
    if (old.words[at] ^ head) & 0xFFFFFFFF:
        return -1
    return at if (old.words[at] >> 48) & 0xFFFF >= HEAD_WORDS else BROKEN


@lent
def _known(words: Int64s, mine: int, stream: int) -> Numbers:
    """The clock, and the offset up to which this partition was counted."""
    if mine < 0:
        return np.int64(-(2**62)), np.int64(-1)
    same = words[mine + 2] == stream
    return words[mine + 1], words[mine + 3] if same else np.int64(-1)


@lent
def _load(words: Int64s, mine: int, rules: Rules, room: Room, with_ids: bool) -> Numbers:
    """How many ids and tiles a section has, laid out in the room; DAMAGED first if it is broken."""
    if mine < 0:
        return np.int64(DAMAGED if mine == BROKEN else 0), np.int64(0)
    clock, length = words[mine + 1], (words[mine] >> 48) & 0xFFFF
    data, place = words[mine : mine + length].view(np.uint8), room.place
    place[0], place[1] = 8 * HEAD_WORDS, 8 * length
    if with_ids:
        ids = decode_ids(data, place, clock, (room.hashes, room.logged_us))
    else:
        ids = skip_ids(data, place)
    if ids < 0:
        return np.int64(DAMAGED), np.int64(0)
    shape, oldest = (rules.slots, rules.levels, rules.edges), clock - rules.lateness_us
    count = decode_tiles(data, place, shape, oldest, room.tiles)
    return np.int64(DAMAGED if count < 0 else ids), np.int64(count)


@lent
def _advance_one(new: Incoming, c: int, rules: Rules, known: Any, out: Any, fate: Any) -> int:
    """Count one customer's events and write its section; where it ends."""
    room, counts, clock, last = known
    ids, count = counts
    first, end = new.starts[c], new.starts[c + 1]
    for e in range(first, end):
        fate[e] = SEEN if new.offsets[e] <= last else COUNTED
        last = max(last, new.offsets[e])
    ids, count, clock = take_in(new, (first, end), rules, room, (ids, count, clock), fate)
    words, at = out
    data, shape = words[at:].view(np.uint8), (rules.slots, rules.levels, rules.edges)
    ends = encode_ids((room.hashes, room.logged_us), ids, clock, data, 8 * HEAD_WORDS)
    ends = encode_tiles(room.tiles, count, shape, data, ends)
    length = (ends + 7) >> 3
    for byte in range(ends, 8 * length):
        data[byte] = 0
    words[at] = rules.head | TILES << 32 | STREAM << 40 | length << 48
    words[at + 1], words[at + 2], words[at + 3] = clock, rules.stream, last
    return int(at + length)


@lent
def take_in(new: Incoming, span: Any, rules: Rules, room: Room, known: Any, fate: Any) -> Numbers:
    """Count a customer's events, those that are not SEEN by their fate, into the room's tiles.

    `known` is how many event ids and tiles the room holds, and the log's clock: as they then stand
    is what comes out. What became of each event is put into fate.
    """
    (first, end), (ids, count, clock) = span, known
    for e in range(first, end):
        if fate[e] == SEEN:
            continue
        fate[e] = _timed(new, e, rules)
        clock = max(clock, new.logged_us[e])
        if fate[e] == COUNTED:
            ids = _remember(room, ids, new.ids[e], new.logged_us[e], rules.lateness_us)
            if ids < 0:
                ids, fate[e] = -ids - 1, REPEATED
    shape, oldest = (rules.slots, rules.levels, rules.edges), clock - rules.lateness_us
    count = settle(room.tiles, count, shape, oldest)
    for e in range(first, end):
        if fate[e] == COUNTED:
            event = new.event_us[e], new.offsets[e], new.values[e], new.present[e]
            count = add_event(room.tiles, count, event, shape, oldest)
    return ids, count, clock


@lent
def _timed(new: Incoming, e: int, rules: Rules) -> int:
    """Whether an event counts by its time, before its id is looked at."""
    when = timing_of(new.event_us[e], new.logged_us[e], rules.lateness_us, rules.skew_us)
    return (COUNTED, LATE, AHEAD)[when]  # on time, too late, too early


@lent
def _remember(room: Room, ids: int, found: np.uint64, logged_us: int, lateness_us: int) -> int:
    """Keep an event's id, and let go of old ones; how many are kept, or -1 - that if it is known.

    Only what the log took in within the lateness before this event is looked at.
    """
    left, known = 0, False
    for n in range(ids):
        if room.logged_us[n] < logged_us - lateness_us:
            continue
        known |= room.hashes[n] == found
        room.hashes[left], room.logged_us[left] = room.hashes[n], room.logged_us[n]
        left += 1
    if known:
        return -1 - left
    if left == MOST_IDS:
        for n in range(1, left):
            room.hashes[n - 1], room.logged_us[n - 1] = room.hashes[n], room.logged_us[n]
        left -= 1
    room.hashes[left], room.logged_us[left] = found, logged_us
    return left + 1


@compiled
def read_sections(old: Sections, program: Any, as_of_us: int, room: Room, answer: Any) -> int:
    """Features of one stream view for each customer, as of a time; -1, or a damaged one's number.

    `program` is (rules, features, windows); `answer` is (matrix, places, clocks, offsets): places
    (k, 2) say which column of the matrix gets which of the features. A customer of whom the view
    holds nothing has the features of no events, and clock and offset -1.
    """
    (rules, features, windows), count = program, len(program[1])
    nothing, found = np.empty(count, np.float32), np.empty(count, np.float32)
    sums = np.empty(room.tiles.shape[1], np.int64)
    shape = (rules.edges, features, all_begin(as_of_us, windows))
    return _read_each(old, (rules, shape, as_of_us), room, (sums, nothing, found), answer)


@lent
def _read_each(old: Sections, asked: Any, room: Room, scratch: Any, answer: Any) -> int:
    (rules, shape, as_of_us), (sums, nothing, found) = asked, scratch
    matrix, places, clocks, offsets = answer
    blank(sums, rules.edges)
    read_tiles(room.tiles[:0], as_of_us, shape, sums, nothing)
    for c in range(len(matrix)):
        mine = _mine(old, c, rules.head)
        clocks[c], offsets[c], some = -1, -1, nothing
        if mine != -1:
            counts = _load(old.words, mine, rules, room, False)
            if counts[0] == DAMAGED:
                return c
            clocks[c], offsets[c], some = old.words[mine + 1], old.words[mine + 3], found
            blank(sums, rules.edges)
            read_tiles(room.tiles[: counts[1]], as_of_us, shape, sums, found)
        for k in range(len(places)):
            matrix[c, places[k, 0]] = some[places[k, 1]]
    return -1
