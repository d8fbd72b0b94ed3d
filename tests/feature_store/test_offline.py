"""Training frames: against a point-in-time join in pandas alone, and each spine that is refused."""

from datetime import UTC, date, timedelta

import duckdb
import numpy as np
import pandas as pd
import pytest
from feast import FeatureService

from feature_store import history, store
from feature_store.archive import archive_log
from feature_store.archive_key import make_archive
from feature_store.event_log import FileEventLog, append_all
from feature_store.offline import audit_frame, training_frame
from feature_store.online import OnlineFeatures
from feature_store.packed_store import writer_of
from feature_store.plan import ServicePlan, plan_of
from feature_store.stream import catch_up
from finmodel.errors import BadInput, NotFound, NotReady, Refused
from finmodel.lender import credit_default
from finmodel.lender.simulated import Lender as Simulated
from finmodel.records import ViewState
from finmodel.settings import Settings
from tests.feature_store.small_home import Lender, small_settings

SERVICE, AUDIT = "behaviour_risk_v1", "behaviour_risk_audit_v1"
TTL = timedelta(days=45)
OCTOBER = pd.Timestamp(2005, 10, 1, tz=UTC)


@pytest.fixture(scope="module")
def plan(lender) -> ServicePlan:
    return plan_of(store.open_store(lender.settings), SERVICE)


@pytest.fixture(scope="module")
def unsettled(lender, tmp_path_factory) -> Lender:
    """The same lender, some of whose rows are put in late, and some corrected more than once."""
    copy = lender.copy(tmp_path_factory.mktemp("unsettled") / "home")
    random = np.random.default_rng(17)
    for view in history.VIEWS:
        path = copy.settings.offline / f"{view}.parquet"
        rows = pd.read_parquet(path)
        features = rows.columns[3:]
        for late_days in (0.001, 9, 40):
            again = rows[random.random(len(rows)) < 0.3].copy()
            again["created_timestamp"] += pd.Timedelta(days=late_days)
            again[features] += np.float32(1_000 * late_days)
            rows = pd.concat([rows, again])
        late = random.random(len(rows)) < 0.1
        rows.loc[late, "created_timestamp"] += pd.Timedelta(days=20)
        rows = rows.drop_duplicates(["customer_id", "event_timestamp", "created_timestamp"])
        rows.sample(frac=1, random_state=2).to_parquet(path, index=False)
    return copy


@pytest.fixture(scope="module")
def october(lender, plan) -> pd.DataFrame:
    """Everyone's features as of October."""
    features = training_frame(lender.settings, lender.spine, SERVICE)[list(plan.names)]
    assert features.notna().to_numpy().mean() > 0.9
    return features


def spine_of(lender: Lender, rows: int = 900) -> pd.DataFrame:
    """Customers, known and not, some twice, at times before, within and after the history."""
    random = np.random.default_rng(5)
    ids = np.append(lender.table["ID"].to_numpy(), [-3, 999_999])
    days = random.uniform(-10, 280, rows)
    spine = pd.DataFrame(
        {
            "note": [f"row {i}" for i in range(rows)],
            "event_timestamp": pd.Timestamp(credit_default.OPENED_AT)
            + pd.to_timedelta(days.round(6), "D").round("us"),
            "customer_id": random.choice(ids, rows),
        },
        index=random.permutation(rows) // 2,
    )
    return pd.concat([spine, spine.tail(20)])


def known_then(settings: Settings, spine: pd.DataFrame, plan: ServicePlan) -> np.ndarray:
    """(n, f) features of a spine by pandas alone: of all pairs of a spine's row and a snapshot,
    those known by then and not too old; of these, for each row of the spine, the last."""
    asked = spine[["customer_id"]].assign(at=spine["event_timestamp"], row=range(len(spine)))
    blocks = []
    for view in plan.views:
        rows = pd.read_parquet(settings.offline / f"{view.name}.parquet")
        pairs = asked.merge(rows, on="customer_id")
        age = pairs["at"] - pairs["event_timestamp"]
        within = (age >= pd.Timedelta(0)) & (age <= pd.Timedelta(seconds=view.ttl_s))
        known = pairs[within & (pairs["created_timestamp"] <= pairs["at"])]
        last = known.sort_values(["event_timestamp", "created_timestamp"]).groupby("row").tail(1)
        names = [feature.name for feature in view.features]
        blocks.append(last.set_index("row")[names].reindex(range(len(spine))))
    return pd.concat(blocks, axis=1)[list(plan.names)].to_numpy(np.float32)


