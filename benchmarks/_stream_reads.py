"""Windows alone, on tiles that lie in memory, and the read of whole vectors from the store."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numba
import numpy as np
from _stream_world import DAYS, SHARES, StreamWorld

from feature_store.online import OnlineFeatures
from feature_store.tile_kernels import all_begin, blank, read_tiles
from feature_store.tiles import Events as CustomerEvents
from feature_store.tiles import TileProgram, compile_plan, no_tiles, update
from feature_store.window_plan import WindowPlan
from feature_store.windows import DAY
from finmodel.records import Int64s

BATCH, SECONDS = 1_000, 5.0
CUSTOMERS, EVENTS, ROUNDS = 512, 10, 100


def computed_features(world: StreamWorld) -> dict[str, float]:
    """Features a second of one core, in the thread's own time: the shipped vector's windows over
    customers' tiles as they lie in memory, `EVENTS` a customer in the topics' shares."""
    now_us, rng = time.time_ns() // 1000, np.random.default_rng(3)
    took = features = tiles = 0.0
    for plan in world.plans:
        program = compile_plan(plan)
        every, counts = _tiles(plan, program, now_us, rng)
        shape = (program.edges, program.features, all_begin(now_us, program.windows))
        room = np.empty(program.width, np.int64), np.empty(len(program.features), np.float32)
        _windows((every, counts), now_us, shape, room, 1)
        begin = time.thread_time()
        _windows((every, counts), now_us, shape, room, ROUNDS)
        took += time.thread_time() - begin
        features += ROUNDS * CUSTOMERS * len(program.features)
        tiles += counts.sum() / CUSTOMERS
    return {"features_computed_per_s": features / took, "tiles_of_the_computed": tiles}


def _tiles(
    plan: WindowPlan, program: TileProgram, now_us: int, rng: np.random.Generator
) -> tuple[Int64s, Int64s]:
    """(c, t, words) tiles of customers of one view, and how many each has."""
    found = []
    for n in rng.poisson(EVENTS * SHARES[plan.topic], CUSTOMERS).tolist():
        times = np.sort(now_us - rng.integers(0, DAYS * DAY, n))
        measures = (n, len(plan.measures))
        values, present = rng.integers(1, 90_000, measures), rng.random(measures) < 0.7
        some = CustomerEvents(times, np.arange(n), values, present)
        found.append(update(program, no_tiles(program), some, now_us))
    counts = np.array([len(one) for one in found])
    every = np.zeros((CUSTOMERS, counts.max(), program.width), np.int64)
    for place, one in enumerate(found):
        every[place, : len(one)] = one
    return every, counts


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
def _windows(tiles: Any, as_of_us: int, shape: Any, room: Any, rounds: int) -> None:
    """As serving does it: who has no tiles gets what was computed once for nobody."""
    (every, counts), (sums, found) = tiles, room
    nothing = np.empty_like(found)
    blank(sums, shape[0])
    read_tiles(every[0, :0], as_of_us, shape, sums, nothing)
    for _ in range(rounds):
        for c in range(len(every)):
            if counts[c] == 0:
                found[:] = nothing
                continue
            blank(sums, shape[0])
            read_tiles(every[c, : counts[c]], as_of_us, shape, sums, found)
