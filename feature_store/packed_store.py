"""A Feast online store on packed rows: what `feast apply`, `materialize`, `push` and reads call.

Feast's protobuf rows come in and go out; the bytes between are packed_rows', the map is
packed_writer's. Beside it, `writer_of` and `columns_of` write the same rows from arrays, and
`online.OnlineFeatures` reads them, with no protobuf at all. Knows nothing of any one view.
"""

from __future__ import annotations

import asyncio
import math
import struct
import warnings
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, TypeGuard

import numpy.typing as npt
from feast import Entity, FeatureView, RepoConfig, StreamFeatureView
from feast.infra.key_encoding_utils import serialize_entity_key
from feast.infra.online_stores.helpers import compute_versioned_name
from feast.infra.online_stores.online_store import OnlineStore
from feast.protos.feast.types.EntityKey_pb2 import EntityKey as EntityKeyProto
from feast.protos.feast.types.Value_pb2 import Value as ValueProto
from feast.repo_config import FeastConfigBaseModel
from pydantic import StrictStr

from feature_store.lmdb_map import MapPlace, open_map
from feature_store.packed_catalog import META, Catalog, Features, View, load
from feature_store.packed_columns import ViewColumns
from feature_store.packed_keys import LONGEST, Place, place_of
from feature_store.packed_rows import NONE, ROW, Row, RowLayout, decode, layout_of, sections, widens
from feature_store.packed_writer import PackedWriter
from feature_store.plan import FeaturePlan, ServicePlan, ViewPlan
from feature_store.tile_reading import windows_of
from feature_store.window_plan import schema_of, window_plan_of
from finmodel.clock import micros
from finmodel.errors import BadInput
from finmodel.records import Float32s, Int64s

_ATTRIBUTES = {
    "Float32": "float_val",
    "Float64": "double_val",
    "Int32": "int32_val",
    "Int64": "int64_val",
    "UnixTimestamp": "unix_timestamp_val",
    "Bool": "bool_val",
}
"""The protobuf field of each Feast type that has a slot of its own."""

# Feast would say so at each of them, after any filter that was set before it was imported.
warnings.filterwarnings("ignore", "Stream feature views are experimental", RuntimeWarning)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

FeastRow = tuple[EntityKeyProto, dict[str, ValueProto], datetime, datetime | None]
FeastAnswer = tuple[datetime | None, dict[str, ValueProto] | None]


class PackedOnlineStoreConfig(FeastConfigBaseModel):
    """The `online_store` block of feature_store.yaml."""

    type: Literal["feature_store.packed_store.PackedOnlineStore"] = (
        "feature_store.packed_store.PackedOnlineStore"
    )
    path: StrictStr = "online"
    """Folder of the map; relative to the repository's."""
    map_gb: float = 8.0
    """Most that the map may grow to, in GiB."""
    sync: bool = True
    """Whether a write is on the disk when it returns."""


