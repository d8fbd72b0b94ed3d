"""Training frames: what was known of whom, at a time, for a Feast service.

A spine of customers and times comes in; the same rows, in the same order, go out with the service's
features as they were known then. Feast joins, with DuckDB; nothing of a later time gets in.
"""

from __future__ import annotations

import warnings

import pandas as pd
from feast import FeatureService, FeatureStore
from feast.errors import FeatureServiceNotFoundException

from feature_store.audit_only import check_services, is_for_audits
from feature_store.store import open_store, snapshots_of
from finmodel.errors import BadInput, Damaged, NotFound, Refused
from finmodel.settings import Settings

ROW = "spine_row"
KEY, TIME = "customer_id", "event_timestamp"


def training_frame(settings: Settings, spine: pd.DataFrame, service: str) -> pd.DataFrame:
    """A spine (customer_id, event_timestamp with a zone, and what else it has) with features.

    Columns are the spine's, then the service's features in its order, as float32 with NaN where
    nothing was known within a view's time to live. BadInput for a spine that cannot be joined;
    Refused if the service holds what is for audits only.
    """
    store = open_store(settings)
    found = _service(store, service)
    if is_for_audits(found):
        raise Refused(
            "it is for audits only", where=f"feature service {service}", remedy="train on another"
        )
    return _joined(store, spine, found)


def audit_frame(settings: Settings, spine: pd.DataFrame, service: str) -> pd.DataFrame:
    """A spine with the attributes that fairness is measured with; never to be trained on."""
    store = open_store(settings)
    return _joined(store, spine, _service(store, service))


def _joined(store: FeatureStore, spine: pd.DataFrame, service: FeatureService) -> pd.DataFrame:
    where = f"feature service {service.name}"
    names = [f.name for view in service.feature_view_projections for f in view.features]
    check_services([service], store.list_feature_views(allow_cache=True))
    _check_spine(spine, {ROW, *names})
    for projection in service.feature_view_projections:
        snapshots_of(store.get_feature_view(projection.name, allow_registry_cache=True))
    numbered = spine[[KEY, TIME]].assign(**{ROW: range(len(spine))})
    with warnings.catch_warnings():
        # Ibis asks DuckDB under a name that DuckDB has since changed.
        warnings.filterwarnings("ignore", "fetch_arrow_table", DeprecationWarning)
        job = store.get_historical_features(numbered, service, filter_by_created_timestamp=True)
        joined = job.to_df().sort_values(ROW, ignore_index=True)
    if len(joined) != len(spine) or (joined[ROW] != range(len(spine))).any():
        raise Damaged(
            f"{len(spine)} rows went into the join and {len(joined)} came out",
            where=where,
            remedy="report it: Feast's join has lost or repeated rows",
        )
    return pd.concat([spine, joined[names].astype("float32").set_axis(spine.index)], axis=1)


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
