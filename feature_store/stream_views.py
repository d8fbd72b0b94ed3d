"""A windowed view written short: Feast's own objects out of a topic, measures and windows.

Names, functions and widths go in; a `StreamFeatureView` with one `Aggregation` and one field for
each feature comes out, so that nothing is said twice. What a feature means is said where it is
defined; how it is computed stands in `windows.py` and `tiles.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from feast import Entity, Field, FileSource, KafkaSource, StreamFeatureView
from feast.aggregation import Aggregation
from feast.data_format import JsonFormat
from feast.types import Float32, Int64

from feature_store.event_measures import check_measures
from feature_store.window_plan import window_plan_of
from finmodel.errors import BadInput

WINDOWS: Mapping[str, tuple[timedelta, timedelta]] = {
    "1h": (timedelta(hours=1), timedelta(minutes=5)),
    "24h": (timedelta(hours=24), timedelta(hours=1)),
    "7d": (timedelta(days=7), timedelta(hours=6)),
    "30d": (timedelta(days=30), timedelta(days=1)),
    "90d": (timedelta(days=90), timedelta(days=1)),
}
"""Width, and width of the tiles that its tail is rounded to."""


@dataclass(frozen=True, slots=True)
class Stream:
    """What the streamed views of a repository have in common."""

    entity: Entity
    archive: Path
    """Folder of the events as Parquet, a folder for each topic, that a batch reads."""
    owner: str
    brokers: str = "127.0.0.1:9092"
    lateness: timedelta = timedelta(hours=6)
    """Later than a nightly batch."""


@dataclass(frozen=True, slots=True)
class Windowed:
    """Features of one measure: `<what>_<window>` for each window."""

    function: str
    column: str
    windows: str
    """Names out of `WINDOWS`, with spaces between them."""
    says: str


def streamed(
    stream: Stream, name: str, topic: str, says: str, features: Mapping[str, Windowed]
) -> StreamFeatureView:
    """A view of a topic's events; BadInput where a measure does not fit them."""
    aggregations, fields = [], []
    for what, one in features.items():
        for window in one.windows.split():
            if window not in WINDOWS:
                raise BadInput(
                    f"there is no window {window!r}",
                    where=f"view {name}: {what}",
                    remedy=f"choose of {', '.join(WINDOWS)}",
                )
            feature, (width, tile) = f"{what}_{window}", WINDOWS[window]
            aggregations.append(Aggregation(one.column, one.function, width, tile, feature))
            meaning = f"{one.says}, of the last {window}"
            fields.append(Field(name=feature, dtype=Float32, description=meaning))
    archive = FileSource(
        name=f"{name}_archive",
        path=str(stream.archive / topic / "*.parquet"),
        timestamp_field="occurred_at",
        created_timestamp_column="known_at",
        description=f"Events of {topic}, of customers under pseudonyms",
        owner=stream.owner,
    )
    source = KafkaSource(
        name=f"{name}_events",
        kafka_bootstrap_servers=stream.brokers,
        topic=topic,
        timestamp_field="occurred_at",
        message_format=JsonFormat(schema_json="event_id string, customer_id bigint"),
        watermark_delay_threshold=stream.lateness,
        batch_source=archive,
        description=f"Events of {topic}",
        owner=stream.owner,
    )
    view = StreamFeatureView(
        name=name,
        entities=[stream.entity],
        ttl=timedelta(0),  # counts fall by themselves: no row of them goes stale
        schema=[Field(name="customer_id", dtype=Int64), *fields],
        source=source,
        aggregations=aggregations,
        online=False,  # to `feast materialize`, which knows no windows; the stream fills it
        timestamp_field="occurred_at",
        description=says,
        owner=stream.owner,
        tags={"domain": topic.partition(".")[0], "own_repayments": _own_repayments(topic)},
    )
    check_measures(window_plan_of(view))
    return view


def _own_repayments(topic: str) -> str:
    """Whether a topic tells of the customer's own loans here, as an applicant has none."""
    return str(topic.startswith("loan.") and topic != "loan.application.v1").lower()
