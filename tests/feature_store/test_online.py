"""The columnar read: against stock Feast on the same rows, under change, and under damage."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, timezone
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest
from feast import Entity, FeatureService, FeatureStore, FeatureView, Field, FileSource
from feast.repo_config import RegistryConfig, RepoConfig
from feast.types import Bool, Float32, Float64, Int32, Int64, String
from feast.value_type import ValueType

from feature_store import online as online_module
from feature_store.lmdb_map import MapPlace
from feature_store.online import OnlineFeatures
from feature_store.packed_columns import ViewColumns
from feature_store.packed_store import columns_of, writer_of
from feature_store.packed_writer import PackedWriter
from feature_store.plan import FeaturePlan, ServicePlan, ViewPlan, plan_of
from finmodel.clock import micros
from finmodel.errors import BadInput, Damaged, NotReady
from finmodel.records import ViewState
from tests.feature_store.map_values import spoil

T0 = datetime(2005, 9, 1, tzinfo=UTC)
DAY = timedelta(days=1)
CUSTOMER = Entity(name="customer", join_keys=["customer_id"], value_type=ValueType.INT64)
FORK = get_context("fork")


def plan(*views: tuple[str, float, str], key_type: str = "int64") -> ServicePlan:
    """A plan of Float32 features, written as (view, ttl in seconds, 'x y z')."""
    return ServicePlan(
        "risk_v1",
        "customer_id",
        key_type,
        tuple(
            ViewPlan(name, ttl, tuple(FeaturePlan(f, "Float32") for f in features.split()))
            for name, ttl, features in views
        ),
    )


def columns(
    name: str, features: str, event: datetime | list[datetime], values: Any, **more: Any
) -> ViewColumns:
    values = np.array(values, np.float32)
    times = event if isinstance(event, list) else [event] * len(values)
    return ViewColumns(
        name,
        tuple(FeaturePlan(f, "Float32") for f in features.split()),
        np.array([micros(time) for time in times]),
        values,
        **more,
    )


@pytest.fixture
def writer(tmp_path: Path) -> PackedWriter:
    return PackedWriter(MapPlace(tmp_path / "online", 0.1), "lender")


@pytest.fixture
def online(tmp_path: Path) -> OnlineFeatures:
    return OnlineFeatures(tmp_path / "online")


# ------------------------------------------------------------------------------- what comes back


def test_missing_stale_future_zero_and_null_are_told_apart(
    writer: PackedWriter, online: OnlineFeatures
) -> None:
    times = [T0, T0 + DAY, T0 + 2 * DAY]
    writer.write_columns(
        "customer_id",
        [1, 2, 3],
        [columns("bill", "x y", times, [[0, 1], [np.nan, 2], [5, 6]])],
    )
    wanted = plan(("bill", 86_400.0, "x y"), ("loan", 0.0, "z"))
    batch = online.fetch([3, 1, 9, 2, 1], wanted, T0 + DAY + timedelta(hours=1))
    nan = np.nan
    np.testing.assert_array_equal(
        batch.matrix,
        np.float32([[nan, nan, nan], [0, 1, nan], [nan, nan, nan], [nan, 2, nan], [0, 1, nan]]),
    )
    state = ViewState
    assert batch.states.tolist() == [
        [state.FUTURE, state.MISSING],
        [state.STALE, state.MISSING],
        [state.MISSING, state.MISSING],
        [state.PRESENT, state.MISSING],
        [state.STALE, state.MISSING],
    ]
    np.testing.assert_array_equal(batch.ages_s[:, 0], [-82_800.0, 90_000.0, nan, 3_600.0, 90_000.0])
    assert np.isnan(batch.ages_s[:, 1]).all()
    assert batch.ids.tolist() == [3, 1, 9, 2, 1]
    assert (batch.names, batch.views) == (("x", "y", "z"), ("bill", "loan"))
    assert batch.ttls_s.tolist() == [86_400.0, np.inf]
    assert batch.matrix.flags.c_contiguous
    assert (batch.offsets == -1).all()


def test_an_age_of_exactly_the_time_to_live_is_not_stale(
    writer: PackedWriter, online: OnlineFeatures
) -> None:
    writer.write_columns("customer_id", [1], [columns("bill", "x", T0, [[1]])])
    wanted = plan(("bill", 60.0, "x"))
    at = T0 + timedelta(seconds=60)
    assert online.fetch([1], wanted, at).states[0, 0] == ViewState.PRESENT
    late = at + timedelta(microseconds=1)
    assert online.fetch([1], wanted, late).states[0, 0] == ViewState.STALE
    assert online.fetch([1], wanted, T0).states[0, 0] == ViewState.PRESENT
    before = T0 - timedelta(microseconds=1)
    assert online.fetch([1], wanted, before).states[0, 0] == ViewState.FUTURE


def test_as_of_is_an_instant_whatever_its_zone(
    writer: PackedWriter, online: OnlineFeatures
) -> None:
    writer.write_columns("customer_id", [1], [columns("bill", "x", T0, [[1]])])
    wanted = plan(("bill", 0.0, "x"))
    beijing = (T0 + DAY).astimezone(timezone(timedelta(hours=8)))
    assert online.fetch([1], wanted, beijing).ages_s[0, 0] == 86_400.0
    with pytest.raises(BadInput, match="zone"):
        online.fetch([1], wanted, T0.replace(tzinfo=None))


def test_offsets_come_with_the_rows_that_events_made(
    writer: PackedWriter, online: OnlineFeatures
) -> None:
    rows = columns(
        "bill",
        "x",
        T0,
        [[1], [2]],
        created_us=np.array([5, 6]),
        topic=3,
        partitions=np.array([0, 1]),
        offsets=np.array([70, 2**40]),
    )
    writer.write_columns("customer_id", [1, 2], [rows])
    batch = online.fetch([2, 1, 3], plan(("bill", 0.0, "x")), T0)
    assert batch.offsets.ravel().tolist() == [2**40, 70, -1]
    assert batch.matrix.ravel().tolist()[:2] == [2, 1]


@pytest.mark.parametrize(
    "ids",
    [
        ["1"],
        [1.0],
        [1, None],
        [1, "2"],
        [True, 2],
        [2**63],
        [[1, 2]],
        np.array([1.0]),
        np.array(["1"]),
        np.array([2**63], np.uint64),
        np.array([True]),
        np.array([[1]]),
        np.array(["2005"], "datetime64[Y]"),
    ],
    ids=repr,
)
def test_ids_of_a_wrong_type_are_refused(
    writer: PackedWriter, online: OnlineFeatures, ids: Any
) -> None:
    writer.write_columns("customer_id", [1], [columns("bill", "x", T0, [[1]])])
    with pytest.raises(BadInput, match="ids"):
        online.fetch(ids, plan(("bill", 0.0, "x")), T0)


@pytest.mark.parametrize(
    "ids",
    [[1, 2], (1, 2), np.array([1, 2], np.int32), np.array([1, 2], np.uint64), pd.Series([1, 2])],
    ids=lambda ids: type(ids).__name__,
)
def test_ids_of_any_whole_number_type_are_found(
    writer: PackedWriter, online: OnlineFeatures, ids: Any
) -> None:
    writer.write_columns("customer_id", ids, [columns("bill", "x", T0, [[1], [2]])])
    batch = online.fetch(ids, plan(("bill", 0.0, "x")), T0)
    assert batch.ids.dtype == np.int64
    assert batch.matrix.ravel().tolist() == [1, 2]


def test_text_ids(writer: PackedWriter, online: OnlineFeatures) -> None:
    ids = ["b", "", "客户", "a" * 400]
    writer.write_columns("customer_id", ids, [columns("bill", "x", T0, [[1], [2], [3], [4]])])
    wanted = plan(("bill", 0.0, "x"), key_type="string")
    batch = online.fetch([*ids[::-1], "c"], wanted, T0)
    assert batch.matrix.ravel().tolist()[:4] == [4, 3, 2, 1]
    assert batch.states.ravel().tolist() == [0, 0, 0, 0, ViewState.MISSING]
    assert batch.ids.dtype == object
    for bad in ([1], ["a", 1], ["a" * 600], [b"a"]):
        with pytest.raises(BadInput, match="ids"):
            online.fetch(bad, wanted, T0)


def test_no_ids_give_an_empty_batch(writer: PackedWriter, online: OnlineFeatures) -> None:
    writer.write_columns("customer_id", [1], [columns("bill", "x y", T0, [[1, 2]])])
    batch = online.fetch([], plan(("bill", 0.0, "x y")), T0)
    assert (len(batch), batch.matrix.shape, batch.states.shape) == (0, (0, 2), (0, 1))


def test_there_is_no_map_before_it_is_made(writer: PackedWriter, online: OnlineFeatures) -> None:
    wanted = plan(("bill", 0.0, "x"))
    with pytest.raises(NotReady, match="no map"):
        online.fetch([1], wanted, T0)
    writer.apply({"bill": wanted.views[0].features}, [])
    assert online.fetch([1], wanted, T0).states[0, 0] == ViewState.MISSING
    writer.write_columns("customer_id", [1], [columns("bill", "x", T0, [[7]])])
    assert online.fetch([1], wanted, T0).matrix[0, 0] == 7
    writer.clear()
    with pytest.raises(NotReady, match="empty"):
        online.fetch([1], wanted, T0)


# -------------------------------------------------------------------------- the same as stock Feast


def make_store(folder: Path, *things: Any) -> FeatureStore:
    store = FeatureStore(
        config=RepoConfig(
            project="lender",
            provider="local",
            registry=RegistryConfig(registry_type="file", path=str(folder / "registry.db")),
            online_store={
                "type": "feature_store.packed_store.PackedOnlineStore",
                "path": "online",
                "map_gb": 0.1,
            },
            offline_store={"type": "duckdb"},
            entity_key_serialization_version=3,
            repo_path=folder,
        )
    )
    store.apply([CUSTOMER, *things])
    return store


def view_of(name: str, folder: Path, *fields: tuple[str, Any]) -> FeatureView:
    return FeatureView(
        name=name,
        entities=[CUSTOMER],
        ttl=DAY,
        schema=[Field(name="customer_id", dtype=Int64)]
        + [Field(name=field, dtype=dtype) for field, dtype in fields],
        source=FileSource(
            name=f"{name}_file",
            path=str(folder / f"{name}.parquet"),
            timestamp_field="event_timestamp",
        ),
    )


def test_it_reads_what_stock_get_online_features_reads(
    tmp_path: Path, online: OnlineFeatures
) -> None:
    numbers = [("f", Float32), ("d", Float64), ("i", Int32), ("l", Int64), ("b", Bool)]
    mixed = view_of("mixed", tmp_path, ("text", String), *numbers)
    floats = view_of("floats", tmp_path, *((f"x{i}", Float32) for i in range(70)))
    service = FeatureService(name="risk_v1", features=[mixed[["l", "f", "b", "d", "i"]], floats])
    store = make_store(tmp_path, mixed, floats, service)
    rng, n = np.random.default_rng(7), 200
    frame = pd.DataFrame({"customer_id": np.arange(n), "event_timestamp": T0})
    store.write_to_online_store(
        "mixed",
        frame.assign(
            text=None,
            f=np.where(rng.random(n) < 0.3, np.nan, rng.normal(size=n)).astype(np.float32),
            d=rng.normal(size=n) * 1e200 ** rng.random(n) % 1e37,
            i=pd.array(np.where(rng.random(n) < 0.3, None, rng.integers(-9, 9, n)), "Int32"),
            l=rng.integers(-(2**62), 2**62, n),
            b=rng.random(n) < 0.5,
        ),
    )
    values = np.where(rng.random((n, 70)) < 0.1, np.nan, rng.normal(size=(n, 70)))
    store.write_to_online_store(
        "floats",
        pd.concat([frame, pd.DataFrame(values.astype(np.float32)).add_prefix("x")], axis=1).iloc[
            ::2
        ],
    )
    ids = rng.permutation(np.arange(-5, n + 5))
    answer = store.get_online_features(
        store.get_feature_service("risk_v1"), [{"customer_id": int(i)} for i in ids]
    ).to_dict()
    wanted = plan_of(store, "risk_v1")
    batch = online.fetch(ids, wanted, T0)
    assert batch.matrix.shape == (210, 75)
    for j, name in enumerate(batch.names):
        stock = np.array([np.nan if v is None else v for v in answer[name]], np.float32)
        np.testing.assert_array_equal(batch.matrix[:, j], stock, err_msg=name)


# ------------------------------------------------------------------------------- under change


def value(customer: int, feature: int, generation: int) -> float:
    """A number that says whose it is: exact in float32, and in no other's place right."""
    return float(customer * 10_000 + feature * 1_000 + generation)


