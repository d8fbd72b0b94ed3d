"""What Feast asks of an online store, asked of both of ours, and of stock where it agrees.

The shorter promises stand in benchmarks/_store_conformance.py, where they are measured on stock
Feast's stores too. Here are the finer cases, and at the end what is so only on LMDB.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from feast import FeatureStore
from feast.protos.feast.serving.ServingService_pb2 import FieldStatus
from feast.protos.feast.types import Value_pb2 as V
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.types import Bool, Float32, Float64, Int32, Int64, String

from benchmarks._redis_server import RedisServer
from benchmarks._store_conformance import (
    CUSTOMER,
    DAY,
    EVERY_TYPE,
    OURS,
    T0,
    World,
    customer,
    number,
    read,
    view_of,
    write,
)
from feature_store.lmdb_map import MapPlace
from feature_store.packed_store import columns_of, writer_of
from finmodel.errors import BadInput, NotReady
from tests.feature_store.map_values import values_in

pytestmark = pytest.mark.servers


@pytest.fixture(params=[*OURS, "Feast sqlite"])
def any_store(tmp_path: Path, empty_redis: RedisServer, request: Any) -> FeatureStore:
    """Ours, and one of stock's that promises the same, so that the promise is Feast's."""
    return World(request.param, tmp_path, empty_redis).open()


@pytest.fixture(params=OURS)
def world(tmp_path: Path, empty_redis: RedisServer, request: Any) -> World:
    return World(request.param, tmp_path, empty_redis)


@pytest.fixture
def store(world: World) -> FeatureStore:
    return world.open()


# --------------------------------------------------------------------------- rows and their types


def test_a_null_of_every_type_is_there_and_has_no_value(
    any_store: FeatureStore, tmp_path: Path
) -> None:
    view = view_of("all", tmp_path, *((name, dtype) for name, (dtype, _) in EVERY_TYPE.items()))
    any_store.apply([CUSTOMER, view])
    write(any_store, view, (customer(1), {name: V.Value() for name in EVERY_TYPE}, T0, None))
    ((at, back),) = read(any_store, view, customer(1))
    assert at == T0
    assert back is not None
    assert set(back) == set(EVERY_TYPE)
    assert {value.WhichOneof("val") for value in back.values()} == {None}


def test_answers_keep_the_order_and_the_length_of_the_question(
    any_store: FeatureStore, tmp_path: Path
) -> None:
    view = view_of("bill", tmp_path, ("x", Float32))
    any_store.apply([CUSTOMER, view])
    write(any_store, view, *((customer(i), {"x": number(i)}, T0, None) for i in (5, -3, 2**40)))
    asked = [customer(i) for i in (2**40, 7, 5, 5, -3)]
    xs = [back and back["x"].float_val for _, back in read(any_store, view, *asked)]
    assert xs == [2.0**40, None, 5.0, 5.0, -3.0]
    assert read(any_store, view) == []


@pytest.mark.parametrize(
    ("join_keys", "values"),
    [
        (["phone"], [V.Value(string_val="13800000000")]),
        (["phone"], [V.Value(string_val="")]),
        (["b", "a"], [V.Value(int64_val=1), V.Value(string_val="x")]),
        (["small"], [V.Value(int32_val=7)]),
        (["raw"], [V.Value(bytes_val=b"\0\1")]),
        (["at"], [V.Value(unix_timestamp_val=9)]),
    ],
)
def test_any_kind_of_entity_key_finds_its_row(
    any_store: FeatureStore, tmp_path: Path, join_keys: list[str], values: list[V.Value]
) -> None:
    view = view_of("bill", tmp_path, ("x", Float32))
    any_store.apply([CUSTOMER, view])
    entity = EntityKey(join_keys=join_keys, entity_values=values)
    write(any_store, view, (entity, {"x": number(3)}, T0, None))
    ((_, back),) = read(any_store, view, entity)
    assert back is not None
    assert back["x"].float_val == 3
    assert read(any_store, view, customer(7)) == [(None, None)]


def test_a_wrong_type_is_refused_and_nothing_of_the_batch_is_written(
    store: FeatureStore, tmp_path: Path
) -> None:
    view = view_of("bill", tmp_path, ("x", Float32))
    store.apply([CUSTOMER, view])
    wrong = {"x": V.Value(string_val="many")}
    with pytest.raises(BadInput, match=r"feature x.*Float32"):
        write(
            store,
            view,
            (customer(1), {"x": number(1)}, T0, None),
            (customer(2), wrong, T0, None),
        )
    assert read(store, view, customer(1)) == [(None, None)]


# ---------------------------------------------------------------------------------- which row wins


@pytest.mark.parametrize("together", [True, False], ids=["one batch", "two batches"])
@pytest.mark.parametrize(
    ("first", "second", "second_wins"),
    [
        ((T0, None), (T0 + DAY, None), True),
        ((T0 + DAY, None), (T0, None), False),
        ((T0 + DAY, T0), (T0, T0 + 5 * DAY), False),
        ((T0, None), (T0, None), True),
        ((T0, T0 + DAY), (T0, T0 + 2 * DAY), True),
        ((T0, T0 + 2 * DAY), (T0, T0 + DAY), False),
        ((T0, T0 + DAY), (T0, T0 + DAY), True),
        ((T0, T0 + DAY), (T0, None), True),
        ((T0 + timedelta(microseconds=1), None), (T0, None), False),
    ],
)
def test_the_newer_row_stays(
    store: FeatureStore,
    tmp_path: Path,
    first: tuple[datetime, datetime | None],
    second: tuple[datetime, datetime | None],
    second_wins: bool,
    together: bool,
) -> None:
    view = view_of("bill", tmp_path, ("x", Float32))
    store.apply([CUSTOMER, view])
    rows = [(customer(1), {"x": number(1)}, *first), (customer(1), {"x": number(2)}, *second)]
    if together:
        write(store, view, *rows)
    else:
        for row in rows:
            write(store, view, row)
    ((_, back),) = read(store, view, customer(1))
    assert back is not None
    assert back["x"].float_val == (2 if second_wins else 1)


def test_a_row_takes_the_whole_place_of_the_row_before(store: FeatureStore, tmp_path: Path) -> None:
    view = view_of("bill", tmp_path, ("x", Float32), ("y", String))
    store.apply([CUSTOMER, view])
    write(store, view, (customer(1), {"x": number(1), "y": V.Value(string_val="a")}, T0, None))
    write(store, view, (customer(1), {"x": V.Value(), "y": V.Value()}, T0 + DAY, None))
    ((at, back),) = read(store, view, customer(1))
    assert at == T0 + DAY
    assert back == {"x": V.Value(), "y": V.Value()}
    write(
        store, view, (customer(1), {"x": number(5), "y": V.Value(string_val="b")}, T0 + DAY, None)
    )
    write(store, view, (customer(1), {"y": V.Value(string_val="c")}, T0 + 2 * DAY, None))
    ((at, back),) = read(store, view, customer(1))
    assert (at, back) == (T0 + 2 * DAY, {"x": V.Value(), "y": V.Value(string_val="c")})


def test_views_of_one_customer_do_not_touch_each_other(
    any_store: FeatureStore, tmp_path: Path
) -> None:
    views = [view_of(f"v{i}", tmp_path, ("x", Float32), ("t", String)) for i in range(3)]
    any_store.apply([CUSTOMER, *views])
    for round_ in range(3):
        for i, view in enumerate(views):
            text = V.Value(string_val="é" * (round_ * 7 + i))
            values = {"x": number(10 * i + round_), "t": text}
            write(any_store, view, (customer(1), values, T0 + round_ * DAY, None))
    for i, view in enumerate(views):
        ((at, back),) = read(any_store, view, customer(1))
        assert back is not None
        assert (at, back["x"].float_val) == (T0 + 2 * DAY, 10 * i + 2)
        assert back["t"].string_val == "é" * (14 + i)


def test_only_the_requested_features_are_read(store: FeatureStore, tmp_path: Path) -> None:
    view = view_of("bill", tmp_path, ("x", Float32), ("y", Float32))
    store.apply([CUSTOMER, view])
    write(store, view, (customer(1), {"x": number(1), "y": number(2)}, T0, None))
    assert read(store, view, customer(1), only=["y"]) == [(T0, {"y": number(2)})]


# ------------------------------------------------------------------------------- definitions change


def test_old_rows_are_read_rightly_after_features_come_go_and_move(
    any_store: FeatureStore, tmp_path: Path
) -> None:
    before = view_of("bill", tmp_path, ("a", Float32), ("b", Float32), ("c", String))
    any_store.apply([CUSTOMER, before])
    old = {"a": number(1), "b": number(2), "c": V.Value(string_val="three")}
    write(any_store, before, (customer(1), old, T0, None))
    after = view_of("bill", tmp_path, ("c", String), ("new", Float32), ("a", Float32))
    any_store.apply([CUSTOMER, after])
    asked = any_store.get_online_features(
        ["bill:new", "bill:a", "bill:c"], [{"customer_id": 1}, {"customer_id": 2}]
    )
    answer = asked.to_dict()
    assert (answer["new"], answer["a"], answer["c"]) == ([None, None], [1.0, None], ["three", None])
    statuses = dict(zip(asked.proto.metadata.feature_names.val, asked.proto.results, strict=True))
    assert list(statuses["new"].statuses) == [FieldStatus.NOT_FOUND] * 2  # missing, not null
    fresh = {"a": number(9), "new": V.Value(), "c": V.Value(string_val="!")}
    write(any_store, after, (customer(1), fresh, T0 + DAY, None))
    assert any_store.get_online_features(
        ["bill:new", "bill:a", "bill:c"], [{"customer_id": 1}]
    ).to_dict() == {"customer_id": [1], "new": [None], "a": [9.0], "c": ["!"]}


@pytest.mark.parametrize(
    ("stored", "wanted", "value", "expected"),
    [
        (Float32, Float64, V.Value(float_val=0.5), V.Value(double_val=0.5)),
        (Int32, Int64, V.Value(int32_val=-5), V.Value(int64_val=-5)),
        (Bool, Float32, V.Value(bool_val=True), V.Value(float_val=1.0)),
        (Float64, Float32, V.Value(double_val=0.1), None),
        (Int64, Int32, V.Value(int64_val=2**40), None),
        (String, Float32, V.Value(string_val="7"), None),
        (Float32, String, V.Value(float_val=7.0), None),
    ],
)
def test_a_changed_type_is_widened_or_missing(
    store: FeatureStore,
    tmp_path: Path,
    stored: Any,
    wanted: Any,
    value: V.Value,
    expected: V.Value | None,
) -> None:
    before = view_of("bill", tmp_path, ("x", stored))
    store.apply([CUSTOMER, before])
    write(store, before, (customer(1), {"x": value}, T0, None))
    after = view_of("bill", tmp_path, ("x", wanted))
    store.apply([CUSTOMER, after])
    ((at, back),) = read(store, after, customer(1))
    assert at == T0
    assert back == ({} if expected is None else {"x": expected})


def test_a_view_dropped_and_made_again_starts_empty(
    any_store: FeatureStore, tmp_path: Path
) -> None:
    bill = view_of("bill", tmp_path, ("x", Float32))
    loan = view_of("loan", tmp_path, ("x", Float32))
    any_store.apply([CUSTOMER, bill, loan])
    for view in (bill, loan):
        write(any_store, view, (customer(1), {"x": number(4)}, T0 + DAY, None))
    any_store.apply([CUSTOMER, loan], objects_to_delete=[bill], partial=False)
    again = view_of("bill", tmp_path, ("x", Float32))
    any_store.apply([CUSTOMER, again])
    assert read(any_store, again, customer(1)) == [(None, None)]
    write(any_store, again, (customer(1), {"x": number(5)}, T0, None))
    assert read(any_store, again, customer(1)) == [(T0, {"x": number(5)})]
    assert read(any_store, loan, customer(1)) == [(T0 + DAY, {"x": number(4)})]


def test_teardown_leaves_nothing(world: World, tmp_path: Path) -> None:
    store, view = world.open(), view_of("bill", tmp_path, ("x", Float32))
    store.apply([CUSTOMER, view])
    write(store, view, (customer(1), {"x": number(1)}, T0, None))
    store.teardown()
    store.teardown()
    with pytest.raises(NotReady, match="feast apply"):
        read(store, view, customer(1))
    store = world.open()
    store.apply([CUSTOMER, view])
    assert read(store, view, customer(1)) == [(None, None)]


def test_versions_of_a_view_are_read_apart(world: World, tmp_path: Path) -> None:
    store = world.open(enable_online_feature_view_versioning=True)
    first = view_of("bill", tmp_path, ("x", Float32))
    store.apply([CUSTOMER, first])
    frame = {"customer_id": [1], "event_timestamp": [T0], "created": [T0]}
    store.write_to_online_store("bill", pd.DataFrame(frame | {"x": np.float32([1])}))
    store.apply([CUSTOMER, view_of("bill", tmp_path, ("x", Float32), ("y", Float32))])
    store.write_to_online_store(
        "bill", pd.DataFrame(frame | {"x": np.float32([2]), "y": np.float32([3])})
    )
    asked = [{"customer_id": 1}]
    assert store.get_online_features(["bill@v0:x"], asked).to_dict()["x"] == [1.0]
    assert store.get_online_features(["bill:x", "bill:y"], asked).to_dict()["y"] == [3.0]


# ------------------------------------------------------------------------ through Feast's own roads


def frame_of(n: int, at: datetime, shift: float = 0.0) -> pd.DataFrame:
    ids = np.arange(n)
    return pd.DataFrame(
        {
            "customer_id": ids,
            "event_timestamp": pd.to_datetime([at + timedelta(seconds=int(i)) for i in ids]),
            "created": pd.to_datetime([at] * n),
            "x": (ids + shift).astype(np.float32),
            "y": np.where(ids % 5 == 0, np.nan, ids * 0.1).astype(np.float32),
        }
    )


def as_dict(store: FeatureStore, n: int) -> dict[str, list[Any]]:
    rows = [{"customer_id": i} for i in range(n)]
    return store.get_online_features(["bill:x", "bill:y"], rows).to_dict()  # type: ignore[no-any-return]


def test_materialize_incremental_push_and_write_agree_with_the_file(
    any_store: FeatureStore, tmp_path: Path
) -> None:
    view = view_of("bill", tmp_path, ("x", Float32), ("y", Float32))
    any_store.apply([CUSTOMER, view])
    first = frame_of(50, T0)
    pd.concat([frame_of(50, T0 - DAY, -7), first]).to_parquet(tmp_path / "bill.parquet")
    any_store.materialize(T0 - 10 * DAY, T0 + DAY)
    expected = {
        "customer_id": list(range(51)),
        "x": [*first["x"].tolist(), None],
        "y": [None if np.isnan(y) else y for y in first["y"].tolist()] + [None],
    }
    assert as_dict(any_store, 51) == expected
    any_store.materialize(T0 - 10 * DAY, T0 + DAY)
    assert as_dict(any_store, 51) == expected
    frame_of(20, T0 + 2 * DAY, 100).to_parquet(tmp_path / "bill.parquet")
    any_store.materialize_incremental(T0 + 3 * DAY)
    any_store.push("bill_push", frame_of(1, T0 + 4 * DAY, 500))
    any_store.write_to_online_store("bill", frame_of(2, T0 + 4 * DAY, 600).iloc[1:])
    xs = as_dict(any_store, 51)["x"]
    assert xs[:3] == [500.0, 601.0, 102.0]
    assert xs[19:21] == [119.0, 20.0]


def test_columns_and_materialize_write_the_same_rows(world: World, tmp_path: Path) -> None:
    frame = frame_of(40, T0)
    answers = []
    for name in ("by_feast", "by_columns"):
        folder = tmp_path / name
        folder.mkdir()
        store = replace(world, folder=folder).open()
        store.teardown()
        view = view_of("bill", folder, ("x", Float32), ("y", Float32))
        store.apply([CUSTOMER, view])
        if name == "by_feast":
            store.write_to_online_store("bill", frame)
        else:
            times = frame[["event_timestamp", "created"]].astype("datetime64[us, UTC]").astype(int)
            columns = columns_of(
                store.config,
                view,
                times["event_timestamp"].to_numpy(),
                frame[["x", "y"]].to_numpy(),
                times["created"].to_numpy(),
            )
            writer_of(store.config).write_columns(
                "customer_id", frame["customer_id"].to_numpy(), [columns]
            )
        rows = read(store, view, *(customer(i) for i in range(41)))
        answers.append([(at, None if row is None else sorted_bytes(row)) for at, row in rows])
    assert answers[0] == answers[1]


def sorted_bytes(row: dict[str, V.Value]) -> list[tuple[str, bytes]]:
    return sorted((name, value.SerializeToString()) for name, value in row.items())


def test_a_batch_with_an_all_null_row_stores_it_and_feast_alone_drops_a_batch_of_them(
    any_store: FeatureStore, tmp_path: Path
) -> None:
    view = view_of("bill", tmp_path, ("x", Float32), ("y", Float32))
    any_store.apply([CUSTOMER, view])
    any_store.write_to_online_store("bill", frame_of(2, T0, 5))
    nulls = frame_of(2, T0 + DAY)
    nulls.loc[:, ["x", "y"]] = np.float32(np.nan)
    with pytest.warns(UserWarning, match="empty feature columns"):
        any_store.write_to_online_store("bill", nulls)  # dropped above every store
    assert as_dict(any_store, 2)["x"] == [5.0, 6.0]
    nulls.loc[0, "x"] = 1.0
    any_store.write_to_online_store("bill", nulls)
    assert as_dict(any_store, 2) == {"customer_id": [0, 1], "x": [1.0, None], "y": [None, None]}


def test_asynchronous_reads_and_writes_are_the_same_in_a_thread(
    store: FeatureStore, tmp_path: Path
) -> None:
    view = view_of("bill", tmp_path, ("x", Float32), ("y", Float32))
    store.apply([CUSTOMER, view])
    supported = store._get_provider().online_store.async_supported
    assert (supported.read, supported.write) == (False, False)

    async def both() -> dict[str, Any]:
        await store.write_to_online_store_async("bill", frame_of(3, T0))
        answer = await store.get_online_features_async(["bill:x"], [{"customer_id": 2}])
        return answer.to_dict()  # type: ignore[no-any-return]

    assert asyncio.run(both()) == {"customer_id": [2], "x": [2.0]}
    assert as_dict(store, 3)["x"] == [0.0, 1.0, 2.0]


# ------------------------------------------------------------------------------------ only on LMDB


@pytest.fixture
def on_lmdb(tmp_path: Path, empty_redis: RedisServer) -> World:
    return World("packed, LMDB", tmp_path, empty_redis)


def test_a_dropped_view_leaves_a_customers_value_when_it_is_next_written(
    on_lmdb: World, tmp_path: Path
) -> None:
    store = on_lmdb.open()
    texts = view_of("texts", tmp_path, ("t", String))
    bill = view_of("bill", tmp_path, ("x", Float32))
    store.apply([CUSTOMER, texts, bill])
    secret = "a text that is to go"
    write(store, texts, (customer(1), {"t": V.Value(string_val=secret)}, T0, None))
    store.apply([CUSTOMER, bill], objects_to_delete=[texts], partial=False)
    write(store, bill, (customer(1), {"x": number(1)}, T0, None))
    (value,) = values_in(MapPlace(tmp_path / "online")).values()
    assert secret.encode() not in value


def test_a_map_belongs_to_one_project(on_lmdb: World, tmp_path: Path) -> None:
    store = on_lmdb.open()
    store.apply([CUSTOMER, view_of("bill", tmp_path, ("x", Float32))])
    other = store.config.model_copy(update={"project": "another"})
    with pytest.raises(BadInput, match="belongs to project lender"):
        writer_of(other).apply({}, [])
