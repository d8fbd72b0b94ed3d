"""What an event costs among more and more customers: it should not grow with their number."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
from _stream_world import PARTITIONS, StreamWorld

from feature_store.event_batch import batch_of_lines
from feature_store.lmdb_map import MapPlace
from feature_store.packed_writer import PackedWriter
from feature_store.stream import Stream
from finmodel.lender.json_columns import hex_words, render

TOPIC = "app.page_view.v1"
CUSTOMERS = {"10k": 10_000, "100k": 100_000, "1m": 1_000_000}
PASS, PASSES = 20_000, 5


class _NoLog:
    """Stands for a log whose batches are handed over by hand."""

    def topic_number(self, topic: str) -> int:
        return 1

    def end_offsets(self, topic: str) -> tuple[int, ...]:
        return (0,) * PARTITIONS


def cost_by_customers(world: StreamWorld, folder: Path) -> dict[str, float]:
    """Microseconds of processor time an event, of distinct customers in each pass, by how many
    customers the store holds."""
    figures = {}
    for name, customers in CUSTOMERS.items():
        writer = PackedWriter(MapPlace(folder / f"cost-{name}", 16.0), "finmodel")
        stream = Stream(_NoLog(), writer, world.plans)  # type: ignore[arg-type]
        rng, offset = np.random.default_rng(6), 0
        order = rng.permutation(customers) + 1
        for start in [*range(0, customers, 50_000)] * 2:  # as for a worker that has met everybody
            offset = _count(stream, order[start : start + 50_000], offset, rng)
        begin = time.process_time()
        for _ in range(PASSES):
            some = rng.choice(customers, min(PASS, customers // 2), replace=False) + 1
            offset = _count(stream, some, offset, rng)
        took = time.process_time() - begin
        figures[f"event_us_{name}"] = took / (PASSES * min(PASS, customers // 2)) * 1e6
    return figures


def _count(stream: Stream, customers: np.ndarray, offset: int, rng: np.random.Generator) -> int:
    """One event of each customer; the next offset."""
    n = len(customers)
    now = np.full(n, int(time.time())).astype("M8[s]")
    lines = render(
        TOPIC,
        {
            "event_id": hex_words(rng.integers(0, 2**63, n).astype(np.uint64)),
            "customer_id": customers.astype(np.int64),
            "occurred_at": now,
            "known_at": now,
            "page": np.full(n, b"home"),
            "dwell_ms": rng.integers(1, 90_000, n),
        },
    )
    stream.count([batch_of_lines(TOPIC, 0, offset, lines, offset)])
    return offset + n
