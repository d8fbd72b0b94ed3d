"""What each online store keeps and breaks: the same checks on ours and on stock Feast's, measured.

`python -m benchmarks._store_conformance` prints the table of docs/stores.md. Rows come in through
Feast's own interface, and each check says in a few words what the store does instead; "" where it
keeps the promise. Needs redis-server.
"""

from __future__ import annotations

import math
import sys
import tempfile
import threading
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from feast import Entity, FeatureService, FeatureStore, FeatureView, Field, FileSource, PushSource
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

from benchmarks._redis_server import RedisServer, running
from feature_store.packed_store import reader_of
from feature_store.plan import plan_of
from finmodel.records import ViewState

OURS = ("packed, LMDB", "packed, Redis")
STOCK = ("Feast sqlite", "Feast redis")
STORES = OURS + STOCK
T0 = datetime(2005, 9, 1, tzinfo=UTC)
DAY = timedelta(days=1)
ROUNDS = 200
"""Of two writers at once, until one breaks the order."""
CUSTOMER = Entity(name="customer", join_keys=["customer_id"], value_type=ValueType.INT64)

Row = tuple[EntityKey, dict[str, V.Value], datetime, datetime | None]
Answer = tuple[datetime | None, dict[str, V.Value] | None]


@dataclass(frozen=True, slots=True)
class World:
    """One store, empty, of one kind."""

    kind: str
    folder: Path
    server: RedisServer

    def open(self, **options: Any) -> FeatureStore:
        """A Feast store on it; `options` are the registry's."""
        registry = {"registry_type": "file", "path": str(self.folder / "registry.db"), **options}
        return FeatureStore(
            config=RepoConfig(
                project="lender",
                provider="local",
                registry=RegistryConfig(**registry),
                online_store=self._online(),
                offline_store={"type": "duckdb"},
                entity_key_serialization_version=3,
                repo_path=self.folder,
            )
        )

    def applied(self, *fields: tuple[str, Any], **options: Any) -> tuple[FeatureStore, FeatureView]:
        """A store with one view of a customer."""
        store, view = self.open(), view_of("bill", self.folder, *fields, **options)
        store.apply([CUSTOMER, view])
        return store, view

    def lose(self) -> None:
        """What a crash without a copy leaves behind."""
        self.server.say("FLUSHALL")
        for path in sorted(self.folder.glob("online*/*")) + sorted(self.folder.glob("online.db*")):
            path.unlink()

    def _online(self) -> dict[str, str]:
        kinds = {
            "packed, LMDB": "feature_store.packed_store.PackedOnlineStore",
            "packed, Redis": "feature_store.packed_redis_store.PackedRedisOnlineStore",
            "Feast sqlite": "sqlite",
            "Feast redis": "redis",
        }
        place = {
            "packed, LMDB": {"path": "online"},
            "Feast sqlite": {"path": "online.db"},
        }.get(self.kind)
        return {"type": kinds[self.kind], **(place or {"connection_string": self.server.address})}


def view_of(
    name: str,
    folder: Path,
    *fields: tuple[str, Any],
    entity: Entity = CUSTOMER,
    ttl: timedelta | None = None,
) -> FeatureView:
    """A view that can be pushed to, and has a file to be materialised from."""
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
    """A customer's key."""
    return EntityKey(join_keys=["customer_id"], entity_values=[V.Value(int64_val=number)])


def number(value: float) -> V.Value:
    """A float's protobuf."""
    return V.Value(float_val=value)


def write(store: FeatureStore, view: FeatureView, *rows: Row) -> None:
    """Rows as Feast hands them to a store."""
    store._get_provider().online_write_batch(store.config, view, list(rows), None)


def read(
    store: FeatureStore, view: FeatureView, *entities: EntityKey, only: list[str] | None = None
) -> list[Answer]:
    """Answers as a store hands them to Feast."""
    return store._get_provider().online_read(store.config, view, list(entities), only)  # type: ignore[no-any-return]