FEATURES = "abcd"


def reader_under_change(path: Path, wanted: ServicePlan, stop: Any, wrong: Any, seen: Any) -> None:
    """Fetch until told to stop; count values that are not the right customer's and feature's."""
    online, ids = OnlineFeatures(path), np.arange(300)
    rng = np.random.default_rng(os.getpid())
    while not stop.is_set():
        some = rng.choice(ids, 64)
        batch = online.fetch(some, wanted, T0 + 900 * DAY)
        generation = batch.matrix % 1_000
        expected = some[:, None] * 10_000.0 + np.arange(4) * 1_000 + generation
        there = ~np.isnan(batch.matrix)
        mixed = (np.nanmax(generation, 1) != np.nanmin(generation, 1)).sum()
        # Only d was ever dropped; what was never dropped may never be missing.
        lost = (~there[:, :3]).sum() + (batch.states != ViewState.STALE).sum()
        wrong.value += int((batch.matrix[there] != expected[there]).sum() + mixed + lost)
        seen.value += int(there.sum())


def changed_view(folder: Path, generation: int) -> FeatureView:
    """The view as the definitions say it at one time: features come, go, move and change type."""
    rng = np.random.default_rng(generation)
    names = [*FEATURES, *(f"new{i}" for i in range(generation % 5))]
    if generation % 3 == 2:
        names.remove("d")
    types = {"a": Float32, "b": Float32, "c": [Float32, Float64][generation % 2]}
    return view_of("bill", folder, *((n, types.get(n, Float32)) for n in rng.permutation(names)))