class PackedOnlineStore(OnlineStore):
    """Feast's online store on LMDB: one value a customer, one section a view.

    A late event never takes the place of a newer one; of equal event times the one created later,
    or else written later, wins. A row replaces the whole row before it: a feature that it does not
    carry is null. A row whose features are all null is a row.
    """

    def online_write_batch(
        self,
        config: RepoConfig,
        table: FeatureView,
        data: list[FeastRow],
        progress: Callable[[int], Any] | None,
    ) -> None:
        """Store rows of one view: all of them, or on an error none."""
        if _windowed(table):
            raise BadInput(
                "its features are computed from events",
                where=f"view {table.name}",
                remedy="send its topic events, and let the stream count them",
            )
        view = _stored_name(config, table), _features(table)
        layout = layout_of(view[1])
        by_place: dict[Place, tuple[list[bytes], list[Row]]] = {}
        for entity, values, event, created in data:
            place, key = _key(entity)
            keys, rows = by_place.setdefault(place, ([], []))
            keys.append(key)
            created_us = NONE if created is None else _micros(created)
            rows.append(Row(_slots(layout, values), _micros(event), created_us))
        for place, (keys, rows) in by_place.items():
            writer_of(config).write_rows(place, keys, view, rows)
        if progress:
            progress(len(data))

    def online_read(
        self,
        config: RepoConfig,
        table: FeatureView,
        entity_keys: list[EntityKeyProto],
        requested_features: list[str] | None = None,
    ) -> list[FeastAnswer]:
        """The event time and the features of each entity, from one snapshot; (None, None) if none.

        A feature that the row's schema lacks is left out of its dictionary; a null one is in it.
        """
        answers: list[FeastAnswer] = [(None, None)] * len(entity_keys)
        places: dict[Place, list[tuple[int, bytes]]] = {}
        for i, entity in enumerate(entity_keys):
            place, key = _key(entity)
            places.setdefault(place, []).append((i, key))
        wanted = {f.name: f.dtype for f in _features(table)}
        if requested_features is not None:
            wanted = {name: wanted[name] for name in requested_features if name in wanted}
        found_map = open_map(_place(config))
        with found_map.reading(META, *(place.name for place in places)) as (txn, (meta, *rows)):
            catalog = load(txn, meta).catalog
            view = catalog.find(_stored_name(config, table))
            if view is None:
                return answers
            values = [b""] * len(entity_keys)
            for some, handle in zip(places.values(), rows, strict=True):
                for i, key in some if handle else ():
                    values[i] = txn.get(key, b"", handle)
        if _windowed(table):
            return _computed(values, _stored_name(config, table), catalog, wanted)
        return [_answer(value, view, wanted) for value in values]

    async def online_write_batch_async(
        self,
        config: RepoConfig,
        table: FeatureView,
        data: list[FeastRow],
        progress: Callable[[int], Any] | None,
    ) -> None:
        """The same in a thread: LMDB has no asynchronous interface (see `async_supported`)."""
        await asyncio.to_thread(self.online_write_batch, config, table, data, progress)

    async def online_read_async(
        self,
        config: RepoConfig,
        table: FeatureView,
        entity_keys: list[EntityKeyProto],
        requested_features: list[str] | None = None,
    ) -> list[FeastAnswer]:
        """The same in a thread: LMDB has no asynchronous interface (see `async_supported`)."""
        return await asyncio.to_thread(
            self.online_read, config, table, entity_keys, requested_features
        )

    def update(
        self,
        config: RepoConfig,
        tables_to_delete: Sequence[FeatureView],
        tables_to_keep: Sequence[FeatureView],
        entities_to_delete: Sequence[Entity],
        entities_to_keep: Sequence[Entity],
        partial: bool,
    ) -> None:
        """Enter the views' schemas and drop the deleted views: their rows are dead at once."""
        writer_of(config).apply(
            {_stored_name(config, table): _schema(table) for table in tables_to_keep},
            [_stored_name(config, table) for table in tables_to_delete],
        )

    def teardown(
        self, config: RepoConfig, tables: Sequence[FeatureView], entities: Sequence[Entity]
    ) -> None:
        """Empty the project's map; the file stays, for processes that have it open."""
        if (_place(config).path / "data.mdb").exists():
            writer_of(config).clear()

    def _is_versioned_read_supported(self) -> bool:
        # Feast asks a list of its own classes; rows are stored by the versioned name, as theirs.
        return True


def writer_of(config: RepoConfig) -> PackedWriter:
    """The columnar writer into a Feast project's map."""
    return PackedWriter(_place(config), config.project)


def columns_of(
    config: RepoConfig,
    table: FeatureView,
    event_us: Int64s,
    values: Float32s,
    created_us: npt.NDArray[Any] | None = None,
) -> ViewColumns:
    """Rows of a Feast view as arrays, for `writer_of(config).write_columns`."""
    name, features = _stored_name(config, table), _features(table)
    return ViewColumns(name, features, event_us, values, created_us)