EVERY_TYPE: dict[str, tuple[Any, V.Value]] = {
    "f32": (Float32, V.Value(float_val=0.1)),
    "f64": (Float64, V.Value(double_val=math.pi)),
    "i32": (Int32, V.Value(int32_val=-(2**31))),
    "i64": (Int64, V.Value(int64_val=2**63 - 1)),
    "flag": (Bool, V.Value(bool_val=True)),
    "at": (UnixTimestamp, V.Value(unix_timestamp_val=1_128_000_000)),
    "text": (String, V.Value(string_val="逾期 30 天")),
    "raw": (Bytes, V.Value(bytes_val=b"\0\xff\0")),
    "doubles": (Array(Float64), V.Value(double_list_val=V.DoubleList(val=[math.e, -0.0]))),
    "floats": (Array(Float32), V.Value(float_list_val=V.FloatList(val=[0.1, -1.0]))),
    "int32s": (Array(Int32), V.Value(int32_list_val=V.Int32List(val=[-1, 2**31 - 1]))),
    "int64s": (Array(Int64), V.Value(int64_list_val=V.Int64List(val=[-(2**63), 7]))),
    "flags": (Array(Bool), V.Value(bool_list_val=V.BoolList(val=[True, False]))),
    "times": (Array(UnixTimestamp), V.Value(unix_timestamp_list_val=V.Int64List(val=[1, 2]))),
    "texts": (Array(String), V.Value(string_list_val=V.StringList(val=["", "a"]))),
    "raws": (Array(Bytes), V.Value(bytes_list_val=V.BytesList(val=[b"", b"\0"]))),
    "map": (Map, V.Value(map_val=V.Map(val={"k": V.Value(double_val=2.0)}))),
    "zero": (Float32, V.Value(float_val=0.0)),
    "not_a_number": (Float32, V.Value(float_val=math.nan)),
}
"""Every scalar type, and lists: a Feast type and a value that must come back."""


def _types(world: World) -> str:
    store, view = world.applied(*((name, dtype) for name, (dtype, _) in EVERY_TYPE.items()))
    given = {name: value for name, (_, value) in EVERY_TYPE.items()}
    write(store, view, (customer(1), given, T0, None))
    ((_, back),) = read(store, view, customer(1))
    found = {name: value.SerializeToString() for name, value in (back or {}).items()}
    wrong = [name for name, value in given.items() if found.get(name) != value.SerializeToString()]
    return f"changes {', '.join(wrong)}" if wrong else ""


def _late(world: World) -> str:
    return _stays(world, ((T0 + DAY, None), (T0, None)), 1, "overwrites the newer row")


def _late_together(world: World) -> str:
    store, view = world.applied(("x", Float32))
    rows = [(customer(1), {"x": number(n)}, T0 - n * DAY, None) for n in (1, 2)]
    write(store, view, *rows)
    return "" if _x(store, view) == 1 else "keeps the row that was sent last"


def _correction(world: World) -> str:
    times = (T0, T0 + DAY), (T0, T0 + 2 * DAY)
    return _stays(world, times, 2, "drops the correction")


def _late_correction(world: World) -> str:
    times = (T0, T0 + 2 * DAY), (T0, T0 + DAY)
    return _stays(world, times, 1, "overwrites the correction")


def _stays(world: World, times: Any, wanted: int, instead: str) -> str:
    """Two rows, sent one after the other."""
    store, view = world.applied(("x", Float32))
    for n, (event, created) in enumerate(times, 1):
        write(store, view, (customer(1), {"x": number(n)}, event, created))
    return "" if _x(store, view) == wanted else instead


def _x(store: FeatureStore, view: FeatureView, of: int = 1) -> float | None:
    ((_, back),) = read(store, view, customer(of))
    return back["x"].float_val if back else None


def _two_writers(world: World) -> str:
    """Two rows of one customer, sent at the same moment by two writers: the newer one stays."""
    store, view = world.applied(("x", Float32))
    writers = [world.open(), world.open()]
    for first in range(0, ROUNDS, 20):
        some = range(first, first + 20)
        _race(writers, view, some)
        if any(_x(store, view, of) != 1 for of in some):
            return "the older one can stay"
    return ""