def rewrite(store: FeatureStore, view: FeatureView, generation: int, ids: np.ndarray) -> None:
    frame = pd.DataFrame({"customer_id": ids, "event_timestamp": T0 + generation * DAY})
    for field in view.features:
        feature = FEATURES.find(field.name)
        frame[field.name] = [value(i, feature, generation) for i in ids]
    if any(field.dtype == Float64 for field in view.features):
        store.write_to_online_store("bill", frame)
        return
    names = [field.name for field in view.features]
    times = np.full(len(ids), micros(T0 + generation * DAY))
    rows = columns_of(store.config, view, times, frame[names].to_numpy(np.float32))
    writer_of(store.config).write_columns("customer_id", ids, [rows])


def test_a_pinned_plan_keeps_its_vector_while_others_apply_and_write(tmp_path: Path) -> None:
    first = view_of("bill", tmp_path, *((name, Float32) for name in FEATURES))
    store = make_store(tmp_path, first, FeatureService(name="risk_v1", features=[first]))
    rewrite(store, first, 0, np.arange(300))
    pinned = plan_of(store, "risk_v1")
    path = tmp_path / "online"
    with running(reader_under_change, path, pinned) as (wrong, seen, readers):
        for generation in range(1, 16):
            view = changed_view(tmp_path, generation)
            store.apply([CUSTOMER, view])
            for half in (slice(0, 150), slice(150, 300)):
                rewrite(store, view, generation, np.arange(300)[half])
        wait_for(lambda: seen.value > 20_000, readers)
    assert wrong.value == 0
    assert seen.value > 20_000
    batch = OnlineFeatures(path).fetch([7], pinned, T0 + 900 * DAY)
    assert batch.names == tuple(FEATURES)
    assert batch.matrix[0, :3].tolist() == [value(7, f, 15) for f in range(3)]


