"""Events through the map and back as features: each counts once, whatever is sent again."""

import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from feast import FeatureStore
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from feature_store.lmdb_map import MapPlace
from feature_store.online import OnlineFeatures
from feature_store.packed_columns import ViewColumns
from feature_store.packed_store import writer_of
from feature_store.packed_writer import PackedWriter
from feature_store.plan import FeaturePlan, ServicePlan, ViewPlan
from feature_store.tile_columns import EventColumns, Fates
from feature_store.tiles import Events, compile_plan, features, no_tiles, update
from feature_store.window_plan import (
    FUNCTIONS,
    Aggregate,
    Measure,
    WindowPlan,
    window_plan_of,
)
from feature_store.windows import DAY, HOUR, MINUTE, Window
from finmodel.errors import BadInput, Damaged
from finmodel.records import ViewState
from tests.feature_store.map_values import key_of, put_value, values_in
from tests.feature_store.test_window_plan import CUSTOMER, aggregation, stream_view

WINDOWS = {"1h": Window(HOUR, 5 * MINUTE), "7d": Window(7 * DAY, 6 * HOUR)}
PLAN = WindowPlan(
    "repayments",
    "loan.repayment.v1",
    tuple(
        Aggregate(f"repayment_{function}_{name}", function, Measure("amount_minor"), window)
        for name, window in WINDOWS.items()
        for function in FUNCTIONS
    ),
    lateness_us=2 * HOUR,
)
NAMES = tuple(one.name for one in PLAN.aggregates)
NOW = 1_800_000_123_456_789
TOPIC = 7


def service(*names: str) -> ServicePlan:
    fields = tuple(FeaturePlan(name, "Float32") for name in names or NAMES)
    batch = ViewPlan("bill", 0.0, (FeaturePlan("bill_last", "Float32"),))
    return ServicePlan("s_v1", "customer_id", "int64", (batch, ViewPlan(PLAN.view, 0.0, fields)))