def _place(config: RepoConfig) -> MapPlace:
    options = config.online_store
    path = Path(options.path)
    if config.repo_path and not path.is_absolute():
        path = Path(config.repo_path) / path
    return MapPlace(path, options.map_gb, options.sync)


def _stored_name(config: RepoConfig, table: FeatureView) -> str:
    return compute_versioned_name(table, config.registry.enable_online_feature_view_versioning)


def _features(table: FeatureView) -> Features:
    return tuple(FeaturePlan(str(field.name), str(field.dtype)) for field in table.features)


def _windowed(table: FeatureView) -> TypeGuard[StreamFeatureView]:
    """Whether a view's features are computed from tiles when they are read."""
    return isinstance(table, StreamFeatureView) and bool(table.aggregations)


def _schema(table: FeatureView) -> Features:
    return schema_of(window_plan_of(table)) if _windowed(table) else _features(table)


def _computed(
    values: list[bytes], name: str, catalog: Catalog, wanted: dict[str, str]
) -> list[FeastAnswer]:
    """Windows as of now, the time that stands beside them; null where one has no such value."""
    fields = tuple(FeaturePlan(feature, dtype) for feature, dtype in wanted.items())
    plan = ServicePlan(name, "", "", (ViewPlan(name, 0.0, fields),))
    now = datetime.now(UTC)
    matrix = windows_of(values, plan, catalog, micros(now))
    return [
        (
            now,
            {
                field.name: _proto(field.dtype, None if math.isnan(value) else value)
                for field, value in zip(fields, row, strict=True)
            },
        )
        for row in matrix.tolist()
    ]


def _key(entity: EntityKeyProto) -> tuple[Place, bytes]:
    if len(entity.join_keys) == 1 and entity.entity_values[0].WhichOneof("val") == "int64_val":
        place = place_of(entity.join_keys[0], "int64")
        return place, struct.pack("<q", entity.entity_values[0].int64_val)
    key = serialize_entity_key(entity, entity_key_serialization_version=3)
    if len(key) > LONGEST:
        raise BadInput(
            f"it makes a key of more than {LONGEST} bytes", where="an entity", remedy="shorten it"
        )
    return place_of("", "string"), key


def _micros(time: datetime) -> int:
    # Feast: a time without a zone is UTC.
    return micros(time if time.tzinfo else time.replace(tzinfo=UTC))


def _slots(layout: RowLayout, values: dict[str, ValueProto]) -> list[Any]:
    return [_slot(feature, values.get(feature.name)) for feature in layout.features]


def _slot(feature: FeaturePlan, value: ValueProto | None) -> Any:
    given = None if value is None else value.WhichOneof("val")
    if value is None or given is None or given == "null_val":
        return None
    attribute = _ATTRIBUTES.get(feature.dtype)
    if attribute is None:
        return value.SerializeToString()
    if given != attribute:
        raise BadInput(
            f"it is declared {feature.dtype} and was given {given}",
            where=f"feature {feature.name}",
            remedy="send what the view declares",
        )
    return getattr(value, given)


def _answer(value: bytes, view: tuple[int, View], wanted: dict[str, str]) -> FeastAnswer:
    for section in sections(value):
        if section.view == view[0] and section.kind == ROW:
            features = view[1].schema(section.schema)
            row = decode(layout_of(features), section.data)
            answer = {
                feature.name: _proto(wanted[feature.name], stored)
                for feature, stored in zip(features, row.values, strict=True)
                if feature.name in wanted and widens(feature.dtype, wanted[feature.name])
            }
            return _EPOCH + timedelta(microseconds=row.event_us), answer
    return None, None


def _proto(dtype: str, value: Any) -> ValueProto:
    if value is None:
        return ValueProto()
    proto = ValueProto()
    attribute = _ATTRIBUTES.get(dtype)
    if attribute is None:
        proto.ParseFromString(value)
    else:
        setattr(proto, attribute, value)
    return proto