def _race(writers: list[FeatureStore], view: FeatureView, customers: range) -> None:
    together = threading.Barrier(2)

    def send(newer: int) -> None:
        for of in customers:
            together.wait()
            row = customer(of), {"x": number(newer)}, T0 + newer * DAY, None
            write(writers[newer], view, row)

    threads = [threading.Thread(target=send, args=(newer,)) for newer in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _null(world: World) -> str:
    store, view = world.applied(("x", Float32), ("y", Float32))
    write(store, view, (customer(1), {"x": number(1), "y": number(1)}, T0, None))
    write(store, view, (customer(1), {"x": V.Value(), "y": number(2)}, T0 + DAY, None))
    return (
        ""
        if read(store, view, customer(1))[0][1] == {"x": V.Value(), "y": number(2)}
        else "loses it"
    )


def _all_null(world: World) -> str:
    store, view = world.applied(("x", Float32), ("y", Float32))
    write(store, view, (customer(1), {"x": number(1), "y": number(1)}, T0, None))
    write(store, view, (customer(1), {"x": V.Value(), "y": V.Value()}, T0 + DAY, None))
    at, back = read(store, view, customer(1))[0]
    kept = (at, back) == (T0 + DAY, {"x": V.Value(), "y": V.Value()})
    return "" if kept else "forgets the row"


def _left_out(world: World) -> str:
    store, view = world.applied(("x", Float32), ("y", Float32))
    write(store, view, (customer(1), {"x": number(1), "y": number(1)}, T0, None))
    write(store, view, (customer(1), {"y": number(2)}, T0 + DAY, None))
    back = read(store, view, customer(1))[0][1] or {}
    return "" if not back["x"].WhichOneof("val") else "keeps the older value under the newer time"


def _unknown(world: World) -> str:
    store, view = world.applied(("x", Float32))
    write(store, view, (customer(1), {"x": number(1)}, T0, None))
    asked = store.get_online_features(["bill:x"], [{"customer_id": 1}, {"customer_id": 2}])
    statuses = dict(zip(asked.proto.metadata.feature_names.val, asked.proto.results, strict=True))
    kept = list(statuses["x"].statuses) == [FieldStatus.PRESENT, FieldStatus.NOT_FOUND]
    return "" if kept else "is answered with nulls, as present"


def _ttl(world: World) -> str:
    """An expired row is told from a fresh one: by our fetch, by stock in the answer's status."""
    store, view = world.applied(("x", Float32), ttl=DAY)
    store.apply([FeatureService(name="risk_v1", features=[view])])
    now = datetime.now(UTC)
    for who, age in ((1, timedelta(hours=1)), (2, 2 * DAY)):
        write(store, view, (customer(who), {"x": number(1)}, now - age, None))
    if world.kind in OURS:
        batch = reader_of(store.config).fetch([1, 2], plan_of(store, "risk_v1"), now)
        told = [ViewState(state).name for state in batch.states[:, 0]]
        return "" if told == ["PRESENT", "STALE"] else f"says {told}"
    asked = store.get_online_features(["bill:x"], [{"customer_id": 1}, {"customer_id": 2}])
    expired = asked.proto.results[-1].statuses[1]
    return "is answered as present" if expired == FieldStatus.PRESENT else ""


def _changed_type(world: World) -> str:
    store, before = world.applied(("x", Int64))
    write(store, before, (customer(1), {"x": V.Value(int64_val=2**40)}, T0, None))
    after = view_of("bill", world.folder, ("x", Int32))
    store.apply([CUSTOMER, after])
    return "answers with the old type" if (read(store, after, customer(1))[0][1] or {}) else ""


def _dropped(world: World) -> str:
    store, view = world.applied(("x", Float32))
    write(store, view, (customer(1), {"x": number(4)}, T0 + DAY, None))
    store.apply([CUSTOMER], objects_to_delete=[view], partial=False)
    again = view_of("bill", world.folder, ("x", Float32))
    store.apply([CUSTOMER, again])
    return "finds the dropped rows" if _x(store, again) == 4 else ""


def _lost(world: World) -> str:
    store, view = world.applied(("x", Float32))
    write(store, view, (customer(1), {"x": number(1)}, T0, None))
    world.lose()
    try:
        found = read(world.open(), view, customer(1))
    except Exception:  # noqa: BLE001 - whatever a store says, it says something
        return ""
    return "finds nobody" if found == [(None, None)] else "answers with nulls, as present"


PROMISES: Mapping[str, Callable[[World], str]] = {
    "every Feast type comes back as it went in": _types,
    "a late event leaves the newer row": _late,
    "so it does within one batch": _late_together,
    "of two writers at once, the newer row stays": _two_writers,
    "at one event time, the row created later takes the place": _correction,
    "… and the one created earlier does not": _late_correction,
    "a null stays null": _null,
    "a row of nulls is a row": _all_null,
    "a feature that a row does not carry is null": _left_out,
    "an unknown entity is told": _unknown,
    "an expired row is told from a fresh one": _ttl,
    "a number too long for its new type is missing": _changed_type,
    "a view dropped and made again starts empty": _dropped,
    "a store that lost its data says so": _lost,
}


def measured(server: RedisServer, kind: str, promise: str) -> str:
    """What a store does instead of keeping a promise; "" where it keeps it."""
    server.say("FLUSHALL")
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return PROMISES[promise](World(kind, Path(folder), server))


def table(found: Callable[[str, str], str]) -> str:
    """The Markdown table of what each store does, as `found(kind, promise)` tells it."""
    lines = [["", *STORES], ["---"] * (len(STORES) + 1)]
    for promise in PROMISES:
        cells = [found(kind, promise) for kind in STORES]
        lines.append([promise, *(f"**breaks**: {cell}" if cell else "keeps" for cell in cells)])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place, running(Path(place)) as redis:
        sys.stdout.write(table(lambda kind, promise: measured(redis, kind, promise)))
