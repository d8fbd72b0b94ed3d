"""Rows and events into a real Redis: the bytes of LMDB, whoever else writes, whatever dies."""

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import msgspec
import numpy as np
import pytest
import redis

from feature_store.event_log import FileEventLog, append_all
from feature_store.lmdb_map import MapPlace
from feature_store.packed_columns import ViewColumns
from feature_store.packed_counting import Part
from feature_store.packed_keys import keys_of, place_of
from feature_store.packed_rows import NONE, Row
from feature_store.packed_writer import PackedWriter
from feature_store.plan import FeaturePlan, ServicePlan, ViewPlan
from feature_store.redis_client import RedisLink, RedisPlace
from feature_store.redis_online import RedisOnlineFeatures
from feature_store.redis_writer import PackedRedisWriter
from feature_store.stream import catch_up
from feature_store.tile_columns import Fates
from feature_store.vectors import Scoring
from feature_store.window_plan import Aggregate, WindowPlan, measure_of, schema_of
from feature_store.windows import DAY, HOUR, Window
from finmodel.clock import micros
from finmodel.errors import Damaged, NoRoom, NotReady, Refused
from finmodel.lender.simulated import Lender
from tests.feature_store.map_values import key_of, values_in
from tests.feature_store.test_tile_sections import PLAN, TOPIC, events, part, service

pytestmark = pytest.mark.servers
T0 = datetime(2026, 9, 1, tzinfo=UTC)
XY = (FeaturePlan("x", "Float32"), FeaturePlan("y", "Float32"))
VIEWS = {"bill": XY, "loan": XY, PLAN.view: schema_of(PLAN)}
CUSTOMERS = list(range(1, 9))
STREAMED = [
    WindowPlan(
        view,
        topic,
        (
            Aggregate(f"{view}_n", "count", measure_of("event_id"), Window(7 * DAY, 6 * HOUR)),
            Aggregate(f"{view}_last", "last", measure_of(column), Window(30 * DAY, DAY)),
        ),
        lateness_us=6 * HOUR,
    )
    for view, topic, column in (
        ("repayment", "loan.repayment.v1", "amount_minor"),
        ("login", "app.login.v1", "channel"),
    )
]


@pytest.fixture
def place(empty_redis) -> RedisPlace:
    return RedisPlace(empty_redis.address, "lender")


@pytest.fixture
def writer(place) -> PackedRedisWriter:
    found = PackedRedisWriter(place)
    found.apply(VIEWS, [])
    return found


@pytest.fixture
def on_lmdb(tmp_path) -> PackedWriter:
    found = PackedWriter(MapPlace(tmp_path / "online", 0.1, sync=False), "lender")
    found.apply(VIEWS, [])
    return found


def by_key(place) -> dict[bytes, bytes]:
    """Every customer's value, by the last eight bytes of its name."""
    client = redis.Redis.from_url(f"redis://{place.connection_string}")
    names = [name for name in client.scan_iter("finmodel:lender:*") if b":integer rows" in name]
    return {name[-8:]: client.get(name) for name in names}


def on_the_map(folder, customers) -> dict[bytes, bytes]:
    found = values_in(MapPlace(folder / "online", 0.1))
    return {key: found[key] for key in map(key_of, customers) if key in found}


def bills(n: int, at: int, x: float, view: str = "bill") -> ViewColumns:
    values = np.full((n, 2), x, np.float32)
    values[::3, 1] = np.nan
    return ViewColumns(view, XY, np.full(n, at), values)


def batch_view(view: str = "bill") -> ServicePlan:
    return ServicePlan("s_v1", "customer_id", "int64", (ViewPlan(view, 0.0, XY),))


def clock(minutes: int = 0) -> datetime:
    return T0 + timedelta(minutes=minutes)


# ---------------------------------------------------------------------------- the same as on LMDB


