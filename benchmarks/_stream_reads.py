"""Windows alone, on tiles that lie in memory, and the read of whole vectors from the store."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numba
import numpy as np
from _stream_world import StreamWorld

from feature_store.online import OnlineFeatures
from feature_store.tile_kernels import all_begin, blank, read_tiles
from feature_store.tiles import Events as CustomerEvents
from feature_store.tiles import compile_plan, no_tiles, update
from feature_store.windows import DAY

BATCH, SECONDS, COPIES = 1_000, 5.0, 512


def computed_features(world: StreamWorld) -> dict[str, float]:
    """Features a second of one core: a view's windows over a busy customer's tiles, in the thread's
    own time; the view with the most features is taken."""
    plan = max(world.plans, key=lambda one: len(one.aggregates))
    program = compile_plan(plan)
    now_us = time.time_ns() // 1000
    rng, n = np.random.default_rng(3), 40
    times = np.sort(now_us - rng.integers(0, 30 * DAY, n))
    present = np.ones((n, len(plan.measures)), bool)
    values = rng.integers(1, 90_000, (n, len(plan.measures)))
    some = CustomerEvents(times, np.arange(n), values, present)
    tiles = update(program, no_tiles(program), some, now_us)
    every = np.stack([tiles] * COPIES)
    shape = (program.edges, program.features, all_begin(now_us, program.windows))
    sums, found = np.empty(program.width, np.int64), np.empty(len(program.features), np.float32)

    _windows(every, now_us, shape, (sums, found), 1)
    rounds, begin = 40, time.thread_time()
    _windows(every, now_us, shape, (sums, found), rounds)
    took = time.thread_time() - begin
    return {
        "features_computed_per_s": rounds * COPIES * len(found) / took,
        "tiles_of_the_computed": len(tiles),
    }


def read_features(world: StreamWorld, folder: Path, customers: int) -> dict[str, float]:
    """Features a second of `OnlineFeatures.fetch`, as of now, from the tiles in the store."""
    online, rng = OnlineFeatures(folder), np.random.default_rng(5)
    spent = rows = 0.0
    for turn in range(10_000):
        ids = rng.integers(1, customers + 1, BATCH)
        begin = time.perf_counter()
        online.fetch(ids, world.service, datetime.now(UTC))
        if turn > 2:
            spent += time.perf_counter() - begin
            rows += BATCH
        if spent > SECONDS:
            break
    return {"read_windowed_features_per_s": rows * len(world.service.names) / spent}


@numba.njit  # type: ignore[untyped-decorator]
def _windows(every: Any, as_of_us: int, shape: Any, room: Any, rounds: int) -> None:
    sums, found = room
    for _ in range(rounds):
        for copy in range(len(every)):
            blank(sums, shape[0])
            read_tiles(every[copy], as_of_us, shape, sums, found)
