"""Reading online features: our columnar read, and stock Feast on its sqlite and redis stores.

128 float32 features of a customer in 8 views, ids drawn at random, a new draw for each call. The
peers hold fewer customers, in their favour. `python benchmarks/read_features.py` prints both.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from _decision_world import free_port
from _report import note, print_report
from _store_world import AS_OF, EVENT_TIME, FEATURES, SERVICE, bench_plan, draws, make_store, values
from feast import Entity, FeatureService, FeatureStore, FeatureView, Field, FileSource, ValueType
from feast.types import Float32, Int64

from feature_store.online import OnlineFeatures
from feature_store.plan import ServicePlan, ViewPlan
from finmodel.records import Int64s

BATCHES = (1, 100, 1_000)


def rate(call: Callable[[Int64s], object], ids: Iterator[Int64s], seconds: float) -> float:
    """Features a second: calls are timed one by one, so that drawing ids costs nothing."""
    for _ in range(3):
        call(next(ids))
    spent, rows, end = 0.0, 0, time.perf_counter() + seconds
    while time.perf_counter() < end:
        batch = next(ids)
        start = time.perf_counter()
        call(batch)
        spent += time.perf_counter() - start
        rows += len(batch)
    return rows * FEATURES / spent


def measure_read(path: Path, plan: ServicePlan, customers: int, batch: int) -> float:
    """Features a second of `OnlineFeatures.fetch`."""
    online = OnlineFeatures(path)
    return rate(lambda ids: online.fetch(ids, plan, AS_OF), draws(customers, batch), 3.0)


def make_stock(repo: Path, online: dict[str, str], customers: int) -> FeatureStore:
    """A stock Feast repo with the same views, filled through `write_to_online_store`."""
    repo.mkdir(parents=True, exist_ok=True)
    config = {
        "project": "stock",
        "provider": "local",
        "registry": str(repo / "registry.db"),
        "offline_store": {"type": "duckdb"},
        "online_store": online,
        "entity_key_serialization_version": 3,
    }
    (repo / "feature_store.yaml").write_text(yaml.safe_dump(config))
    store = FeatureStore(repo_path=str(repo))
    customer = Entity(name="customer", join_keys=["customer_id"], value_type=ValueType.INT64)
    random, views = np.random.default_rng(1), []
    for view in bench_plan().views:
        frame = _frame(random, view, customers)
        path = repo / f"{view.name}.parquet"
        frame.to_parquet(path)
        schema = [Field(name="customer_id", dtype=Int64)]
        schema += [Field(name=feature.name, dtype=Float32) for feature in view.features]
        source = FileSource(path=str(path), timestamp_field="event_timestamp")
        views.append(
            FeatureView(
                name=view.name,
                entities=[customer],
                ttl=timedelta(days=45),
                schema=schema,
                source=source,
            )
        )
    store.apply([customer, *views, FeatureService(name=SERVICE, features=views)])
    for view in views:
        store.write_to_online_store(view.name, pd.read_parquet(repo / f"{view.name}.parquet"))
    return store


def measure_stock(store: FeatureStore, customers: int, batch: int) -> float:
    """Features a second of `get_online_features(…).to_dict()`."""
    service = store.get_feature_service(SERVICE)

    def read(ids: Int64s) -> object:
        rows = [{"customer_id": customer} for customer in ids.tolist()]
        return store.get_online_features(service, rows).to_dict()

    return rate(read, draws(customers, batch), 3.0)


@contextmanager
def redis_server(folder: Path, port: int) -> Iterator[str]:
    """A real Redis on the loopback address, gone at the end; its address for Feast."""
    folder.mkdir(parents=True, exist_ok=True)
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    child = subprocess.Popen(
        [*command, "--dir", str(folder)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _wait_for_redis(port)
        yield f"127.0.0.1:{port}"
    finally:
        child.terminate()
        child.wait(10)


def stock_reads(folder: Path, customers: int, port: int) -> dict[str, float]:
    """Both stock stores at every batch size."""
    figures: dict[str, float] = {}
    note(f"filling stock Feast on sqlite: {customers:,} customers")
    sqlite = {"type": "sqlite", "path": str(folder / "sqlite" / "online.db")}
    store = make_stock(folder / "sqlite", sqlite, customers)
    for batch in BATCHES:
        figures[_name("stock_feast_sqlite", batch)] = measure_stock(store, customers, batch)
    with redis_server(folder / "redis_data", port) as address:
        note(f"filling stock Feast on redis: {customers:,} customers")
        redis = {"type": "redis", "connection_string": address}
        store = make_stock(folder / "redis", redis, customers)
        for batch in BATCHES:
            figures[_name("stock_feast_redis", batch)] = measure_stock(store, customers, batch)
    return figures


def our_reads(path: Path, plan: ServicePlan, customers: int) -> dict[str, float]:
    """Ours at every batch size."""
    return {_name("read", batch): measure_read(path, plan, customers, batch) for batch in BATCHES}


def _name(store: str, batch: int) -> str:
    """A figure's name; batches of 1,000 have the plain one."""
    suffix = "" if batch == BATCHES[-1] else f"_batch_{batch}"
    return f"{store}_features_per_s{suffix}"


def _frame(random: np.random.Generator, view: ViewPlan, customers: int) -> pd.DataFrame:
    names = [feature.name for feature in view.features]
    frame = pd.DataFrame(values(random, customers), columns=names)
    return frame.assign(customer_id=np.arange(1, customers + 1), event_timestamp=EVENT_TIME)


def _wait_for_redis(port: int) -> None:
    import redis

    client = redis.Redis(port=port)
    for _ in range(100):
        try:
            client.ping()
        except redis.ConnectionError:
            time.sleep(0.05)
        else:
            return
    raise SystemExit("redis-server did not start")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="accepted for form: it is always JSON")
    parser.add_argument("--customers", type=int, default=200_000)
    parser.add_argument("--stock-customers", type=int, default=20_000)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        here = Path(place)
        bench = make_store(here / "online", asked.customers)
        found = our_reads(here / "online", bench, asked.customers)
        found |= stock_reads(here, asked.stock_customers, free_port())
    print_report("read_features", found)
