"""The columnar read of Redis: bit for bit LMDB's, under change, and from a cluster."""

import subprocess
import sys
from dataclasses import replace
from datetime import timedelta

import msgspec
import numpy as np
import pytest

from benchmarks._redis_server import cluster
from feature_store import store
from feature_store.lmdb_map import MapPlace
from feature_store.online import OnlineFeatures
from feature_store.online_reader import open_features
from feature_store.packed_columns import ViewColumns
from feature_store.packed_store import reader_of
from feature_store.packed_writer import PackedWriter
from feature_store.plan import FeaturePlan, ServicePlan, ViewPlan, plan_of
from feature_store.redis_client import RedisLink, RedisPlace
from feature_store.redis_online import RedisOnlineFeatures
from feature_store.redis_values import RedisValues
from feature_store.redis_writer import PackedRedisWriter
from feature_store.window_plan import schema_of
from finmodel.clock import micros
from finmodel.errors import BadInput, NotReady
from finmodel.records import FeatureBatch, ViewState
from tests.feature_store.test_redis_writer import T0, XY, batch_view, bills, clock
from tests.feature_store.test_tile_sections import NAMES, PLAN, events, service

pytestmark = pytest.mark.servers


@pytest.fixture
def place(empty_redis) -> RedisPlace:
    return RedisPlace(empty_redis.address, "lender")


def same(ours: FeatureBatch, theirs: FeatureBatch) -> bool:
    """Bit for bit."""
    return all(
        np.asarray(getattr(ours, name)).tobytes() == np.asarray(getattr(theirs, name)).tobytes()
        for name in ("matrix", "ages_s", "states", "offsets", "ttls_s")
    ) and (ours.names, ours.views, ours.ids.tolist()) == (
        theirs.names,
        theirs.views,
        theirs.ids.tolist(),
    )


def fill(writer) -> None:
    writer.apply({"bill": XY, PLAN.view: schema_of(PLAN)}, [])
    for customer, at in ((1, 0), (2, 60), (3, -3600)):
        rows = bills(1, micros(T0 + timedelta(seconds=at)), float(customer))
        writer.write_columns("customer_id", [customer], [rows])
    writer.write_columns("customer_id", ["b", "", "客户"], [bills(3, micros(T0), 7.0)])
    writer.write_events("customer_id", PLAN, events(1, 200))


def both(place, folder) -> tuple[RedisOnlineFeatures, OnlineFeatures]:
    fill(PackedRedisWriter(place))
    fill(PackedWriter(MapPlace(folder / "online", 0.1, sync=False), "lender"))
    return RedisOnlineFeatures(place), OnlineFeatures(folder / "online")


def plans() -> list[tuple[list, ServicePlan]]:
    mixed = ServicePlan(
        "s_v1",
        "customer_id",
        "int64",
        (
            ViewPlan("bill", 600.0, XY[::-1]),
            ViewPlan("nothing", 0.0, (FeaturePlan("z", "Float32"),)),
        ),
    )
    texts = ServicePlan("s_v1", "customer_id", "string", (ViewPlan("bill", 0.0, XY),))
    return [
        ([3, 1, 9, 2, 1], mixed),
        ([2, 99, 1], service(*NAMES)),
        (["客户", "", "nobody"], texts),
        ([], mixed),
    ]


def test_a_batch_is_bit_for_bit_that_of_lmdb(place, tmp_path):
    on_redis, on_lmdb = both(place, tmp_path)
    for ids, plan in plans():
        for as_of in (T0, clock(12 * 60), T0 + timedelta(days=400)):
            assert same(on_redis.fetch(ids, plan, as_of), on_lmdb.fetch(ids, plan, as_of))
    states = on_redis.fetch([1, 2, 3, 9], plans()[0][1], T0).states[:, 0].tolist()
    assert states == [ViewState.PRESENT, ViewState.FUTURE, ViewState.STALE, ViewState.MISSING]


def test_a_cluster_answers_the_same_though_it_refuses_what_touches_two_keys(tmp_path):
    with cluster(tmp_path / "redis") as server:
        place = RedisPlace(f"{server.address},cluster=true", "lender")
        on_redis, on_lmdb = both(place, tmp_path)
        for ids, plan in plans():
            assert same(on_redis.fetch(ids, plan, T0), on_lmdb.fetch(ids, plan, T0))
        assert b"CROSSSLOT" in (server.say("MGET a b") or b"")
        server.say("SCRIPT FLUSH")
        writer = PackedRedisWriter(replace(place))
        ids = np.arange(2_500)
        assert writer.write_columns("customer_id", ids, [bills(2_500, 2**60, 1.0)]).stored == 2_500
        writer.clear()
        assert RedisLink(place).ask("DBSIZE") == 0
        with pytest.raises(NotReady, match="holds no features"):
            on_redis.fetch([1], plans()[0][1], T0)
        server.kill()
        with pytest.raises(NotReady):
            on_redis.fetch([1], plans()[0][1], T0)


