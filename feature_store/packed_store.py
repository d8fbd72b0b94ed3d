"""A Feast online store on packed rows: what `feast apply`, `materialize`, `push` and reads call.

Feast's protobuf rows come in and go out; the bytes between are packed_rows', the map is
packed_writer's. Beside it, `writer_of` and `columns_of` write the same rows from arrays, and
`reader_of` reads them, with no protobuf at all, on LMDB and on Redis alike. Knows nothing of any
one view.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy.typing as npt
from feast import Entity, FeatureView, RepoConfig
from feast.infra.online_stores.online_store import OnlineStore
from feast.protos.feast.types.EntityKey_pb2 import EntityKey as EntityKeyProto
from feast.repo_config import FeastConfigBaseModel
from pydantic import StrictStr

from feature_store import feast_rows, packed_redis_store
from feature_store.feast_rows import FeastAnswer, FeastRow
from feature_store.lmdb_map import MapPlace, open_map
from feature_store.lmdb_room import names_of, rooms_of
from feature_store.lmdb_values import values_of
from feature_store.online import OnlineFeatures
from feature_store.online_answers import OnlineReader
from feature_store.online_writer import OnlineWriter
from feature_store.packed_catalog import META, load
from feature_store.packed_columns import ViewColumns
from feature_store.packed_writer import PackedWriter
from feature_store.rebuild_mark import REBUILD, refuse_if
from finmodel.records import Float32s, Int64s


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

    online_write_batch_async = feast_rows.write_in_a_thread
    online_read_async = feast_rows.read_in_a_thread
    _is_versioned_read_supported = feast_rows.keeps_versions

    def online_write_batch(
        self,
        config: RepoConfig,
        table: FeatureView,
        data: list[FeastRow],
        progress: Callable[[int], Any] | None,
    ) -> None:
        """Store rows of one view: all of them, or on an error none."""
        feast_rows.write_batch(_writer(config), config, table, data, progress)

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
        places = feast_rows.places_of(entity_keys)
        values = [b""] * len(entity_keys)
        found_map = open_map(_place(config))
        names = [name for place in places for name in names_of(place)]
        with found_map.reading(META, *names) as (txn, (meta, *handles)):
            catalog = load(txn, meta).catalog
            refuse_if(txn.get(REBUILD, None, meta), str(found_map.place.path))
            for some, room in zip(places.values(), rooms_of(handles), strict=True):
                found = values_of(txn, room, [key for _, key in some])
                for (i, _), value in zip(some, found, strict=True):
                    values[i] = value
        return feast_rows.answers_of(config, table, values, catalog, requested_features)

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
        feast_rows.update(_writer(config), config, tables_to_delete, tables_to_keep)

    def teardown(
        self, config: RepoConfig, tables: Sequence[FeatureView], entities: Sequence[Entity]
    ) -> None:
        """Empty the project's map; the file stays, for processes that have it open."""
        if (_place(config).path / "data.mdb").exists():
            _writer(config).clear()


def writer_of(config: RepoConfig) -> OnlineWriter:
    """The columnar writer into a Feast project's online store, whichever of ours it is."""
    if config.online_store.type == packed_redis_store.TYPE:
        return packed_redis_store.writer_of(config)
    return _writer(config)


def reader_of(config: RepoConfig) -> OnlineReader:
    """The columnar reader of a Feast project's online store, whichever of ours it is."""
    if config.online_store.type == packed_redis_store.TYPE:
        return packed_redis_store.reader_of(config)
    place = _place(config)
    return OnlineFeatures(place.path, place.map_gb)


def columns_of(
    config: RepoConfig,
    table: FeatureView,
    event_us: Int64s,
    values: Float32s,
    created_us: npt.NDArray[Any] | None = None,
) -> ViewColumns:
    """Rows of a Feast view as arrays, for `writer_of(config).write_columns`."""
    name, features = feast_rows.stored_name(config, table), feast_rows.features_of(table)
    return ViewColumns(name, features, event_us, values, created_us)


def _writer(config: RepoConfig) -> PackedWriter:
    return PackedWriter(_place(config), config.project)


def _place(config: RepoConfig) -> MapPlace:
    options = config.online_store
    path = Path(options.path)
    if config.repo_path and not path.is_absolute():
        path = Path(config.repo_path) / path
    return MapPlace(path, options.map_gb, options.sync)