def instant(at: int) -> datetime:
    return datetime.fromtimestamp(at // 10**6, UTC).replace(microsecond=at % 10**6)


def events(seed: int, count: int, customers: int = 3) -> EventColumns:
    """A partition's log: in order of arrival, some late, a few sent twice, one of the future."""
    rng = np.random.default_rng(seed)
    logged = NOW - np.sort(rng.integers(1, 3 * DAY, count))[::-1]
    late = (rng.random(count) < 0.3) * rng.integers(0, 3 * HOUR, count)
    ids = rng.permutation(count).astype(np.uint64)
    again = rng.random(count) < 0.1
    ids[again] = ids[np.maximum(np.arange(count) - 1, 0)][again]
    return EventColumns(
        customers=rng.integers(1, customers + 1, count),
        event_us=logged - late + (rng.random(count) < 0.03) * 2 * HOUR,
        logged_us=logged,
        offsets=np.arange(count, dtype=np.int64),
        ids=ids,
        values=rng.integers(-1000, 10**9, (count, 1)),
        present=np.ones((count, 1), bool),
        topic=TOPIC,
        partition=1,
    )


def part(given: EventColumns, rows) -> EventColumns:
    names = ("customers", "event_us", "logged_us", "offsets", "ids", "values", "present")
    return replace(given, **{name: getattr(given, name)[rows] for name in names})


def counted(given: EventColumns, customer: int) -> tuple[Events, int]:
    """By hand: which of a customer's events count, and where the log's clock stands then."""
    rows, seen, clock = [], {}, -(2**62)
    for e in np.flatnonzero(given.customers == customer):
        logged, event = int(given.logged_us[e]), int(given.event_us[e])
        clock = max(clock, logged)
        if event > logged + PLAN.skew_us or logged - event > PLAN.lateness_us:
            continue
        known = seen.get(int(given.ids[e]))
        if known is not None and known >= logged - PLAN.lateness_us:
            continue
        seen[int(given.ids[e])] = logged
        rows.append(e)
    columns = (given.event_us, given.offsets, given.values, given.present)
    return Events(*(column[rows] for column in columns)), clock


def expected(given: EventColumns, customer: int, as_of: int) -> np.ndarray:
    program = compile_plan(PLAN)
    some, clock = counted(given, customer)
    return features(program, update(program, no_tiles(program), some, clock), as_of)


@pytest.fixture
def writer(tmp_path: Path) -> PackedWriter:
    return PackedWriter(MapPlace(tmp_path / "online", 0.1), "finmodel")


@pytest.fixture
def online(tmp_path: Path) -> OnlineFeatures:
    return OnlineFeatures(tmp_path / "online")


def stored(folder: Path, customers: list[int]) -> list[bytes]:
    found = values_in(MapPlace(folder, 0.1))
    return [found.get(key_of(customer), b"") for customer in customers]


def test_what_is_read_is_what_the_log_says(writer, online):
    given = events(1, 400)
    for rows in np.array_split(np.arange(400), 7):
        writer.write_events("customer_id", PLAN, part(given, rows))
    batch = online.fetch([1, 2, 3, 99], service(), instant(NOW))
    for row, customer in enumerate((1, 2, 3)):
        np.testing.assert_array_equal(batch.matrix[row, 1:], expected(given, customer, NOW))
    nobody = dict(zip(NAMES, batch.matrix[3, 1:], strict=True))
    assert nobody["repayment_count_7d"] == nobody["repayment_sum_1h"] == 0
    assert np.isnan(nobody["repayment_max_7d"])
    assert batch.states[:, 1].tolist() == [ViewState.PRESENT] * 4
    assert batch.offsets[:3, 1].max() == 399
    assert batch.states[:, 0].tolist() == [ViewState.MISSING] * 4


def test_a_model_reads_some_of_the_features_in_its_own_order(writer, online):
    given = events(2, 50, customers=1)
    writer.write_events("customer_id", PLAN, given)
    wanted = ("repayment_max_7d", "repayment_count_1h", "never_defined")
    found = online.fetch([1], service(*wanted), instant(NOW)).matrix[0, 1:]
    whole = dict(zip(NAMES, expected(given, 1, NOW), strict=True))
    np.testing.assert_array_equal(found, [*(whole[name] for name in wanted[:2]), np.nan])


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.integers(0, 10_000), st.lists(st.integers(0, 60), max_size=6), st.data())
def test_batches_and_deliveries_again_change_no_byte(tmp_path_factory, seed, cuts, data):
    given, whole = events(seed, 60), tmp_path_factory.mktemp("whole")
    PackedWriter(MapPlace(whole, 0.1), "p").write_events("customer_id", PLAN, given)
    parts = tmp_path_factory.mktemp("parts")
    writer, fates = PackedWriter(MapPlace(parts, 0.1), "p"), np.zeros(5, int)
    at = 0
    for cut in [*cuts, 60]:
        at = data.draw(st.integers(0, at)) if at else 0  # a crash before the commit of offsets
        fates += writer.write_events("customer_id", PLAN, part(given, slice(at, max(cut, at))))
        at = max(cut, at)
    assert stored(parts, [1, 2, 3]) == stored(whole, [1, 2, 3])
    told = Fates(*fates)
    assert told.counted == sum(len(counted(given, one)[0].event_us) for one in (1, 2, 3))


def test_stock_feast_reads_what_the_tiles_say(tmp_path, monkeypatch):
    aggregations = [
        aggregation(f"repayment_{one}_7d", one) for one in ("count", "sum", "max", "std")
    ]
    view = stream_view(*aggregations)
    (tmp_path / "feature_store.yaml").write_text(
        "project: tiny\nprovider: local\nregistry: registry.db\n"
        "entity_key_serialization_version: 3\n"
        "online_store: {type: feature_store.packed_store.PackedOnlineStore, map_gb: 0.1}\n"
    )
    store = FeatureStore(repo_path=str(tmp_path))
    store.apply([CUSTOMER, view])
    names = [one.name for one in aggregations]
    asked = [f"repayments:{name}" for name in names]
    people = [{"customer_id": 1}, {"customer_id": 99}]
    empty = store.get_online_features(asked, people).to_dict()
    assert empty["repayment_count_7d"] == [0, 0]
    now = int(time.time() * 1e6)
    given = events(11, 60, customers=1)
    shift = now - NOW
    given = replace(given, event_us=given.event_us + shift, logged_us=given.logged_us + shift)
    writer_of(store.config).write_events("customer_id", window_plan_of(view), given)
    answer = store.get_online_features(asked, people).to_dict()
    plan = plan_of_views(("repayments", names))
    ours = OnlineFeatures(tmp_path / "online").fetch([1, 99], plan, datetime.now(UTC)).matrix
    theirs = np.array([answer[name] for name in names], dtype=np.float32).T
    np.testing.assert_array_equal(ours, theirs)
    assert ours[0, 0] > 5
    with pytest.raises(BadInput, match="computed from events"):
        store.write_to_online_store(
            "repayments",
            pd.DataFrame(
                {"customer_id": [1], "t": [datetime.now(UTC)]} | {name: [1.0] for name in names}
            ),
        )