def test_rows_are_the_same_bytes_as_on_lmdb_and_fare_the_same(writer, on_lmdb, place, tmp_path):
    ids = [3, 1, 3, 2, 8]
    times = np.array([5, 6, 7, 7, 7]) + micros(T0)
    values = np.float32([[1, 2], [3, np.nan], [5, 6], [7, 8], [np.nan, np.nan]])
    both = [
        ViewColumns("bill", XY, times, values, created_us=times + 1),
        ViewColumns("loan", XY, times[::-1].copy(), -values),
    ]
    old = ViewColumns("bill", XY, times - 5, values)
    texts = (FeaturePlan("t", "String"), FeaturePlan("n", "Int64"))
    row = Row([b"a text", None], micros(T0), NONE)
    for calls in (
        lambda to: to.write_columns("customer_id", ids, both),
        lambda to: to.write_columns("customer_id", ids, [old]),
        lambda to: to.write_rows(
            place_of("customer_id", "int64"),
            keys_of("customer_id", np.array([8, 8])),
            ("texts", texts),
            [row, row._replace(event_us=row.event_us - 1)],
        ),
        lambda to: to.apply({}, ["loan"]),
        lambda to: to.write_columns("customer_id", ids, [bills(5, micros(T0) + 9, 2.0)]),
    ):
        assert calls(writer) == calls(on_lmdb)
    assert by_key(place) == on_the_map(tmp_path, CUSTOMERS)
    assert len(by_key(place)) == 4


def test_events_are_the_same_bytes_as_on_lmdb_and_each_counts_once(
    writer, on_lmdb, place, tmp_path
):
    given = events(1, 400, customers=8)
    halves = [part(given, rows) for rows in np.array_split(np.arange(400), 4)]
    for some in (halves[0], halves[1], halves[0], halves[2], halves[3], halves[1]):
        fates = writer.write_events("customer_id", PLAN, some)
        assert fates == on_lmdb.write_events("customer_id", PLAN, some)
    assert fates == Fates(0, 100, 0, 0, 0)
    assert writer.position(PLAN, TOPIC, 1) == on_lmdb.position(PLAN, TOPIC, 1) == 400
    assert writer.position(PLAN, TOPIC, 0) == writer.position(PLAN, TOPIC + 1, 1) == 0
    assert by_key(place) == on_the_map(tmp_path, CUSTOMERS)
    assert len(by_key(place)) == 8


def test_whoever_had_new_events_is_scored_as_on_lmdb(writer, on_lmdb, place, tmp_path):
    """Two partitions, one customer in both, and two views: each part's fates are its own."""
    other = msgspec.structs.replace(PLAN, view="repayments_too")
    given = events(7, 200, customers=8)
    later = replace(part(given, np.arange(100, 200)), partition=4, begin=0)
    parts = [
        Part(PLAN, part(given, np.arange(100))),
        Part(PLAN, later),
        Part(other, part(given, np.arange(40))),
        Part(other, later),
    ]
    scoring = Scoring(service(), "scores", ("a", "b"), scores_of, lambda: T0)
    for to in (writer, on_lmdb):
        to.apply({other.view: schema_of(other), **dict([scoring.schema])}, [])
    fates = writer.write_parts("customer_id", parts, scoring)
    assert fates == on_lmdb.write_parts("customer_id", parts, scoring)
    assert [sum(one) for one in fates] == [100, 100, 40, 100]
    assert by_key(place) == on_the_map(tmp_path, CUSTOMERS)
    again = writer.write_parts("customer_id", parts, scoring)
    assert [one.seen for one in again] == [100, 100, 40, 100]
    assert by_key(place) == on_the_map(tmp_path, CUSTOMERS)


def scores_of(matrix: np.ndarray) -> np.ndarray:
    return np.nan_to_num(matrix[:, 1:3])


# --------------------------------------------------------------------------------- many writers