def test_what_is_asked_wrongly_is_refused_as_on_lmdb(place):
    online = RedisOnlineFeatures(place)
    PackedRedisWriter(place).apply({"bill": XY}, [])
    with pytest.raises(BadInput, match="zone"):
        online.fetch([1], batch_view(), T0.replace(tzinfo=None))
    with pytest.raises(BadInput, match="ids"):
        online.fetch(["1"], batch_view(), T0)


def test_a_row_of_a_schema_that_came_while_it_was_read_is_understood(place, monkeypatch):
    writer, online = PackedRedisWriter(place), RedisOnlineFeatures(place)
    writer.apply({"bill": XY}, [])
    writer.write_columns("customer_id", [1], [bills(1, micros(T0), 1.0)])
    assert online.fetch([1], batch_view(), T0).matrix[0, 0] == 1
    get = RedisValues.get

    def after_a_change(self, names):
        monkeypatch.undo()
        longer = (*XY[::-1], FeaturePlan("z", "Float32"))
        rows = ViewColumns("bill", longer, np.array([micros(T0)]), np.float32([[5, 6, 7]]))
        writer.write_columns("customer_id", [1], [rows])
        return get(self, names)

    monkeypatch.setattr(RedisValues, "get", after_a_change)
    assert online.fetch([1], batch_view(), T0).matrix.tolist() == [[6, 5]]


def test_a_store_begun_anew_is_followed_without_a_restart(place):
    writer, online = PackedRedisWriter(place), RedisOnlineFeatures(place)
    for x in (1.0, 2.0):
        writer.apply({"bill": XY}, [])
        assert online.fetch([1], batch_view(), T0).states[0, 0] == ViewState.MISSING
        writer.write_columns("customer_id", [1], [bills(1, micros(T0), x)])
        assert online.fetch([1], batch_view(), T0).matrix[0, 0] == x
        writer.clear()


def test_the_shipped_features_by_one_setting(lender, empty_redis, tmp_path):
    here = lender.copy(tmp_path / "home")
    url = f"redis://:unused@{empty_redis.address}/0"
    empty_redis.say("CONFIG SET requirepass unused")
    try:
        there = replace(here.settings, online_store=url)
        opened = store.apply(there)
        until = T0.replace(year=2005, month=10)
        assert store.materialize(there, until) == store.materialize(here.settings, until)
        plan = plan_of(opened, "behaviour_risk_v1")
        ids = lender.spine["customer_id"].to_numpy()[:50]
        on_lmdb = open_features(here.settings).fetch(ids, plan, until)
        for online in (open_features(there), reader_of(opened.config)):
            assert same(online.fetch(ids, plan, until), on_lmdb)
        assert (on_lmdb.states != ViewState.MISSING).any()
        assert "unused" not in f"{opened.config!r} {opened.config.online_store!r} {there!r}"
    finally:
        RedisLink(RedisPlace(url, "x")).ask("CONFIG", "SET", "requirepass", "")


def test_reading_needs_no_feast_and_no_protobuf(place, empty_redis):
    writer = PackedRedisWriter(replace(place, project="finmodel"))
    writer.apply({"bill": XY}, [])
    writer.write_columns("customer_id", [1], [bills(1, micros(T0), 4.0)])
    code = (
        "import sys, json; from datetime import datetime, UTC\n"
        "from feature_store.online_reader import open_features\n"
        "from feature_store.plan import plan_from\n"
        "from finmodel.settings import Settings\n"
        "online = open_features(Settings.from_env({'FINMODEL_ONLINE_STORE': sys.argv[1]}))\n"
        "batch = online.fetch([1], plan_from(json.loads(sys.argv[2])), datetime.now(UTC))\n"
        "heavy = {'feast', 'pandas', 'pyarrow', 'google.protobuf', 'duckdb', 'pydantic'}\n"
        "print(batch.matrix[0, 0], sorted(heavy & set(sys.modules)))\n"
    )
    wanted = msgspec.json.encode(batch_view()).decode()
    command = [sys.executable, "-c", code, f"redis://{empty_redis.address}", wanted]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "4.0 []\n"