def test_the_frame_is_what_was_known_at_each_time(unsettled, plan):
    spine = spine_of(unsettled)
    frame = training_frame(unsettled.settings, spine, SERVICE)
    expected = known_then(unsettled.settings, spine, plan)
    nothing = np.isnan(expected).all(axis=1)
    assert 200 < nothing.sum() < 500
    np.testing.assert_array_equal(frame[list(plan.names)].to_numpy(), expected)


def test_the_spine_stays_as_it_was(lender, plan):
    spine = spine_of(lender)
    before = spine.copy()
    frame = training_frame(lender.settings, spine, SERVICE)
    pd.testing.assert_frame_equal(spine, before)
    pd.testing.assert_frame_equal(frame[spine.columns], before)
    assert not frame.index.is_unique
    assert tuple(frame.columns) == (*spine.columns, *plan.names)
    assert set(frame[list(plan.names)].dtypes.map(str)) == {"float32"}


def snapshots(lender: Lender, view: str) -> pd.DataFrame:
    return pd.read_parquet(lender.settings.offline / f"{view}.parquet")


def test_nothing_of_a_microsecond_later_gets_in(lender):
    rows = snapshots(lender, "utilisation").groupby("customer_id").nth(2).head(50)
    spine = rows[["customer_id", "event_timestamp"]].reset_index(drop=True)
    at = training_frame(lender.settings, spine, SERVICE)["utilisation_lag_0m"]
    assert at.tolist() == rows["utilisation_lag_0m"].tolist()
    spine["event_timestamp"] -= pd.Timedelta(microseconds=1)
    before = training_frame(lender.settings, spine, SERVICE)["utilisation_lag_0m"]
    earlier = snapshots(lender, "utilisation").groupby("customer_id").nth(1).head(50)
    assert before.tolist() == earlier["utilisation_lag_0m"].tolist()
    assert before.tolist() != at.tolist()


def test_training_calls_stale_what_serving_calls_stale(lender, plan, tmp_path):
    """A microsecond before the time to live, at it, and a microsecond after."""
    copy = lender.copy(tmp_path / "home")
    store.materialize(copy.settings, OCTOBER.to_pydatetime())
    last = snapshots(copy, "spending").groupby("customer_id").tail(1).head(30)
    online = OnlineFeatures(copy.settings.online)
    edge = last["event_timestamp"] + TTL
    seen = []
    for shift in (-1, 0, 1):
        at = edge + pd.Timedelta(microseconds=shift)
        spine = pd.DataFrame({"customer_id": last["customer_id"], "event_timestamp": at})
        frame = training_frame(copy.settings, spine, SERVICE)
        for place, (customer, time) in enumerate(zip(spine["customer_id"], at, strict=True)):
            batch = online.fetch([customer], plan, time.to_pydatetime())
            fresh = np.repeat(
                batch.states[0] == ViewState.PRESENT, [len(v.features) for v in plan.views]
            )
            served = np.where(fresh, batch.matrix[0], np.nan)
            trained = frame[list(plan.names)].iloc[place].to_numpy()
            np.testing.assert_array_equal(trained, served)
            seen.append(fresh.all())
    assert seen == [True] * 60 + [False] * 30


@pytest.mark.parametrize("unit", ["s", "ns"])
def test_a_time_is_an_instant_whatever_its_zone_and_unit(lender, october, unit):
    times = lender.spine["event_timestamp"].dt.tz_convert("America/New_York").dt.as_unit(unit)
    frame = training_frame(lender.settings, lender.spine.assign(event_timestamp=times), SERVICE)
    pd.testing.assert_frame_equal(frame[october.columns], october)
    assert frame["event_timestamp"].dtype == times.dtype


@pytest.mark.parametrize("dtype", ["uint16", "Int64"])
def test_ids_are_whole_numbers_of_any_type(lender, october, dtype):
    spine = lender.spine.assign(customer_id=lender.spine["customer_id"].astype(dtype))
    frame = training_frame(lender.settings, spine, SERVICE)
    assert frame["customer_id"].dtype == dtype
    pd.testing.assert_frame_equal(frame[october.columns], october)


# ------------------------------------------------------------------------------------------ windows

STREAMED, MIXED = "customer_behaviour_v1", "mixed_v1"


