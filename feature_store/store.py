"""The feature store of some settings: opened, defined anew, and filled.

The same store as `feast` finds in feature_store/repo, without a change of folder and without the
environment: feature_store.yaml is read here, and the settings fill it in. What features mean stands
in repo/definitions.py.
"""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from string import Template
from types import ModuleType
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import yaml
from feast import (
    Entity,
    FeatureService,
    FeatureStore,
    FeatureView,
    FileSource,
    Project,
    RequestSource,
    StreamFeatureView,
)
from feast.errors import DataSourceObjectNotFoundException
from feast.feature_view import DUMMY_ENTITY
from feast.repo_config import RepoConfig
from feast.repo_contents import RepoContents
from feast.repo_operations import extract_objects_for_apply_delete
from pydantic import SecretStr

from feature_store.audit_only import check_services
from feature_store.packed_columns import ViewColumns
from feature_store.packed_redis_store import PackedRedisOnlineStoreConfig
from feature_store.packed_store import columns_of, writer_of
from feature_store.window_plan import WindowPlan, window_plan_of
from finmodel.errors import NotFound, NotReady
from finmodel.progress import Progress, teller
from finmodel.records import Int64s
from finmodel.settings import Settings

_log = logging.getLogger(__name__)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
REPO = Path(__file__).with_name("repo")


def open_store(settings: Settings) -> FeatureStore:
    """The store as it was last defined; NotReady if it never was."""
    config = _config(settings)
    if not Path(config.registry.path).exists():
        raise NotReady(
            "no features are defined yet",
            where=config.registry.path,
            remedy="run `finmodel features apply` (or `feast apply` in feature_store/repo)",
        )
    return FeatureStore(config=config)


def apply(settings: Settings) -> FeatureStore:
    """Define what repo/definitions.py says, and forget what it no longer says; the store.

    Does what `feast apply` does in that folder. Refused if a service that scores holds an
    audit-only view.
    """
    contents = _contents(settings)
    check_services(contents.feature_services, contents.feature_views)
    store = FeatureStore(config=_config(settings))
    wanted, unwanted, _, _ = extract_objects_for_apply_delete(  # type: ignore[no-untyped-call]
        store.project, store.registry, contents
    )
    store.apply(wanted, objects_to_delete=unwanted, partial=False)
    return store


def window_plans(store: FeatureStore) -> list[WindowPlan]:
    """What the stream views that were defined last compute, by name."""
    views = sorted(store.list_stream_feature_views(), key=lambda view: view.name)
    return [window_plan_of(view) for view in views]


def request_fields(store: FeatureStore, source: str) -> dict[str, str]:
    """What only a request knows: field names and Feast types of a declared request source."""
    try:
        found = store.get_data_source(source)
    except DataSourceObjectNotFoundException:
        found = None
    if not isinstance(found, RequestSource):
        raise NotFound("there is no such request source", where=source, remedy="run feast apply")
    return {field.name: str(field.dtype) for field in found.schema}


def materialize(
    settings: Settings, until: datetime, progress: Progress | None = None
) -> dict[str, int]:
    """Put each customer's latest snapshot as of `until` online, view by view; rows of each.

    The same rows as `feast materialize 1970-01-01 <until>`, from columns, with no protobuf. How old
    a row is does not matter: the reader tells stale from missing. A row that is not newer than the
    one online leaves it. NotReady if a view has no snapshots.
    """
    store = open_store(settings)
    online = [view for view in store.list_feature_views() if view.online]
    views = sorted(online, key=lambda view: view.name)
    tell = teller("online features", len(views) + 1, progress)
    together: dict[bytes, tuple[Int64s, list[ViewColumns]]] = {}
    counts = {}
    for view in views:
        ids, columns = _latest(store, view, until)
        together.setdefault(ids.tobytes(), (ids, []))[1].append(columns)
        counts[view.name] = len(ids)
        tell()
    for ids, some in together.values():
        writer_of(store.config).write_columns(views[0].join_keys[0], ids, some)
    for view in views:
        store.registry.apply_materialization(view, store.project, _EPOCH, until, commit=False)
    store.registry.commit()  # type: ignore[no-untyped-call]
    tell()
    return counts


