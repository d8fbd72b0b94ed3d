"""Feast's protobuf rows as packed rows and back: what our online stores' Feast classes share.

Entities, rows and views come in as Feast has them; keys, rows and schemas go out, and out of
customers' values Feast's answers. Knows no store.
"""

from __future__ import annotations

import asyncio
import math
import struct
import warnings
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeGuard

from feast import FeatureView, RepoConfig, StreamFeatureView
from feast.infra.key_encoding_utils import serialize_entity_key
from feast.infra.online_stores.helpers import compute_versioned_name
from feast.infra.online_stores.online_store import OnlineStore
from feast.protos.feast.types.EntityKey_pb2 import EntityKey as EntityKeyProto
from feast.protos.feast.types.Value_pb2 import Value as ValueProto

from feature_store.online_writer import OnlineWriter
from feature_store.packed_catalog import Catalog, Features, View
from feature_store.packed_keys import LONGEST, Place, place_of
from feature_store.packed_rows import NONE, ROW, Row, RowLayout, decode, layout_of, sections, widens
from feature_store.plan import FeaturePlan, ServicePlan, ViewPlan
from feature_store.tile_reading import windows_of
from feature_store.window_plan import schema_of, window_plan_of
from finmodel.clock import micros
from finmodel.errors import BadInput

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


def write_batch(
    writer: OnlineWriter,
    config: RepoConfig,
    table: FeatureView,
    data: list[FeastRow],
    progress: Callable[[int], Any] | None,
) -> None:
    """Store rows of one view; BadInput, and nothing stored, where one is not what it declares."""
    if _windowed(table):
        raise BadInput(
            "its features are computed from events",
            where=f"view {table.name}",
            remedy="send its topic events, and let the stream count them",
        )
    view = stored_name(config, table), features_of(table)
    layout = layout_of(view[1])
    by_place: dict[Place, tuple[list[bytes], list[Row]]] = {}
    for entity, values, event, created in data:
        place, key = _key(entity)
        keys, rows = by_place.setdefault(place, ([], []))
        keys.append(key)
        created_us = NONE if created is None else _micros(created)
        rows.append(Row(_slots(layout, values), _micros(event), created_us))
    for place, (keys, rows) in by_place.items():
        writer.write_rows(place, keys, view, rows)
    if progress:
        progress(len(data))


def places_of(entities: Sequence[EntityKeyProto]) -> dict[Place, list[tuple[int, bytes]]]:
    """Where the entities' values lie: by place, each one's number and key."""
    places: dict[Place, list[tuple[int, bytes]]] = {}
    for i, entity in enumerate(entities):
        place, key = _key(entity)
        places.setdefault(place, []).append((i, key))
    return places


def answers_of(
    config: RepoConfig,
    table: FeatureView,
    values: list[bytes],
    catalog: Catalog,
    requested: list[str] | None,
) -> list[FeastAnswer]:
    """The event time and the features of a view in each value; (None, None) if none.

    A feature that the row's schema lacks is left out of its dictionary; a null one is in it.
    """
    wanted = {f.name: f.dtype for f in features_of(table)}
    if requested is not None:
        wanted = {name: wanted[name] for name in requested if name in wanted}
    view = catalog.find(stored_name(config, table))
    if view is None:
        return [(None, None)] * len(values)
    if _windowed(table):
        return _computed(values, stored_name(config, table), catalog, wanted)
    return [_answer(value, view, wanted) for value in values]


def update(
    writer: OnlineWriter,
    config: RepoConfig,
    tables_to_delete: Sequence[FeatureView],
    tables_to_keep: Sequence[FeatureView],
) -> None:
    """Enter the views' schemas and drop the deleted views: their rows are dead at once."""
    kept: Mapping[str, Features] = {
        stored_name(config, table): _schema(table) for table in tables_to_keep
    }
    writer.apply(kept, [stored_name(config, table) for table in tables_to_delete])


async def write_in_a_thread(
    store: OnlineStore,
    config: RepoConfig,
    table: FeatureView,
    data: list[FeastRow],
    progress: Callable[[int], Any] | None,
) -> None:
    """A store's `online_write_batch`, in a thread: neither of ours says that it is asynchronous
    (see `async_supported`)."""
    await asyncio.to_thread(store.online_write_batch, config, table, data, progress)


async def read_in_a_thread(
    store: OnlineStore,
    config: RepoConfig,
    table: FeatureView,
    entity_keys: list[EntityKeyProto],
    requested_features: list[str] | None = None,
) -> list[FeastAnswer]:
    """A store's `online_read`, in a thread."""
    found: list[FeastAnswer] = await asyncio.to_thread(
        store.online_read, config, table, entity_keys, requested_features
    )
    return found


def keeps_versions(store: OnlineStore) -> bool:
    """Whether a store reads a view's versions: rows are stored by the versioned name.

    Feast asks a list of its own classes.
    """
    return True


def stored_name(config: RepoConfig, table: FeatureView) -> str:
    """Under what name a view's rows are stored: with its version where Feast keeps versions."""
    return compute_versioned_name(table, config.registry.enable_online_feature_view_versioning)


def features_of(table: FeatureView) -> Features:
    """A view's features as plain facts."""
    return tuple(FeaturePlan(str(field.name), str(field.dtype)) for field in table.features)


def _windowed(table: FeatureView) -> TypeGuard[StreamFeatureView]:
    """Whether a view's features are computed from tiles when they are read."""
    return isinstance(table, StreamFeatureView) and bool(table.aggregations)


def _schema(table: FeatureView) -> Features:
    return schema_of(window_plan_of(table)) if _windowed(table) else features_of(table)


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
