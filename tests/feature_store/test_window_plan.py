"""Plans out of real Feast definitions, as `feast apply` keeps them."""

from datetime import timedelta

import msgspec
import pytest
from feast import Entity, FeatureStore, Field, FileSource, KafkaSource, StreamFeatureView, ValueType
from feast.aggregation import Aggregation
from feast.data_format import JsonFormat
from feast.types import Float32

from feature_store.window_plan import FUNCTIONS, Measure, WindowPlan, window_plan_of
from feature_store.windows import DAY, HOUR, MINUTE, Window
from finmodel.errors import BadInput

HOURS, DAYS = timedelta(hours=1), timedelta(days=1)
CUSTOMER = Entity(name="customer", join_keys=["customer_id"], value_type=ValueType.INT64)


def aggregation(name, function="sum", column="amount_minor", width=7 * DAYS, tile=6 * HOURS):
    return Aggregation(
        column=column, function=function, time_window=width, slide_interval=tile, name=name
    )


def stream_view(*aggregations, fields=None, lateness=2 * HOURS, name="repayments"):
    source = KafkaSource(
        name=f"{name}_topic",
        kafka_bootstrap_servers="127.0.0.1:9092",
        topic="loan.repayment.v1",
        timestamp_field="occurred_at",
        message_format=JsonFormat(schema_json="event_id string"),
        watermark_delay_threshold=lateness,
        batch_source=FileSource(name=f"{name}_archive", path="x.parquet", timestamp_field="t"),
    )
    names = [one.name for one in aggregations] if fields is None else fields
    return StreamFeatureView(
        name=name,
        entities=[CUSTOMER],
        ttl=timedelta(days=90),
        schema=[Field(name=one, dtype=Float32) for one in names],
        source=source,
        aggregations=list(aggregations),
        timestamp_field="occurred_at",
    )


def test_a_view_says_what_is_computed():
    plan = window_plan_of(
        stream_view(
            aggregation("repayment_sum_7d"),
            aggregation("repayment_count_1h", "count", "event_id", HOURS, timedelta(minutes=5)),
            aggregation("repayment_app_max_7d", "max", "amount_minor where channel = app"),
        )
    )
    assert (plan.view, plan.topic) == ("repayments", "loan.repayment.v1")
    assert plan.lateness_us == 2 * HOUR
    assert [one.name for one in plan.aggregates] == [
        "repayment_sum_7d",
        "repayment_count_1h",
        "repayment_app_max_7d",
    ]
    assert plan.measures == (
        Measure("amount_minor"),
        Measure("event_id"),
        Measure("amount_minor", "channel", "app"),
    )
    assert plan.tiling.windows == (Window(HOUR, 5 * MINUTE), Window(7 * DAY, 6 * HOUR))


def test_the_registry_gives_the_same_plan_back(tmp_path):
    view = stream_view(*(aggregation(f"repayment_{one}_7d", one) for one in FUNCTIONS))
    (tmp_path / "feature_store.yaml").write_text(
        "project: tiny\nprovider: local\nregistry: registry.db\n"
        "entity_key_serialization_version: 3\nonline_store: {type: sqlite, path: online.db}\n"
    )
    store = FeatureStore(repo_path=str(tmp_path))
    store.apply([CUSTOMER, view])
    assert window_plan_of(store.get_stream_feature_view("repayments")) == window_plan_of(view)


def test_a_plan_is_plain_facts():
    plan = window_plan_of(stream_view(aggregation("repayment_sum_7d")))
    assert msgspec.json.decode(msgspec.json.encode(plan), type=WindowPlan) == plan


@pytest.mark.parametrize(
    ("view", "said"),
    [
        (lambda: stream_view(aggregation("a", "median")), "view repayments: a: there is no func"),
        (lambda: stream_view(aggregation("a", column="x y")), "column 'x y'"),
        (lambda: stream_view(aggregation("a", tile=5 * HOURS)), "divisor"),
        (lambda: stream_view(aggregation("a", width=None, tile=None)), "divisor"),
        (lambda: stream_view(aggregation("a"), fields=["a", "b"]), "differ in b"),
        (lambda: stream_view(aggregation("a"), aggregation("a"), fields=["a"]), "differ in a"),
    ],
)
def test_what_cannot_be_computed_is_refused_by_name(view, said):
    with pytest.raises(BadInput, match=said):
        window_plan_of(view())
