"""What Feast asks of an online store, asked of ours and of stock SQLite through the same interface.

Where stock does otherwise, `STOCK` says so, and the test holds it to that: a store added to
`STORES` later either keeps our promises or has its departures written down.
"""

from __future__ import annotations

import asyncio
import math
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from feast import Entity, FeatureStore, FeatureView, Field, FileSource, PushSource
from feast.protos.feast.serving.ServingService_pb2 import FieldStatus
from feast.protos.feast.types import Value_pb2 as V
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.repo_config import RegistryConfig, RepoConfig
from feast.types import (
    Array,
    Bool,
    Bytes,
    Float32,
    Float64,
    Int32,
    Int64,
    Map,
    String,
    UnixTimestamp,
)
from feast.value_type import ValueType

from feature_store.lmdb_map import MapPlace, open_map
from feature_store.packed_store import PackedOnlineStore, columns_of, writer_of
from finmodel.errors import BadInput, NotReady

STORES = {
    "packed": {"type": "feature_store.packed_store.PackedOnlineStore", "path": "online"},
    "sqlite": {"type": "sqlite", "path": "online.db"},
}
STOCK = {
    "late event": "overwrites the newer row",
    "equal event, created earlier": "overwrites the correction",
    "changed type": "answers with the old type",
    "feature left out of a row": "keeps the older row's value, under the newer time",
    "map after teardown": "is made anew by the first read, which fails",
}
T0 = datetime(2005, 9, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def breaks(kind: str, promise: str) -> bool:
    assert promise in STOCK
    return kind != "packed"


@pytest.fixture(params=sorted(STORES))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def store(tmp_path: Path, kind: str) -> FeatureStore:
    return open_repo(tmp_path, kind)


def open_repo(folder: Path, kind: str = "packed", **options: Any) -> FeatureStore:
    registry = {"registry_type": "file", "path": str(folder / "registry.db"), **options}
    return FeatureStore(
        config=RepoConfig(
            project="lender",
            provider="local",
            registry=RegistryConfig(**registry),
            online_store=STORES[kind],
            offline_store={"type": "duckdb"},
            entity_key_serialization_version=3,
            repo_path=folder,
        )
    )


CUSTOMER = Entity(name="customer", join_keys=["customer_id"], value_type=ValueType.INT64)


def view_of(
    name: str,
    folder: Path,
    *fields: tuple[str, Any],
    entity: Entity = CUSTOMER,
    ttl: timedelta | None = None,
) -> FeatureView:
    key = {ValueType.INT64: Int64, ValueType.STRING: String}[entity.value_type]
    return FeatureView(
        name=name,
        entities=[entity],
        ttl=ttl or timedelta(0),
        schema=[
            Field(name=entity.join_key, dtype=key),
            *(Field(name=field, dtype=dtype) for field, dtype in fields),
        ],
        source=PushSource(
            name=f"{name}_push",
            batch_source=FileSource(
                name=f"{name}_file",
                path=str(folder / f"{name}.parquet"),
                timestamp_field="event_timestamp",
                created_timestamp_column="created",
            ),
        ),
    )


def customer(number: int) -> EntityKey:
    return EntityKey(join_keys=["customer_id"], entity_values=[V.Value(int64_val=number)])


def write(
    store: FeatureStore,
    view: FeatureView,
    *rows: tuple[EntityKey, dict[str, V.Value], datetime, datetime | None],
) -> None:
    store._get_provider().online_write_batch(store.config, view, list(rows), None)


def read(
    store: FeatureStore, view: FeatureView, *entities: EntityKey, only: list[str] | None = None
) -> list[tuple[datetime | None, dict[str, V.Value] | None]]:
    return store._get_provider().online_read(store.config, view, list(entities), only)  # type: ignore[no-any-return]


def number(value: float) -> V.Value:
    return V.Value(float_val=value)


# --------------------------------------------------------------------------- rows and their types

EVERY_TYPE: dict[str, tuple[Any, V.Value]] = {
    "f32": (Float32, V.Value(float_val=0.1)),
    "f64": (Float64, V.Value(double_val=math.pi)),
    "i32": (Int32, V.Value(int32_val=-(2**31))),
    "i64": (Int64, V.Value(int64_val=2**63 - 1)),
    "flag": (Bool, V.Value(bool_val=True)),
    "at": (UnixTimestamp, V.Value(unix_timestamp_val=1_128_000_000)),
    "text": (String, V.Value(string_val="逾期 30 天")),
    "raw": (Bytes, V.Value(bytes_val=b"\0\xff\0")),
    "floats": (Array(Float32), V.Value(float_list_val=V.FloatList(val=[0.1, -1.0]))),
    "texts": (Array(String), V.Value(string_list_val=V.StringList(val=["", "a"]))),
    "map": (Map, V.Value(map_val=V.Map(val={"k": V.Value(double_val=2.0)}))),
    "zero": (Float32, V.Value(float_val=0.0)),
    "not_a_number": (Float32, V.Value(float_val=math.nan)),
}


def test_every_type_comes_back_as_it_went_in(store: FeatureStore, tmp_path: Path) -> None:
    view = view_of("all", tmp_path, *((name, dtype) for name, (dtype, _) in EVERY_TYPE.items()))
    store.apply([CUSTOMER, view])
    given = {name: value for name, (_, value) in EVERY_TYPE.items()}
    write(store, view, (customer(1), given, T0, None))
    ((at, back),) = read(store, view, customer(1))
    assert at == T0
    assert back is not None
    assert {name: value.SerializeToString() for name, value in back.items()} == {
        name: value.SerializeToString() for name, value in given.items()
    }


def test_a_null_of_every_type_is_there_and_has_no_value(
    store: FeatureStore, tmp_path: Path
) -> None:
    view = view_of("all", tmp_path, *((name, dtype) for name, (dtype, _) in EVERY_TYPE.items()))
    store.apply([CUSTOMER, view])
    write(store, view, (customer(1), {name: V.Value() for name in EVERY_TYPE}, T0, None))
    ((at, back),) = read(store, view, customer(1))
    assert at == T0
    assert back is not None
    assert set(back) == set(EVERY_TYPE)
    assert {value.WhichOneof("val") for value in back.values()} == {None}


def test_answers_keep_the_order_and_the_length_of_the_question(
    store: FeatureStore, tmp_path: Path
) -> None:
    view = view_of("bill", tmp_path, ("x", Float32))
    store.apply([CUSTOMER, view])
    write(store, view, *((customer(i), {"x": number(i)}, T0, None) for i in (5, -3, 2**40)))
    asked = [customer(i) for i in (2**40, 7, 5, 5, -3)]
    xs = [back and back["x"].float_val for _, back in read(store, view, *asked)]
    assert xs == [2.0**40, None, 5.0, 5.0, -3.0]
    assert read(store, view) == []


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
    store: FeatureStore, tmp_path: Path, join_keys: list[str], values: list[V.Value]
) -> None:
    view = view_of("bill", tmp_path, ("x", Float32))
    store.apply([CUSTOMER, view])
    entity = EntityKey(join_keys=join_keys, entity_values=values)
    write(store, view, (entity, {"x": number(3)}, T0, None))
    ((_, back),) = read(store, view, entity)
    assert back is not None
    assert back["x"].float_val == 3
    assert read(store, view, customer(7)) == [(None, None)]