@contextmanager
def running(target: Callable[..., None], *arguments: Any) -> Iterator[Any]:
    """Two forked readers with counters (wrong, seen), stopped at the end whatever happens."""
    stop, wrong, seen = FORK.Event(), FORK.Value("q", 0), FORK.Value("q", 0)
    readers = [
        FORK.Process(target=target, args=(*arguments, stop, wrong, seen), daemon=True)
        for _ in range(2)
    ]
    for reader in readers:
        reader.start()
    try:
        yield wrong, seen, readers
    finally:
        stop.set()
        for reader in readers:
            reader.join(60)
    assert [reader.exitcode for reader in readers] == [0, 0]


def wait_for(true: Callable[[], bool], readers: Any, seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come true in time"
        assert all(reader.exitcode is None for reader in readers), "a reader died"
        time.sleep(0.01)


def test_a_dropped_feature_is_missing_and_the_others_stay(
    writer: PackedWriter, online: OnlineFeatures
) -> None:
    wanted = plan(("bill", 0.0, "a b c"))
    writer.write_columns("customer_id", [1, 2], [columns("bill", "a b c", T0, [[1, 2, 3]] * 2)])
    writer.write_columns("customer_id", [1], [columns("bill", "c a", T0 + DAY, [[30, 10]])])
    matrix = online.fetch([1, 2], wanted, T0 + DAY).matrix
    np.testing.assert_array_equal(matrix, np.float32([[10, np.nan, 30], [1, 2, 3]]))


def test_a_dropped_view_made_again_is_missing_until_written(
    writer: PackedWriter, online: OnlineFeatures
) -> None:
    wanted = plan(("bill", 0.0, "a"))
    writer.write_columns("customer_id", [1], [columns("bill", "a", T0, [[1]])])
    assert online.fetch([1], wanted, T0).matrix[0, 0] == 1
    writer.apply({}, ["bill"])
    assert online.fetch([1], wanted, T0).states[0, 0] == ViewState.MISSING
    writer.apply({"bill": wanted.views[0].features}, [])
    assert online.fetch([1], wanted, T0).states[0, 0] == ViewState.MISSING


def test_a_map_made_anew_in_its_place_is_read_without_a_restart(
    tmp_path: Path, online: OnlineFeatures, writer: PackedWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(online_module, "LOOK_SECONDS", 0.0)
    wanted, path = plan(("bill", 0.0, "a")), tmp_path / "online"
    writer.write_columns("customer_id", [1], [columns("bill", "a", T0, [[1]])])
    assert online.fetch([1], wanted, T0).matrix[0, 0] == 1
    program = (
        "import shutil, sys; from pathlib import Path; import numpy as np;"
        "from feature_store.lmdb_map import MapPlace;"
        "from feature_store.packed_columns import ViewColumns;"
        "from feature_store.packed_writer import PackedWriter;"
        "from feature_store.plan import FeaturePlan;"
        "path = Path(sys.argv[1]); shutil.rmtree(path);"
        "view = ViewColumns('bill', (FeaturePlan('a', 'Float32'),), np.array([int(sys.argv[2])]),"
        " np.float32([[2]]));"
        "PackedWriter(MapPlace(path, 0.1), 'finmodel').write_columns('customer_id', [1], [view])"
    )
    subprocess.run([sys.executable, "-c", program, str(path), str(micros(T0))], check=True)
    assert online.fetch([1], wanted, T0).matrix[0, 0] == 2


def reader_of_rows(path: Path, wanted: ServicePlan, stop: Any, mixed: Any, seen: Any) -> None:
    online, ids = OnlineFeatures(path), np.arange(40)
    while not stop.is_set():
        matrix = online.fetch(ids, wanted, T0).matrix
        mixed.value += int((matrix != matrix[:, :1]).any(axis=1).sum())
        seen.value += len(np.unique(matrix))


def test_a_reader_sees_the_old_rows_or_the_new_and_never_a_mix(
    tmp_path: Path, writer: PackedWriter
) -> None:
    views, ids = ("bill", "loan", "card"), np.arange(40)
    wanted = plan(*((name, 0.0, " ".join(f"{name}{i}" for i in range(9))) for name in views))

    def write(generation: int) -> None:
        rows = np.full((40, 9), generation)
        writer.write_columns(
            "customer_id",
            ids,
            [
                columns(view.name, " ".join(f.name for f in view.features), T0, rows)
                for view in wanted.views
            ],
        )

    write(0)
    with running(reader_of_rows, tmp_path / "online", wanted) as (mixed, seen, readers):
        for generation in range(1, 150):
            write(generation)
        wait_for(lambda: seen.value > 100, readers)
    assert mixed.value == 0


# ------------------------------------------------------------------------------- damage, lightness


@pytest.mark.parametrize(
    "damage",
    [
        lambda value: value[:-8],
        lambda value: value[:6] + b"\xff\xff" + value[8:],
        lambda value: value[:2] + b"\x09\x00" + value[4:],
        lambda value: b"\0" * len(value),
    ],
)
def test_a_damaged_value_stops_the_read_and_names_no_customer(
    tmp_path: Path,
    writer: PackedWriter,
    online: OnlineFeatures,
    damage: Callable[[bytes], bytes],
) -> None:
    ids = [880_001, 880_002]
    writer.write_columns("customer_id", ids, [columns("bill", "x y", T0, [[1, 2], [3, 4]])])
    spoil(MapPlace(tmp_path / "online"), 880_002, damage)
    wanted = plan(("bill", 0.0, "x y"))
    with pytest.raises(Damaged) as caught:
        online.fetch(ids, wanted, T0)
    assert "88000" not in str(caught.value)
    assert online.fetch(ids[:1], wanted, T0).matrix.tolist() == [[1, 2]]


def test_reading_needs_no_feast_and_no_protobuf(tmp_path: Path, writer: PackedWriter) -> None:
    writer.write_columns("customer_id", [1], [columns("bill", "x", T0, [[4]])])
    wanted = msgspec.json.encode(plan(("bill", 0.0, "x"))).decode()
    code = (
        "import sys, json; from datetime import datetime, UTC; from pathlib import Path\n"
        "from feature_store.online import OnlineFeatures\n"
        "from feature_store.plan import plan_from\n"
        "import feature_store.packed_rows\n"
        "online = OnlineFeatures(Path(sys.argv[1]))\n"
        "batch = online.fetch([1], plan_from(json.loads(sys.argv[2])), datetime.now(UTC))\n"
        "heavy = {'feast', 'pandas', 'pyarrow', 'google.protobuf', 'duckdb', 'pydantic'}\n"
        "print(batch.matrix[0, 0], sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "online"), wanted],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "4.0 []\n"
