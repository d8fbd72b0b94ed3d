"""Training frames: what was known of whom, at a time, for a Feast service.

A spine of customers and times comes in; the same rows, in the same order, go out with the service's
features as they were known then; nothing of a later time gets in. Snapshots are joined by Feast,
with DuckDB; windows are computed from the archive of events, as the stream computes them.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from feast import FeatureService, FeatureStore
from feast.errors import FeatureServiceNotFoundException
from feast.feature_view_projection import FeatureViewProjection

from feature_store.archive_key import open_archive
from feature_store.audit_only import check_services, is_for_audits
from feature_store.frame_engines import opened
from feature_store.store import open_store, snapshots_of, window_plans
from feature_store.window_frames import Spine, features_of
from feature_store.window_plan import WindowPlan
from finmodel.errors import BadInput, Damaged, NotFound, Refused
from finmodel.progress import Progress, teller
from finmodel.settings import Settings

ROW = "spine_row"
KEY, TIME = "customer_id", "event_timestamp"


def training_frame(
    settings: Settings,
    spine: pd.DataFrame,
    service: str,
    engine: str = "duckdb",
    progress: Progress | None = None,
) -> pd.DataFrame:
    """A spine (customer_id, event_timestamp with a zone, and what else it has) with features.

    Columns are the spine's, then the service's features in its order, as float32 with NaN where
    nothing was known within a view's time to live. `engine`, duckdb or spark, is where events are
    selected for windows. BadInput for a spine that cannot be joined; NotReady where snapshots or
    archived events are missing; Refused if the service holds what is for audits only.
    """
    store = open_store(settings)
    found = _service(store, service)
    if is_for_audits(found):
        raise Refused(
            "it is for audits only", where=f"feature service {service}", remedy="train on another"
        )
    return _joined(store, settings, spine, found, engine, progress)


def audit_frame(settings: Settings, spine: pd.DataFrame, service: str) -> pd.DataFrame:
    """A spine with the attributes that fairness is measured with; never to be trained on."""
    store = open_store(settings)
    return _joined(store, settings, spine, _service(store, service))


def _joined(
    store: FeatureStore,
    settings: Settings,
    spine: pd.DataFrame,
    service: FeatureService,
    engine: str = "duckdb",
    progress: Progress | None = None,
) -> pd.DataFrame:
    projections = service.feature_view_projections
    names = [feature.name for one in projections for feature in one.features]
    check_services([service], store.list_feature_views(allow_cache=True))
    _check_spine(spine, {ROW, *names})
    plans = {plan.view: plan for plan in window_plans(store)}
    streamed = [plans[one.name] for one in projections if one.name in plans]
    others = [one for one in projections if one.name not in plans]
    columns = _snapshots(store, spine, service.name, others) if others else {}
    if streamed:
        columns |= _windows(settings, spine, streamed, engine, progress)
    features = pd.DataFrame({name: columns[name] for name in names}, index=spine.index)
    return pd.concat([spine, features.astype("float32")], axis=1)


def _snapshots(
    store: FeatureStore,
    spine: pd.DataFrame,
    service: str,
    projections: Sequence[FeatureViewProjection],
) -> dict[str, npt.NDArray[Any]]:
    """(n,) columns of views of snapshots, as Feast joins them."""
    for one in projections:
        snapshots_of(store.get_feature_view(one.name, allow_registry_cache=True))
    asked = [f"{one.name}:{feature.name}" for one in projections for feature in one.features]
    numbered = spine[[KEY, TIME]].assign(**{ROW: range(len(spine))})
    with warnings.catch_warnings():
        # Ibis asks DuckDB under a name that DuckDB has since changed.
        warnings.filterwarnings("ignore", "fetch_arrow_table", DeprecationWarning)
        job = store.get_historical_features(numbered, asked, filter_by_created_timestamp=True)
        joined = job.to_df().sort_values(ROW, ignore_index=True)
    if len(joined) != len(spine) or (joined[ROW] != range(len(spine))).any():
        raise Damaged(
            f"{len(spine)} rows went into the join and {len(joined)} came out",
            where=f"feature service {service}",
            remedy="report it: Feast's join has lost or repeated rows",
        )
    return {name: joined[name].to_numpy() for _, _, name in (one.partition(":") for one in asked)}


def _windows(
    settings: Settings,
    spine: pd.DataFrame,
    plans: Sequence[WindowPlan],
    engine: str,
    progress: Progress | None,
) -> dict[str, npt.NDArray[Any]]:
    """(n,) columns of windowed views, all that each view has."""
    archive, times = open_archive(settings), spine[TIME].dt.tz_convert("UTC").dt.as_unit("us")
    asked = Spine(spine[KEY].to_numpy(np.int64), times.astype("int64").to_numpy())
    columns: dict[str, npt.NDArray[Any]] = {}
    tell = teller("windowed views", len(plans), progress)
    with opened(engine, archive.folder) as ask:
        for plan in plans:
            matrix = features_of(archive, plan, asked, ask)
            columns |= {a.name: matrix[:, n] for n, a in enumerate(plan.aggregates)}
            tell()
    return columns


def _service(store: FeatureStore, name: str) -> FeatureService:
    try:
        return store.get_feature_service(name)
    except FeatureServiceNotFoundException as error:
        raise NotFound(
            "there is no such feature service", where=name, remedy="run feast apply, or name one"
        ) from error


def _check_spine(spine: pd.DataFrame, taken: set[str]) -> None:
    missing = {KEY, TIME} - set(spine.columns)
    if missing:
        raise BadInput(f"no column {min(missing)}", where="spine", remedy="give one")
    if taken & set(spine.columns):
        raise BadInput(
            f"column {min(taken & set(spine.columns))} is a feature's",
            where="spine",
            remedy="rename it",
        )
    if not len(spine):
        raise BadInput("it has no rows", where="spine", remedy="give at least one")
    if not pd.api.types.is_integer_dtype(spine[KEY]):
        raise BadInput(
            f"{KEY} is {spine[KEY].dtype}", where="spine", remedy="make it whole numbers"
        )
    if not isinstance(spine[TIME].dtype, pd.DatetimeTZDtype) or spine[TIME].isna().any():
        raise BadInput(
            f"{TIME} has times without a zone, or none", where="spine", remedy="give each in UTC"
        )
