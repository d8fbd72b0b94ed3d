"""Compiled loop over customers' events and the times that are asked about, each in its place.

A customer's rows come in the order in which they became known, an asked time after all that was
known by it; features as of each asked time go out. What counts, and what is made of it, is done by
the kernels that the stream counts with.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from feature_store.compiling import compiled, lent
from feature_store.tile_kernels import begin_each, blank, read_tiles
from feature_store.tile_sections import COUNTED, Incoming, Room, Rules, take_in
from finmodel.records import Float32s, Int64s

NOT_ASKED = -1
"""In place of a spine's row, where a row is an event."""


class Rows(NamedTuple):
    """Whole customers' rows."""

    events: Incoming
    """Of an asked time, `logged_us` alone says anything: that time."""
    asked: Int64s
    """(n,) the spine's row of each, or `NOT_ASKED`."""


@compiled
def as_of_each(rows: Rows, rules: Rules, program: Any, room: Room, found: Float32s) -> int:
    """Fill (asked, features) in the rows' order; how many were asked.

    `program` is (features, windows), as `tiles.TileProgram` has them.
    """
    (features, windows), width = program, room.tiles.shape[1]
    scratch = np.empty(width, np.int64), np.empty(len(windows), np.int64)
    fate = np.full(len(rows.asked), COUNTED, np.uint8)
    return _each(rows, rules, (features, windows, fate), (room, scratch), found)


@lent
def _each(rows: Rows, rules: Rules, program: Any, scratch: Any, found: Float32s) -> int:
    (new, asked), (features, windows, fate), (room, (sums, firsts)) = rows, program, scratch
    done = 0
    for c in range(len(new.starts) - 1):
        state = (0, 0, np.int64(-(2**62)))
        first = new.starts[c]
        for r in range(new.starts[c], new.starts[c + 1]):
            if asked[r] < 0:
                continue
            if first < r:
                state = take_in(new, (first, r), rules, room, state, fate)
            first = r + 1
            begin_each(new.logged_us[r], windows, firsts)
            blank(sums, rules.edges)
            shape = (rules.edges, features, firsts)
            read_tiles(room.tiles[: state[1]], new.logged_us[r], shape, sums, found[done])
            done += 1
    return done
