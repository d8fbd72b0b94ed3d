"""Freshness, where a worker's time goes, and the store built again bit for bit."""

from __future__ import annotations

import cProfile
import pstats
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from _stream_runs import prepared, values_in, writer_at
from _stream_world import StreamWorld

from feature_store.event_table import table_of
from feature_store.kafka_group import KafkaGroup
from feature_store.kafka_log import KafkaEventLog
from feature_store.kafka_settings import KafkaSettings
from feature_store.packed_rows import sections
from feature_store.stream import Stream, catch_up
from feature_store.stream_worker import Pass, work

STAGES = {
    "json_kernels.py:read": "decode",
    "record_kernels.py:unpack": "decode",
    "tile_sections.py:advance": "tiles",
    "packed_kernels.py:merge": "merge",
    "tile_sections.py:read_sections": "windows",
    "packed_kernels.py:read": "windows",
    "kernels.py:score_blocks": "score",
    "known_rooms.py:of": "get",
    "run_kernels.py:_measure": "get",
    "run_kernels.py:_copy": "get",
    "lmdb_values.py:_oldest": "move",
    "run_kernels.py:_lay": "put",
    "~:<method 'putmulti' of 'Cursor' objects>": "put",
    "~:<method '__exit__' of 'Transaction' objects>": "sync",
}
"""Where a worker's time goes, by the functions that take it."""


def rebuild(world: StreamWorld, address: str, folder: Path) -> dict[str, float]:
    """The store wiped and built from the log again; SystemExit where a value differs by a bit."""
    with KafkaEventLog(KafkaSettings(address)) as log:
        begin = time.perf_counter()
        catch_up(log, prepared(world, folder / "rebuilt"), world.plans)
        took = time.perf_counter() - begin
    built, before = values_in(folder / "rebuilt"), values_in(folder / "one")
    views = len(world.plans)  # the scores' view came after them
    for key, value in before.items():
        if b"".join(s.data for s in sections(value) if s.view < views) != built[key]:
            raise SystemExit(f"customer {int.from_bytes(key, 'little')} was built otherwise")
    return {"rebuild_customers_per_s": len(built) / took, "rebuilt_customers": len(built)}


def profile(world: StreamWorld, address: str, folder: Path, passes: int = 12) -> dict[str, float]:
    """The share of a worker's processor time that each stage takes, out of some passes."""
    profiler = cProfile.Profile(time.thread_time)
    with KafkaEventLog(KafkaSettings(address)) as log:
        stream = Stream(log, writer_at(folder), world.plans, world.scoring())
        with log.follow(stream.starts()) as following:
            stream.count(following.poll(5.0))
            profiler.enable()
            for _ in range(passes):
                stream.count(following.poll(5.0))
            profiler.disable()
    stats: Any = pstats.Stats(profiler).stats  # type: ignore[attr-defined]
    total, shares = sum(row[2] for row in stats.values()), dict.fromkeys(STAGES.values(), 0.0)
    for (file, _, name), row in stats.items():
        stage = STAGES.get(f"{Path(file).name}:{name}")
        if stage:
            shares[stage] += row[2] / total
    return {f"share_of_{stage}": share for stage, share in shares.items()}


def freshness(
    world: StreamWorld, address: str, folder: Path, customers: int, seconds: float
) -> dict[str, float]:
    """Milliseconds from an event's making to its being servable, at 10,000 events a second."""
    script = str(Path(__file__).with_name("_stream_pace.py"))
    settings, ages = KafkaSettings(address), list[np.ndarray]()

    def note(one: Pass) -> None:
        now_us = time.time_ns() // 1000
        ages.extend(now_us - table_of(batch)[0].column("known_at") for batch in one.batches)

    def stream() -> Stream:
        return Stream(log, writer_at(folder), world.plans, world.scoring())

    with KafkaEventLog(settings) as log, KafkaGroup(settings, "bench-fresh") as member:
        while not member.owned():
            time.sleep(0.01)
        told = [sys.executable, script, address, str(customers), str(seconds)]
        with subprocess.Popen(told) as producer:
            deadline = time.monotonic() + seconds + 60
            done = lambda: producer.poll() is not None or time.monotonic() > deadline  # noqa: E731
            work(stream, log, member, stop=done, tell=note)
    every = np.concatenate(ages) / 1e3
    settled = every[len(every) // 4 :]  # the first seconds meet cold files
    return {
        "freshness_p50_ms": float(np.percentile(settled, 50)),
        "freshness_p99_ms": float(np.percentile(settled, 99)),
        "freshness_events_per_s": len(every) / seconds,
    }