@pytest.fixture(scope="module")
def streaming(lender, tmp_path_factory) -> Lender:
    """The same lender, of whose customers a second lender tells what they do beside their cards;
    and a service of snapshots and windows, in an order that is not the alphabet's."""
    copy = lender.copy(tmp_path_factory.mktemp("streaming") / "home")
    doing = Simulated(customers=60, days=50, seed=3, start=date(2005, 8, 1), late_share=0.1)
    with FileEventLog(copy.settings.events, write=True) as log:
        append_all(log, doing.events())
    archive_log(copy.log(), make_archive(copy.settings), at_least=1)
    opened = store.open_store(copy.settings)
    pages, loans = map(opened.get_stream_feature_view, ("page_activity", "loan_applications"))
    some = [f"page_{what}_24h" for what in ("dwell_mean", "count", "limit_count")]
    parts = [pages[some], opened.get_feature_view("spending"), loans[["application_count_90d"]]]
    opened.apply(FeatureService(name=MIXED, features=parts))
    return copy


@pytest.fixture(scope="module")
def asked(streaming) -> pd.DataFrame:
    """Customers of both lenders and of none, at times of the second one's life."""
    random = np.random.default_rng(4)
    ids = np.append(np.arange(1, 61), streaming.table["ID"].to_numpy()[:60])
    times = pd.Timestamp("2005-08-10T00:00:00Z") + pd.to_timedelta(
        random.integers(0, 60 * 86_400, 500), "s"
    )
    spine = pd.DataFrame({"customer_id": random.choice(ids, 500), "event_timestamp": times})
    return spine.set_index(random.permutation(500) // 2)


def test_windows_are_joined_in_the_services_order(streaming, asked):
    frame = training_frame(streaming.settings, asked, STREAMED)
    plan = plan_of(store.open_store(streaming.settings), STREAMED)
    assert tuple(frame.columns) == (*asked.columns, *plan.names)
    assert len(plan.names) >= 128
    pd.testing.assert_frame_equal(frame[asked.columns], asked)
    assert set(frame[list(plan.names)].dtypes.map(str)) == {"float32"}
    assert (frame[list(plan.names)].fillna(0).to_numpy() > 0).sum() > 1_000


def test_what_is_trained_on_is_what_is_served(streaming):
    """Every feature of every customer, after the stream has come to the log's end."""
    opened, end = store.open_store(streaming.settings), pd.Timestamp("2005-09-24T12:00:00Z")
    catch_up(streaming.log(), writer_of(opened.config), store.window_plans(opened))
    ids, plan = np.arange(1, 70), plan_of(opened, STREAMED)
    served = OnlineFeatures(streaming.settings.online).fetch(ids, plan, end.to_pydatetime())
    spine = pd.DataFrame({"customer_id": ids, "event_timestamp": end})
    trained = training_frame(streaming.settings, spine, STREAMED)[list(plan.names)]
    assert (np.nan_to_num(served.matrix) > 0).sum() > 500
    assert trained.to_numpy().tobytes() == served.matrix.tobytes()


def test_snapshots_and_windows_each_come_by_their_own_road(streaming, asked):
    told = []
    mixed = training_frame(streaming.settings, asked, MIXED, progress=lambda *one: told.append(one))
    plan = plan_of(store.open_store(streaming.settings), MIXED)
    assert tuple(mixed.columns) == (*asked.columns, *plan.names)
    assert plan.view_names == ("page_activity", "spending", "loan_applications")
    for service in (SERVICE, STREAMED):
        alone = training_frame(streaming.settings, asked, service)
        both = [name for name in plan.names if name in alone]
        assert len(both) >= 4
        pd.testing.assert_frame_equal(mixed[both], alone[both])
    assert told[-1] == ("windowed views", 2, 2)


def test_windows_need_an_archive(lender, streaming, asked):
    with pytest.raises(NotReady, match="no events are archived yet; run `finmodel archive`"):
        training_frame(lender.settings, asked, STREAMED)
    with pytest.raises(BadInput, match="there is no engine 'flink'; name duckdb or spark"):
        training_frame(streaming.settings, asked, STREAMED, "flink")
    with pytest.raises(BadInput, match="spine: column page_count_7d is a feature's"):
        training_frame(streaming.settings, asked.assign(page_count_7d=1), STREAMED)


def test_the_views_batch_source_is_the_topics_folder(streaming):
    """Where stock Feast, or anybody else, reads the events of a view."""
    for view in store.open_store(streaming.settings).list_stream_feature_views():
        topic = view.stream_source.kafka_options.topic
        assert view.batch_source.path == str(streaming.settings.archive / topic / "*.parquet")
        rows = duckdb.read_parquet(view.batch_source.path)
        assert len(rows) == sum(streaming.log().end_offsets(topic))
        assert {"customer", "occurred_at", "known_at"} <= set(rows.columns)


# --------------------------------------------------------------------------------------- bad spines

GOOD = pd.DataFrame({"customer_id": [1, 2], "event_timestamp": [OCTOBER, OCTOBER]})


@pytest.mark.parametrize(
    ("spine", "says"),
    [
        (GOOD.drop(columns="customer_id"), "no column customer_id; give one"),
        (GOOD.drop(columns="event_timestamp"), "no column event_timestamp"),
        (GOOD.assign(balance_lag_0m=1.0), "column balance_lag_0m is a feature's; rename it"),
        (GOOD.assign(spine_row=1), "column spine_row is a feature's"),
        (GOOD.head(0), "it has no rows"),
        (GOOD.assign(customer_id=[1.0, 2.0]), "customer_id is float64; make it whole numbers"),
        (GOOD.assign(customer_id=["1", "2"]), "customer_id is (object|str)"),
        (GOOD.assign(customer_id=[True, False]), "customer_id is bool"),
        (
            GOOD.assign(event_timestamp=pd.to_datetime(["2005-10-01"] * 2)),
            "event_timestamp has times without a zone",
        ),
        (GOOD.assign(event_timestamp=["2005-10-01T00:00:00Z"] * 2), "times without a zone"),
        (GOOD.assign(event_timestamp=[OCTOBER, pd.NaT]), "without a zone, or none"),
    ],
)
def test_a_spine_that_cannot_be_joined_is_refused(lender, spine, says):
    with pytest.raises(BadInput, match=f"spine: .*{says}"):
        training_frame(lender.settings, spine, SERVICE)
    with pytest.raises(BadInput, match="spine: "):
        audit_frame(lender.settings, spine.rename(columns={"balance_lag_0m": "age"}), AUDIT)


def test_no_such_service(lender):
    for frame in (training_frame, audit_frame):
        with pytest.raises(NotFound, match=r"risk_v9: there is no such feature service"):
            frame(lender.settings, GOOD, "risk_v9")


def test_it_is_not_ready_before_it_is_defined_and_built(lender, tmp_path):
    with pytest.raises(NotReady, match="no features are defined yet"):
        training_frame(small_settings(tmp_path / "nothing"), GOOD, SERVICE)
    copy = lender.copy(tmp_path / "home")
    (copy.settings.offline / "repayment.parquet").unlink()
    with pytest.raises(NotReady, match="view repayment: it has no snapshots yet"):
        training_frame(copy.settings, GOOD, SERVICE)


# --------------------------------------------------------------------------------------- for audits


def test_what_is_for_audits_is_not_trained_on(lender):
    with pytest.raises(Refused, match=f"feature service {AUDIT}: it is for audits only; train on"):
        training_frame(lender.settings, lender.spine, AUDIT)


@pytest.mark.parametrize("frame", [training_frame, audit_frame])
def test_a_service_that_came_in_by_another_door_is_refused(lender, tmp_path, frame):
    """Defined with Feast alone, past `store.apply`, without saying that it is for audits."""
    copy = lender.copy(tmp_path / "home")
    opened = store.open_store(copy.settings)
    profile = opened.get_feature_view("customer_profile")
    spending = opened.get_feature_view("spending")
    opened.apply(FeatureService(name="sly_v1", features=[spending, profile[["age"]]]))
    with pytest.raises(
        Refused, match="feature service sly_v1: view customer_profile is for audits"
    ):
        frame(copy.settings, copy.spine, "sly_v1")


def test_the_audit_frame_has_each_customers_attributes(lender):
    spine = lender.spine.sample(frac=1, random_state=1)
    frame = audit_frame(lender.settings, spine, AUDIT)
    table = lender.table.set_index("ID").loc[spine["customer_id"]]
    columns = {"sex": "SEX", "education": "EDUCATION", "marriage": "MARRIAGE", "age": "AGE"}
    assert set(frame.columns) - set(spine.columns) == set(columns)
    for ours, theirs in columns.items():
        assert frame[ours].tolist() == table[theirs].tolist(), ours
    assert frame.index.tolist() == spine.index.tolist()


def test_attributes_never_grow_stale_and_are_not_known_before(lender):
    opened = pd.Timestamp(credit_default.OPENED_AT)
    times = [opened - pd.Timedelta(microseconds=1), opened, opened + pd.Timedelta(days=9_000)]
    ids = lender.table["ID"].tolist()[:1] * 3
    spine = pd.DataFrame({"customer_id": ids, "event_timestamp": times})
    ages = audit_frame(lender.settings, spine, AUDIT)["age"]
    age = float(lender.table["AGE"].iloc[0])
    np.testing.assert_array_equal(ages, [np.nan, age, age])