def test_writers_of_different_views_of_the_same_customers_lose_nothing(place, writer):
    """Each rewrites the whole value: without a compare-and-set one would put back the other's."""
    ids, failures = np.arange(200), []

    def write(view: str) -> None:
        mine = PackedRedisWriter(place)
        for generation in range(1, 21):
            rows = bills(200, micros(T0) + generation, generation, view)
            if mine.write_columns("customer_id", ids, [rows]) != (200, 0):
                failures.append((view, generation))

    threads = [threading.Thread(target=write, args=(view,)) for view in ("bill", "loan")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    for view in ("bill", "loan"):
        batch = RedisOnlineFeatures(place).fetch(ids, batch_view(view), clock(1))
        assert (batch.matrix[:, 0] == 20).all()
        assert (batch.states == 0).all()


def between(monkeypatch, meanwhile) -> None:
    """Let something happen once, after a writer has read and before it puts."""
    run, done = RedisLink.run, []

    def late(self, script, calls):
        if not done and script.text.startswith("local there = redis.call('GET'"):
            done.append(True)
            meanwhile()
        return run(self, script, calls)

    monkeypatch.setattr(RedisLink, "run", late)


def test_who_was_overtaken_merges_again_and_tells_what_became_of_it(place, writer, monkeypatch):
    newer = bills(2, micros(T0) + 60_000_000, 9.0)
    between(
        monkeypatch,
        lambda: PackedRedisWriter(place).write_columns("customer_id", [2, 3], [newer]),
    )
    older = [bills(4, micros(T0), 1.0), bills(4, micros(T0), 1.0, "loan")]
    assert writer.write_columns("customer_id", [1, 2, 3, 4], older) == (6, 2)
    online = RedisOnlineFeatures(place)
    assert online.fetch([1, 2, 3, 4], batch_view(), clock(9)).matrix[:, 0].tolist() == [1, 9, 9, 1]
    assert online.fetch([1, 2, 3, 4], batch_view("loan"), clock(9)).matrix[:, 0].tolist() == [1] * 4


def test_a_worker_that_was_overtaken_counts_nothing_twice_and_lowers_no_offset(
    place, writer, on_lmdb, monkeypatch, tmp_path
):
    given = events(2, 300, customers=8)
    first, whole = part(given, np.arange(100)), given
    told = []
    between(
        monkeypatch,
        lambda: told.append(PackedRedisWriter(place).write_events("customer_id", PLAN, whole)),
    )
    fates = writer.write_events("customer_id", PLAN, first)
    assert told == [on_lmdb.write_events("customer_id", PLAN, whole)]
    assert fates == Fates(0, 100, 0, 0, 0)
    assert by_key(place) == on_the_map(tmp_path, CUSTOMERS)
    assert writer.position(PLAN, TOPIC, 1) == 300


def test_who_was_overtaken_for_some_customers_counts_those_again_alone(
    place, writer, on_lmdb, monkeypatch, tmp_path
):
    given, rows = events(6, 300, customers=8), bills(2, micros(T0), 3.0)
    other = PackedRedisWriter(place)
    between(monkeypatch, lambda: other.write_columns("customer_id", [2, 5], [rows]))
    fates = writer.write_events("customer_id", PLAN, given)
    on_lmdb.write_columns("customer_id", [2, 5], [rows])
    assert fates == on_lmdb.write_events("customer_id", PLAN, given)
    assert sum(fates) == 300
    assert by_key(place) == on_the_map(tmp_path, CUSTOMERS)


def test_a_row_whose_offset_is_lower_is_refused_however_new_its_event(place, writer):
    rows = bills(1, micros(T0), 1.0)
    stream = {"topic": 3, "partitions": np.array([1])}
    ahead = replace(rows, offsets=np.array([70]), **stream)
    behind = replace(bills(1, micros(T0) + 60_000_000, 2.0), offsets=np.array([60]), **stream)
    assert writer.write_columns("customer_id", [1], [ahead]) == (1, 0)
    assert writer.write_columns("customer_id", [1], [behind]) == (0, 1)
    anew = replace(behind, topic=4)
    online = RedisOnlineFeatures(place)
    assert online.fetch([1], batch_view(), clock(5)).offsets[0, 0] == 70
    assert writer.write_columns("customer_id", [1], [anew]) == (1, 0)
    assert online.fetch([1], batch_view(), clock(5)).offsets[0, 0] == 60


# --------------------------------------------------------------- a Redis that forgets, or goes away


@pytest.fixture(scope="module")
def log(tmp_path_factory) -> FileEventLog:
    folder = tmp_path_factory.mktemp("events")
    lender = Lender(customers=30, days=40, seed=4, late_share=0.1, twice_share=0.1)
    with FileEventLog(folder, write=True) as opened:
        append_all(opened, lender.events())
    return FileEventLog(folder)


def streamed(*views: WindowPlan) -> ServicePlan:
    return ServicePlan(
        "s_v1",
        "customer_id",
        "int64",
        tuple(ViewPlan(p.view, 0.0, schema_fields(p)) for p in views),
    )


def schema_fields(plan: WindowPlan) -> tuple[FeaturePlan, ...]:
    return tuple(FeaturePlan(one.name, "Float32") for one in plan.aggregates)


def test_a_redis_that_was_killed_and_comes_back_empty_says_so_until_it_is_rebuilt(
    log, place, redis_server, tmp_path
):
    views = {plan.view: schema_of(plan) for plan in STREAMED}
    on_map = PackedWriter(MapPlace(tmp_path / "online", 0.1, sync=False), "lender")
    on_map.apply(views, [])
    catch_up(log, on_map, STREAMED)
    wanted = on_the_map(tmp_path, range(1, 31))

    following, online = PackedRedisWriter(place), RedisOnlineFeatures(place)
    following.apply(views, [])
    half = [plan for plan in STREAMED if plan.view == "login"]
    catch_up(log, following, half, partitions=[0, 1])
    assert following.position(half[0], 0, 1) > 0
    assert online.fetch([1], streamed(*STREAMED), clock()).states.tolist() == [[0, 0]]

    redis_server.kill()
    with pytest.raises(NotReady, match="Redis does not answer"):
        online.fetch([1], streamed(*STREAMED), clock())
    redis_server.start()
    for work in (
        lambda: online.fetch([1], streamed(*STREAMED), clock()),
        lambda: following.write_columns("customer_id", [1], [bills(1, 1, 1.0)]),
        lambda: catch_up(log, following, half),
    ):
        with pytest.raises(NotReady, match=r"holds no features.*finmodel stream.*rebuild"):
            work()
    assert following.position(half[0], 0, 1) == 0

    following.apply(views, [])
    counted = catch_up(log, following, STREAMED)
    assert [one.events for one in counted] == [sum(log.end_offsets(p.topic)) for p in STREAMED]
    assert by_key(place) == wanted
    assert len(wanted) > 15


def test_who_was_writing_when_redis_lost_its_data_goes_no_further(place, writer):
    given = events(3, 200)
    begin, then = part(given, np.arange(100)), part(given, np.arange(100, 200))
    assert writer.position(PLAN, TOPIC, 1) == 0
    writer.write_events("customer_id", PLAN, begin)
    PackedRedisWriter(place).clear()
    PackedRedisWriter(place).apply(VIEWS, [])
    for _ in range(2):
        with pytest.raises(Refused, match="from offset 0 to 100 would be left out"):
            writer.write_events("customer_id", PLAN, then)
    assert by_key(place) == {}
    assert writer.position(PLAN, TOPIC, 1) == 0
    assert writer.write_events("customer_id", PLAN, begin).seen == 0


def test_an_incarnation_that_ends_between_rows_and_position_is_noticed(place, writer, monkeypatch):
    def forget() -> None:
        PackedRedisWriter(place).clear()
        PackedRedisWriter(place).apply(VIEWS, [])

    between(monkeypatch, forget)
    with pytest.raises(NotReady, match="lost its data"):
        writer.write_events("customer_id", PLAN, events(3, 50))
    assert writer.position(PLAN, TOPIC, 1) == 0
    nobody = RedisOnlineFeatures(place).fetch([1, 2, 3], streamed(PLAN), clock())
    assert (nobody.offsets == -1).all()  # what was put under the old name is not read


def test_a_redis_put_back_to_an_older_copy_is_noticed_and_counted_from_there(
    place, writer, on_lmdb, tmp_path
):
    given = events(5, 300, customers=8)
    parts = [part(given, rows) for rows in np.array_split(np.arange(300), 3)]
    client = redis.Redis.from_url(f"redis://{place.connection_string}")
    writer.write_events("customer_id", PLAN, parts[0])
    copy = {name: client.dump(name) for name in client.scan_iter("*")}
    writer.write_events("customer_id", PLAN, parts[1])
    client.flushall()
    for name, value in copy.items():
        client.restore(name, 0, value)
    with pytest.raises(Refused, match="from offset 100 to 200 would be left out"):
        writer.write_events("customer_id", PLAN, parts[2])
    assert writer.position(PLAN, TOPIC, 1) == 100
    for some in parts[1:]:
        writer.write_events("customer_id", PLAN, some)
    for some in parts:
        on_lmdb.write_events("customer_id", PLAN, some)
    assert by_key(place) == on_the_map(tmp_path, CUSTOMERS)


def test_scripts_that_redis_forgot_are_sent_again(place, writer, empty_redis):
    writer.write_columns("customer_id", [1], [bills(1, 1, 1.0)])
    empty_redis.say("SCRIPT FLUSH")
    assert writer.write_columns("customer_id", [1, 2], [bills(2, 2, 2.0)]) == (2, 0)


def test_clear_takes_this_projects_keys_and_no_others(place, writer, empty_redis):
    other = PackedRedisWriter(replace(place, project="lender2"))
    other.apply({"bill": XY}, [])
    for each in (writer, other):
        each.write_columns("customer_id", CUSTOMERS, [bills(8, 1, 1.0)])
    writer.clear()
    client = redis.Redis.from_url(f"redis://{place.connection_string}")
    assert len(client.keys("finmodel:lender2:*")) == len(client.keys("*")) == 9
    other.clear()
    assert client.keys("*") == []


def test_the_bytes_of_a_dropped_view_go_when_a_customer_is_next_written(place, writer):
    texts = (FeaturePlan("t", "String"),)
    rows_of, keys = place_of("customer_id", "int64"), keys_of("customer_id", np.array([1]))
    writer.write_rows(rows_of, keys, ("texts", texts), [Row([b"a text that is to go"], 1)])
    assert b"a text" in by_key(place)[keys[0]]
    writer.apply({}, ["texts"])
    writer.write_columns("customer_id", [1], [bills(1, 1, 1.0)])
    assert b"a text" not in by_key(place)[keys[0]]


def test_a_full_redis_and_a_key_of_another_kind_are_told_apart(place, writer, empty_redis):
    writer.write_columns("customer_id", [880_001], [bills(1, 1, 1.0)])
    client = redis.Redis.from_url(f"redis://{place.connection_string}")
    empty_redis.say("CONFIG SET maxmemory 1")
    try:
        with pytest.raises(NoRoom, match="full"):
            writer.write_columns("customer_id", [880_001], [bills(1, 2, 1.0)])
    finally:
        empty_redis.say("CONFIG SET maxmemory 0")
    (name,) = client.scan_iter("*rows*")
    client.delete(name)
    client.hset(name, "a", "b")
    with pytest.raises(Damaged) as caught:
        RedisOnlineFeatures(place).fetch([880_001], batch_view(), clock())
    told = f"{caught.value} {caught.value.__cause__!r} {caught.value.__context__!r}"
    assert "88000" not in told
    assert name[-8:].decode("latin1") not in told


def test_a_damaged_value_stops_the_write(place, writer):
    writer.write_columns("customer_id", [1], [bills(1, 1, 1.0)])
    client = redis.Redis.from_url(f"redis://{place.connection_string}")
    (name,) = client.scan_iter("*rows*")
    client.set(name, client.get(name)[:-8])
    with pytest.raises(Damaged):
        writer.write_columns("customer_id", [1], [bills(1, 2, 1.0)])


def test_a_forgotten_customer_has_no_key(writer, place):
    writer.write_columns("customer_id", np.array(CUSTOMERS), [bills(len(CUSTOMERS), 10, 1.0)])
    who = np.array([3, 99])
    assert (writer.held("customer_id", who), writer.forget("customer_id", who)) == (1, 1)
    assert (writer.held("customer_id", who), writer.forget("customer_id", who)) == (0, 0)
    assert len(by_key(place)) == len(CUSTOMERS) - 1