def test_a_wrong_type_is_refused_and_nothing_of_the_batch_is_written(tmp_path: Path) -> None:
    store = open_repo(tmp_path)
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
    ("first", "second", "second_wins", "promise"),
    [
        ((T0, None), (T0 + DAY, None), True, None),
        ((T0 + DAY, None), (T0, None), False, "late event"),
        ((T0 + DAY, T0), (T0, T0 + 5 * DAY), False, "late event"),
        ((T0, None), (T0, None), True, None),
        ((T0, T0 + DAY), (T0, T0 + 2 * DAY), True, None),
        ((T0, T0 + 2 * DAY), (T0, T0 + DAY), False, "equal event, created earlier"),
        ((T0, T0 + DAY), (T0, T0 + DAY), True, None),
        ((T0, T0 + DAY), (T0, None), True, None),
        ((T0 + timedelta(microseconds=1), None), (T0, None), False, "late event"),
    ],
)
def test_the_newer_row_stays(
    store: FeatureStore,
    tmp_path: Path,
    kind: str,
    first: tuple[datetime, datetime | None],
    second: tuple[datetime, datetime | None],
    second_wins: bool,
    promise: str | None,
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
    broken = promise is not None and breaks(kind, promise)
    assert back["x"].float_val == (2 if second_wins or broken else 1)


def test_a_row_takes_the_whole_place_of_the_row_before(
    store: FeatureStore, tmp_path: Path, kind: str
) -> None:
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
    kept = number(5) if breaks(kind, "feature left out of a row") else V.Value()
    assert (at, back) == (T0 + 2 * DAY, {"x": kept, "y": V.Value(string_val="c")})


def test_views_of_one_customer_do_not_touch_each_other(store: FeatureStore, tmp_path: Path) -> None:
    views = [view_of(f"v{i}", tmp_path, ("x", Float32), ("t", String)) for i in range(3)]
    store.apply([CUSTOMER, *views])
    for round_ in range(3):
        for i, view in enumerate(views):
            text = V.Value(string_val="é" * (round_ * 7 + i))
            values = {"x": number(10 * i + round_), "t": text}
            write(store, view, (customer(1), values, T0 + round_ * DAY, None))
    for i, view in enumerate(views):
        ((at, back),) = read(store, view, customer(1))
        assert back is not None
        assert (at, back["x"].float_val) == (T0 + 2 * DAY, 10 * i + 2)
        assert back["t"].string_val == "é" * (14 + i)


def test_only_the_requested_features_are_read(tmp_path: Path) -> None:
    store = open_repo(tmp_path)
    view = view_of("bill", tmp_path, ("x", Float32), ("y", Float32))
    store.apply([CUSTOMER, view])
    write(store, view, (customer(1), {"x": number(1), "y": number(2)}, T0, None))
    assert read(store, view, customer(1), only=["y"]) == [(T0, {"y": number(2)})]


# ------------------------------------------------------------------------------- definitions change


def test_old_rows_are_read_rightly_after_features_come_go_and_move(
    store: FeatureStore, tmp_path: Path
) -> None:
    before = view_of("bill", tmp_path, ("a", Float32), ("b", Float32), ("c", String))
    store.apply([CUSTOMER, before])
    old = {"a": number(1), "b": number(2), "c": V.Value(string_val="three")}
    write(store, before, (customer(1), old, T0, None))
    after = view_of("bill", tmp_path, ("c", String), ("new", Float32), ("a", Float32))
    store.apply([CUSTOMER, after])
    asked = store.get_online_features(
        ["bill:new", "bill:a", "bill:c"], [{"customer_id": 1}, {"customer_id": 2}]
    )
    answer = asked.to_dict()
    assert (answer["new"], answer["a"], answer["c"]) == ([None, None], [1.0, None], ["three", None])
    statuses = dict(zip(asked.proto.metadata.feature_names.val, asked.proto.results, strict=True))
    assert list(statuses["new"].statuses) == [FieldStatus.NOT_FOUND] * 2  # missing, not null
    fresh = {"a": number(9), "new": V.Value(), "c": V.Value(string_val="!")}
    write(store, after, (customer(1), fresh, T0 + DAY, None))
    assert store.get_online_features(
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
    kind: str,
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
    if breaks(kind, "changed type"):
        expected = value
    assert back == ({} if expected is None else {"x": expected})


def test_a_view_dropped_and_made_again_starts_empty(store: FeatureStore, tmp_path: Path) -> None:
    bill = view_of("bill", tmp_path, ("x", Float32))
    loan = view_of("loan", tmp_path, ("x", Float32))
    store.apply([CUSTOMER, bill, loan])
    for view in (bill, loan):
        write(store, view, (customer(1), {"x": number(4)}, T0 + DAY, None))
    store.apply([CUSTOMER, loan], objects_to_delete=[bill], partial=False)
    again = view_of("bill", tmp_path, ("x", Float32))
    store.apply([CUSTOMER, again])
    assert read(store, again, customer(1)) == [(None, None)]
    write(store, again, (customer(1), {"x": number(5)}, T0, None))
    assert read(store, again, customer(1)) == [(T0, {"x": number(5)})]
    assert read(store, loan, customer(1)) == [(T0 + DAY, {"x": number(4)})]


def test_a_dropped_view_leaves_a_customers_value_when_it_is_next_written(tmp_path: Path) -> None:
    store = open_repo(tmp_path)
    texts = view_of("texts", tmp_path, ("t", String))
    bill = view_of("bill", tmp_path, ("x", Float32))
    store.apply([CUSTOMER, texts, bill])
    secret = "a text that is to go"
    write(store, texts, (customer(1), {"t": V.Value(string_val=secret)}, T0, None))
    store.apply([CUSTOMER, bill], objects_to_delete=[texts], partial=False)
    write(store, bill, (customer(1), {"x": number(1)}, T0, None))
    with open_map(MapPlace(tmp_path / "online")).reading(b"rows:customer_id") as (txn, (rows,)):
        assert secret.encode() not in b"".join(value for _, value in txn.cursor(rows))


def test_teardown_leaves_nothing(store: FeatureStore, tmp_path: Path, kind: str) -> None:
    view = view_of("bill", tmp_path, ("x", Float32))
    store.apply([CUSTOMER, view])
    write(store, view, (customer(1), {"x": number(1)}, T0, None))
    store.teardown()
    store.teardown()
    if not breaks(kind, "map after teardown"):
        with pytest.raises(NotReady, match="feast apply"):
            read(store, view, customer(1))
    store = open_repo(tmp_path, kind)
    store.apply([CUSTOMER, view])
    assert read(store, view, customer(1)) == [(None, None)]


def test_a_map_belongs_to_one_project(tmp_path: Path) -> None:
    store = open_repo(tmp_path)
    store.apply([CUSTOMER, view_of("bill", tmp_path, ("x", Float32))])
    other = store.config.model_copy(update={"project": "another"})
    with pytest.raises(BadInput, match="belongs to project lender"):
        writer_of(other).apply({}, [])


def test_versions_of_a_view_are_read_apart(tmp_path: Path) -> None:
    store = open_repo(tmp_path, enable_online_feature_view_versioning=True)
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
    store: FeatureStore, tmp_path: Path
) -> None:
    view = view_of("bill", tmp_path, ("x", Float32), ("y", Float32))
    store.apply([CUSTOMER, view])
    first = frame_of(50, T0)
    pd.concat([frame_of(50, T0 - DAY, -7), first]).to_parquet(tmp_path / "bill.parquet")
    store.materialize(T0 - 10 * DAY, T0 + DAY)
    expected = {
        "customer_id": list(range(51)),
        "x": [*first["x"].tolist(), None],
        "y": [None if np.isnan(y) else y for y in first["y"].tolist()] + [None],
    }
    assert as_dict(store, 51) == expected
    store.materialize(T0 - 10 * DAY, T0 + DAY)
    assert as_dict(store, 51) == expected
    frame_of(20, T0 + 2 * DAY, 100).to_parquet(tmp_path / "bill.parquet")
    store.materialize_incremental(T0 + 3 * DAY)
    store.push("bill_push", frame_of(1, T0 + 4 * DAY, 500))
    store.write_to_online_store("bill", frame_of(2, T0 + 4 * DAY, 600).iloc[1:])
    xs = as_dict(store, 51)["x"]
    assert xs[:3] == [500.0, 601.0, 102.0]
    assert xs[19:21] == [119.0, 20.0]


def test_columns_and_materialize_write_the_same_rows(tmp_path: Path) -> None:
    frame = frame_of(40, T0)
    answers = []
    for name in ("by_feast", "by_columns"):
        folder = tmp_path / name
        folder.mkdir()
        store = open_repo(folder)
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
    store: FeatureStore, tmp_path: Path
) -> None:
    view = view_of("bill", tmp_path, ("x", Float32), ("y", Float32))
    store.apply([CUSTOMER, view])
    store.write_to_online_store("bill", frame_of(2, T0, 5))
    nulls = frame_of(2, T0 + DAY)
    nulls.loc[:, ["x", "y"]] = np.float32(np.nan)
    with pytest.warns(UserWarning, match="empty feature columns"):
        store.write_to_online_store("bill", nulls)  # dropped above every store
    assert as_dict(store, 2)["x"] == [5.0, 6.0]
    nulls.loc[0, "x"] = 1.0
    store.write_to_online_store("bill", nulls)
    assert as_dict(store, 2) == {"customer_id": [0, 1], "x": [1.0, None], "y": [None, None]}


def test_asynchronous_reads_and_writes_are_the_same_in_a_thread(tmp_path: Path) -> None:
    store = open_repo(tmp_path)
    view = view_of("bill", tmp_path, ("x", Float32), ("y", Float32))
    store.apply([CUSTOMER, view])
    supported = PackedOnlineStore().async_supported
    assert (supported.read, supported.write) == (False, False)

    async def both() -> dict[str, Any]:
        await store.write_to_online_store_async("bill", frame_of(3, T0))
        answer = await store.get_online_features_async(["bill:x"], [{"customer_id": 2}])
        return answer.to_dict()  # type: ignore[no-any-return]

    assert asyncio.run(both()) == {"customer_id": [2], "x": [2.0]}
    assert as_dict(store, 3)["x"] == [0.0, 1.0, 2.0]
