"""A view of monthly snapshots written short: Feast's own objects out of names and meanings.

A name and what each feature means go in; a `FeatureView` on its Parquet file comes out. What is in
the file is the business of `sql/`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from feast import Entity, FeatureView, Field, FileSource
from feast.types import Float32, Int64

TTL = timedelta(days=45)
"""A month and a half: the next month's snapshot is due within it, and one late month is stale."""


@dataclass(frozen=True, slots=True)
class Snapshots:
    """What the views of monthly snapshots of a repository have in common."""

    entity: Entity
    folder: Path
    """Of their Parquet files."""
    owner: str


def lags(what: str, months: int, says: str) -> dict[str, str]:
    """A feature for each of the latest months: `<what>_lag_<months ago>m`.

    >>> lags("status", 2, "Status code")
    {'status_lag_0m': 'Status code, 0 months ago', 'status_lag_1m': 'Status code, 1 months ago'}
    """
    return {f"{what}_lag_{ago}m": f"{says}, {ago} months ago" for ago in range(months)}


def snapshots(common: Snapshots, name: str, says: str, features: Mapping[str, str]) -> FeatureView:
    """A view of a customer's behaviour, with its snapshots' file and its features' meanings."""
    source = FileSource(
        name=f"{name}_snapshots",
        path=str(common.folder / f"{name}.parquet"),
        timestamp_field="event_timestamp",
        created_timestamp_column="created_timestamp",
        description=f"Monthly snapshots: {says}",
        owner=common.owner,
    )
    fields = [Field(name=n, dtype=Float32, description=text) for n, text in features.items()]
    return FeatureView(
        name=name,
        entities=[common.entity],
        ttl=TTL,
        schema=[Field(name="customer_id", dtype=Int64), *fields],
        source=source,
        description=says,
        owner=common.owner,
        tags={"domain": "card", "grain": "closed month", "made_by": f"sql/{name}.sql"},
    )
