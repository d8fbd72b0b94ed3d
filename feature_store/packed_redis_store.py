"""A Feast online store on packed rows in Redis: where one machine is outgrown.

Feast's protobuf rows come in and go out; the bytes between are packed_rows', as on LMDB. Each
customer's value is written in one step, a batch of them is not. Knows nothing of any one view.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Literal

from feast import Entity, FeatureView, RepoConfig
from feast.infra.online_stores.online_store import OnlineStore
from feast.protos.feast.types.EntityKey_pb2 import EntityKey as EntityKeyProto
from feast.repo_config import FeastConfigBaseModel
from pydantic import SecretStr

from feature_store import feast_rows
from feature_store.feast_rows import FeastAnswer, FeastRow
from feature_store.redis_client import RedisPlace
from feature_store.redis_online import RedisOnlineFeatures
from feature_store.redis_values import RedisValues
from feature_store.redis_writer import PackedRedisWriter

TYPE: Literal["feature_store.packed_redis_store.PackedRedisOnlineStore"] = (
    "feature_store.packed_redis_store.PackedRedisOnlineStore"
)


class PackedRedisOnlineStoreConfig(FeastConfigBaseModel):
    """The `online_store` block of feature_store.yaml."""

    type: Literal["feature_store.packed_redis_store.PackedRedisOnlineStore"] = TYPE
    connection_string: SecretStr = SecretStr("127.0.0.1:6379")
    """`host:port[,host:port …][,ssl=true][,password=…][,cluster=true]`, or a redis:// URL."""


class PackedRedisOnlineStore(OnlineStore):
    """Feast's online store on Redis 7 or later: one value a customer, one section a view.

    What packed_store.PackedOnlineStore promises of a row holds here too, with any number of
    writers. Where Redis lost its data every call says so, until `feast apply`.
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
        """Store rows of one view, each customer's at once; a failed call is to be sent again."""
        feast_rows.write_batch(writer_of(config), config, table, data, progress)

    def online_read(
        self,
        config: RepoConfig,
        table: FeatureView,
        entity_keys: list[EntityKeyProto],
        requested_features: list[str] | None = None,
    ) -> list[FeastAnswer]:
        """The event time and the features of each entity; (None, None) if none.

        A feature that the row's schema lacks is left out of its dictionary; a null one is in it.
        """
        places = feast_rows.places_of(entity_keys)

        def names(there: RedisValues, incarnation: bytes) -> list[bytes]:
            found = [b""] * len(entity_keys)
            for place, some in places.items():
                full = there.keys(incarnation, place, [key for _, key in some])
                for (i, _), name in zip(some, full, strict=True):
                    found[i] = name
            return found

        values, book = reader_of(config).values(names)
        return feast_rows.answers_of(config, table, values, book.catalog, requested_features)

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
        feast_rows.update(writer_of(config), config, tables_to_delete, tables_to_keep)

    def teardown(
        self, config: RepoConfig, tables: Sequence[FeatureView], entities: Sequence[Entity]
    ) -> None:
        """Remove every key of the project."""
        writer_of(config).clear()


def writer_of(config: RepoConfig) -> PackedRedisWriter:
    """The columnar writer into a Feast project's rows in Redis."""
    return PackedRedisWriter(_place(config))


def reader_of(config: RepoConfig) -> RedisOnlineFeatures:
    """The columnar reader of a Feast project's rows in Redis; one a process."""
    return _reader(_place(config))


@lru_cache(maxsize=16)
def _reader(place: RedisPlace) -> RedisOnlineFeatures:
    return RedisOnlineFeatures(place)


def _place(config: RepoConfig) -> RedisPlace:
    return RedisPlace(config.online_store.connection_string.get_secret_value(), config.project)
