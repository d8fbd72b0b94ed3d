"""Whole workers on a filled Kafka: how fast they score, how fresh they are, how fast they rebuild.

Each worker is a process as `finmodel stream` runs it: a member of a group, offsets committed after
the store's sync, LMDB with a sync at each transaction's end.
"""

from __future__ import annotations

import multiprocessing
import os
import re
import time
from dataclasses import dataclass, field
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import numpy as np
from _stream_world import PARTITIONS, SHARES, StreamWorld

from feature_store.kafka_group import KafkaGroup
from feature_store.kafka_log import KafkaEventLog
from feature_store.kafka_settings import KafkaSettings
from feature_store.lmdb_map import MapPlace, open_map
from feature_store.lmdb_room import Room, names_of
from feature_store.lmdb_values import values_of
from feature_store.packed_keys import place_of
from feature_store.packed_writer import PackedWriter
from feature_store.stream import Stream
from feature_store.stream_worker import Pass, work
from feature_store.vectors import Scoring
from feature_store.window_plan import schema_of
from finmodel.records import Float32s

_PLACE = place_of("customer_id", "int64")
VECTOR = 128
"""Features that a vector counts for; the shipped one has a few more."""


@dataclass
class Tally:
    """What one worker did, pass by pass."""

    events: int = 0
    vectors: int = 0
    passes: int = 0
    waited_s: float = 0.0
    worked_s: float = 0.0
    rss_mb: list[float] = field(default_factory=list)

    def note(self, one: Pass) -> None:
        """One more pass."""
        self.events += sum(map(len, one.batches))
        self.passes += bool(one.batches)
        self.waited_s += one.waited_s
        self.worked_s += one.worked_s
        if one.batches:
            self.rss_mb.append(_rss_mb())


def score_run(world: StreamWorld, address: str, folder: Path, workers: int) -> dict[str, float]:
    """Workers that share the partitions from an empty store to the log's end."""
    prepared(world, folder)
    spawn = multiprocessing.get_context("spawn")
    start, told = spawn.Barrier(workers), spawn.Queue()
    group = f"bench-{folder.name}"
    processes = [
        spawn.Process(target=_score, args=((world, address, folder), (group, workers), start, told))
        for _ in range(workers)
    ]
    for process in processes:
        process.start()
    found = [told.get(timeout=180) for _ in processes]
    for process in processes:
        process.join()
    tallies: list[Tally] = [tally for tally, _, _ in found]
    took = max(end for _, _, end in found) - min(begin for _, begin, _ in found)
    events, vectors = sum(t.events for t in tallies), sum(t.vectors for t in tallies)
    early = [t.rss_mb[len(t.rss_mb) // 4] for t in tallies]
    return {
        "kafka_to_score_features_per_s": vectors * VECTOR / took,
        "vectors_per_s": vectors / took,
        "events_per_s": events / took,
        "events_a_pass": events / sum(t.passes for t in tallies),
        "value_bytes_median": float(
            np.median([len(value) for value in values_in(folder).values()])
        ),
        "worker_mb_after_a_quarter": max(early),
        "worker_mb_at_the_end": max(t.rss_mb[-1] for t in tallies),
        "share_of_time_waiting_for_kafka": sum(t.waited_s for t in tallies) / took / workers,
    }


def _score(
    place: tuple[StreamWorld, str, Path], share: tuple[str, int], start: Barrier, told: Any
) -> None:
    """One worker's process: its tally, and when it began and ended."""
    world, address, folder = place
    group, workers = share
    tally, at = Tally(), dict[tuple[str, int], int]()
    with KafkaEventLog(KafkaSettings(address)) as log, KafkaGroup(log.settings, group) as member:
        while len(member.owned()) != PARTITIONS // workers:
            time.sleep(0.01)
        ends = {topic: log.end_offsets(topic) for topic in SHARES}
        _warm(world, log, folder)

        # Its own to the end: one that is done leaves, and what it counted comes to the other.
        places = [(topic, p) for topic in SHARES for p in member.owned()]

        def finished() -> bool:
            return all(at.get((topic, p), 0) >= ends[topic][p] for topic, p in places)

        def note(one: Pass) -> None:
            tally.note(one)
            at.update({(batch.topic, batch.partition): batch.end for batch in one.batches})

        def stream() -> Stream:
            return Stream(log, writer_at(folder), world.plans, _tallied(world.scoring(), tally))

        start.wait()
        begin = time.perf_counter()
        work(stream, log, member, stop=finished, tell=note)
        told.put((tally, begin, time.perf_counter()))


def _tallied(scoring: Scoring, tally: Tally) -> Scoring:
    """The same scoring, which counts the vectors that it completes."""

    def score(matrix: Float32s) -> Float32s:
        tally.vectors += len(matrix)
        return scoring.score(matrix)

    return Scoring(scoring.plan, scoring.view, scoring.names, score, scoring.clock)


def _warm(world: StreamWorld, log: KafkaEventLog, folder: Path) -> None:
    """Compiled code loaded, on a store that is thrown away."""
    aside = folder.with_name(f"{folder.name}-warm-{os.getpid()}")
    stream = Stream(log, writer_at(aside), world.plans, world.scoring())
    with log.follow(stream.starts({0})) as following:
        stream.count(following.poll(5.0))


def writer_at(folder: Path) -> PackedWriter:
    """The writer into a map that syncs each transaction."""
    return PackedWriter(MapPlace(folder, 16.0), "finmodel")


def prepared(world: StreamWorld, folder: Path) -> PackedWriter:
    """The writer into an empty map in which the views are entered, as `feast apply` does."""
    writer = writer_at(folder)
    writer.apply({plan.view: schema_of(plan) for plan in world.plans}, [])
    return writer


def values_in(folder: Path) -> dict[bytes, bytes]:
    """Every customer's value."""
    with open_map(MapPlace(folder, 16.0)).reading(*names_of(_PLACE)) as (txn, handles):
        room = Room(*handles)
        keys = [bytes(key) for key in txn.cursor(room.numbers).iternext(values=False)]
        return dict(zip(keys, values_of(txn, room, keys), strict=True))


def _rss_mb() -> float:
    """Memory of the process's own; pages of the map are the system's, and it may take them back."""
    told = re.search(r"^RssAnon:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    return int(told[1]) / 1024 if told else float("nan")