def materialize_again(settings: Settings) -> None:
    """Put rows online as they were put last; what cannot be is said, and stays missing."""
    views = open_store(settings).list_feature_views()
    ends = [end for view in views for _, end in view.materialization_intervals]
    if not ends:
        return
    try:
        materialize(settings, max(ends))
    except NotReady as error:
        _log.warning("batch views are missing until they are materialised: %s", error)


def _latest(store: FeatureStore, view: FeatureView, until: datetime) -> tuple[Int64s, ViewColumns]:
    """A view's latest row of each customer as of a time, ordered by customer."""
    key, source = view.join_keys[0], snapshots_of(view)
    names = [field.name for field in view.features]
    columns = source.timestamp_field, source.created_timestamp_column
    time, created = (f"{column}::TIMESTAMPTZ" for column in columns)
    with duckdb.connect(":memory:") as connection:
        connection.execute("SET TimeZone = 'UTC'")  # as Feast reads a time without a zone
        rows: pa.Table = connection.sql(
            f"""SELECT {key}, epoch_us({time}), epoch_us({created}), {", ".join(names)}
            FROM read_parquet(?) WHERE {time} <= ?
            QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY {time} DESC, {created} DESC) = 1
            ORDER BY {key}""",
            params=[source.path, until],
        ).to_arrow_table()
    ids, event_us, created_us = (rows.column(i).to_numpy() for i in range(3))
    values = np.empty((len(ids), len(names)), np.float32)
    for i in range(len(names)):
        values[:, i] = rows.column(3 + i).to_numpy()
    return ids, columns_of(store.config, view, event_us, values, created_us)


def snapshots_of(view: FeatureView) -> FileSource:
    """A view's Parquet file; NotReady if it is not there yet."""
    source = view.batch_source
    if not isinstance(source, FileSource) or not Path(source.path).exists():
        raise NotReady(
            "it has no snapshots yet",
            where=f"view {view.name}",
            remedy="build them from your events; of the shipped table: finmodel features example",
        )
    return source


def _config(settings: Settings) -> RepoConfig:
    raw: dict[str, Any] = yaml.safe_load((REPO / "feature_store.yaml").read_text())
    filled = _filled(raw, {"FINMODEL_HOME": str(settings.home)})
    filled["online_store"]["map_gb"] = settings.online_map_gb
    if settings.online_store:
        # An object, not a dictionary: it does not show its password.
        url = SecretStr(settings.online_store)
        filled["online_store"] = PackedRedisOnlineStoreConfig(connection_string=url)
    return RepoConfig(**filled, repo_path=REPO)


def _filled(value: Any, names: dict[str, str]) -> Any:
    """A YAML value with `${NAME}` filled in, after parsing: no path can break the YAML."""
    if isinstance(value, dict):
        return {key: _filled(one, names) for key, one in value.items()}
    return Template(value).substitute(names) if isinstance(value, str) else value


def _contents(settings: Settings) -> RepoContents:
    """Everything that is defined, with the views' files where these settings have them."""
    things = list(vars(_definitions()).values())
    every = [one for one in things if isinstance(one, FeatureView)]
    streams = [one for one in every if isinstance(one, StreamFeatureView)]
    views = [one for one in every if not isinstance(one, StreamFeatureView)]
    for source in _files(views):
        source.file_options.uri = str(settings.offline / Path(source.path).name)
    for source in _files(streams):
        source.file_options.uri = str(settings.archive.joinpath(*Path(source.path).parts[-2:]))
    kafka = [one.stream_source for one in streams if one.stream_source is not None]
    return RepoContents(
        projects=[Project(name="finmodel")],
        data_sources=[
            *_files(every),
            *kafka,
            *(one for one in things if isinstance(one, RequestSource)),
        ],
        feature_views=views,
        on_demand_feature_views=[],
        stream_feature_views=streams,
        label_views=[],
        entities=[*(one for one in things if isinstance(one, Entity)), DUMMY_ENTITY],
        feature_services=[one for one in things if isinstance(one, FeatureService)],
        permissions=[],
    )


def _files(views: Iterable[FeatureView]) -> list[FileSource]:
    return [view.batch_source for view in views if isinstance(view.batch_source, FileSource)]


def _definitions() -> ModuleType:
    """The definitions, fresh: Feast writes into the objects that it is given."""
    spec = importlib.util.spec_from_file_location("definitions", REPO / "definitions.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