def plan_of_views(*views: tuple[str, list[str]]) -> ServicePlan:
    plans = (
        ViewPlan(view, 0.0, tuple(FeaturePlan(name, "Float32") for name in names))
        for view, names in views
    )
    return ServicePlan("s", "customer_id", "int64", tuple(plans))


def test_every_fate_is_told(writer):
    given = events(3, 400)
    first = writer.write_events("customer_id", PLAN, given)
    assert sum(first) == 400
    assert min(first.counted, first.repeated, first.late, first.ahead) > 0
    assert writer.write_events("customer_id", PLAN, given) == Fates(0, 400, 0, 0, 0)


def test_a_topic_made_anew_starts_its_offsets_afresh_and_keeps_what_was_counted(writer, online):
    given = events(4, 40, customers=1)
    writer.write_events("customer_id", PLAN, part(given, slice(0, 20)))
    later = part(given, slice(20, 40))
    anew = replace(later, topic=8, offsets=np.arange(20, dtype=np.int64))
    assert writer.write_events("customer_id", PLAN, anew).seen == 0
    found = online.fetch([1], service(), instant(NOW)).matrix[0, 1:]
    lasts = np.array(["last" in name for name in NAMES])  # ties go by the offset, which is new
    np.testing.assert_array_equal(found[~lasts], expected(given, 1, NOW)[~lasts])


def test_rows_of_batch_views_and_tiles_lie_side_by_side(writer, online):
    bill = ViewColumns(
        "bill",
        (FeaturePlan("bill_last", "Float32"),),
        np.array([NOW - DAY]),
        np.array([[5]], np.float32),
    )
    given = events(5, 30, customers=1)
    writer.write_events("customer_id", PLAN, part(given, slice(0, 10)))
    writer.write_columns("customer_id", [1], [bill])
    writer.write_events("customer_id", PLAN, part(given, slice(10, 30)))
    batch = online.fetch([1], service(), instant(NOW))
    np.testing.assert_array_equal(batch.matrix[0], [5, *expected(given, 1, NOW)])


def test_a_plan_that_changed_starts_from_nothing_and_is_never_read_shifted(writer, online):
    given = events(6, 30, customers=1)
    writer.write_events("customer_id", PLAN, given)
    other = replace_plan("sum", "max")
    writer.write_events("customer_id", other, part(given, slice(0, 0)))
    names = tuple(one.name for one in other.aggregates)
    found = online.fetch([1], service(*names), instant(NOW)).matrix[0, 1:]
    assert (np.isnan(found) | (found == 0)).all()


def replace_plan(*functions: str) -> WindowPlan:
    chosen = tuple(one for one in PLAN.aggregates if one.function in functions)
    return WindowPlan(PLAN.view, PLAN.topic, chosen[::-1], PLAN.lateness_us)


def test_a_time_before_what_tiles_still_know_is_of_the_future(writer, online):
    writer.write_events("customer_id", PLAN, events(7, 30, customers=1))
    batch = online.fetch([1], service(), instant(NOW - 2 * DAY))
    assert batch.states[0, 1] == ViewState.FUTURE
    assert np.isnan(batch.matrix[0, 1:]).all()


def test_a_value_with_a_bit_changed_is_damaged_or_still_whole(writer, tmp_path):
    """No change of a byte reads past the value or ends the process."""
    writer.write_events("customer_id", PLAN, events(8, 30, customers=1))
    (value,) = stored(tmp_path / "online", [1])
    rng = np.random.default_rng(1)
    damaged = 0
    for _ in range(300):
        changed = bytearray(value)
        changed[rng.integers(0, len(value))] ^= 1 << rng.integers(0, 8)
        put_value(MapPlace(tmp_path / "online", 0.1), 1, bytes(changed))
        try:
            OnlineFeatures(tmp_path / "online").fetch([1], service(), instant(NOW))
        except Damaged:
            damaged += 1
    assert damaged > 0


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"offsets": np.array([1, 1])}, "offsets do not rise"),
        ({"ids": np.array([1], np.uint64)}, "do not fit 2 events"),
        ({"values": np.zeros((2, 2), np.int64)}, "do not fit 2 events and 1 measures"),
    ],
)
def test_columns_that_do_not_fit_are_refused(writer, changed, said):
    with pytest.raises(BadInput, match=said):
        writer.write_events(
            "customer_id", PLAN, replace(part(events(9, 2), slice(0, 2)), **changed)
        )
