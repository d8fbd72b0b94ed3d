"""A store of 128 float32 features in 8 views, and draws of its customers: reads are timed on it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from feature_store.lmdb_map import MapPlace
from feature_store.packed_columns import ViewColumns
from feature_store.packed_writer import PackedWriter
from feature_store.plan import FeaturePlan, ServicePlan, ViewPlan
from finmodel.clock import micros
from finmodel.records import Float32s, Int64s

VIEWS, WIDTH = 8, 16
FEATURES = VIEWS * WIDTH
AS_OF = datetime(2026, 1, 1, tzinfo=UTC)
EVENT_TIME = AS_OF - timedelta(days=1)
SERVICE = "bench_v1"


def bench_plan() -> ServicePlan:
    """The service that everything here reads."""
    views = tuple(
        ViewPlan(
            f"view_{view}",
            45 * 86_400.0,
            tuple(FeaturePlan(f"view_{view}_feature_{one}", "Float32") for one in range(WIDTH)),
        )
        for view in range(VIEWS)
    )
    return ServicePlan(SERVICE, "customer_id", "int64", views)


def make_store(path: Path, customers: int, seed: int = 1) -> ServicePlan:
    """Fill a map with customers 1 … n, in which 2 % of the values are null."""
    plan, random = bench_plan(), np.random.default_rng(seed)
    writer = PackedWriter(MapPlace(path, 8.0, sync=False), "finmodel")
    for first in range(0, customers, 50_000):
        ids = np.arange(first + 1, min(first + 50_000, customers) + 1)
        event_us = np.full(len(ids), micros(EVENT_TIME))
        columns = [
            ViewColumns(view.name, view.features, event_us, values(random, len(ids)))
            for view in plan.views
        ]
        writer.write_columns(plan.join_key, ids, columns)
    return plan


def draws(customers: int, batch: int, seed: int = 2) -> Iterator[Int64s]:
    """Batches of ids, each another."""
    random = np.random.default_rng(seed)
    while True:
        yield random.integers(1, customers + 1, batch)


def values(random: np.random.Generator, rows: int) -> Float32s:
    """(rows, WIDTH) values of one view, of which 2 % are null."""
    drawn = random.normal(size=(rows, WIDTH)).astype(np.float32)
    drawn[random.random(drawn.shape) < 0.02] = np.nan
    return drawn
