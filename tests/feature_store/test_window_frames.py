"""Windowed features as of each row's time, against SQL over the raw log and against the stream."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest

from feature_store import event_log, window_frames
from feature_store.archive import archive_log
from feature_store.archive_files import files_of
from feature_store.archive_key import Archive
from feature_store.event_columns import read_columns
from feature_store.event_log import FileEventLog, append_all
from feature_store.frame_engines import opened
from feature_store.lmdb_map import MapPlace
from feature_store.online import OnlineFeatures
from feature_store.packed_writer import PackedWriter
from feature_store.plan import FeaturePlan, ServicePlan, ViewPlan
from feature_store.stream import catch_up
from feature_store.window_frames import Spine, features_of
from feature_store.window_plan import Aggregate, WindowPlan, measure_of
from feature_store.windows import DAY, HOUR, MINUTE, Window
from finmodel.clock import micros
from finmodel.errors import Damaged, NotReady
from finmodel.events import TOPICS, LoggedIn
from finmodel.lender.simulated import Lender

WINDOWS = {
    "1h": Window(HOUR, 5 * MINUTE),
    "24h": Window(DAY, HOUR),
    "7d": Window(7 * DAY, 6 * HOUR),
    "30d": Window(30 * DAY, DAY),
}
CUSTOMERS = 150
FIRST, DAYS = datetime(2024, 1, 1, tzinfo=UTC), 75
KEY = bytes(32)
LOGIN, REPAYMENT = "app.login.v1", "loan.repayment.v1"


def plan(topic: str, view: str, *measures: str) -> WindowPlan:
    """Of every measure `function column`, a feature for each window."""
    aggregates = [
        Aggregate(f"{view}_{place}_{name}", function, measure_of(column), window)
        for place, (function, _, column) in enumerate(one.partition(" ") for one in measures)
        for name, window in WINDOWS.items()
    ]
    return WindowPlan(view, topic, tuple(aggregates), lateness_us=6 * HOUR)


PLANS = [
    plan(
        REPAYMENT,
        "repayment",
        "count event_id",
        "count customer_id where status = partial",
        "sum amount_minor",
        "mean amount_minor",
        "std amount_minor",
        "min amount_minor where channel = app",
        "max amount_minor",
        "last amount_minor",
        "time_since_last event_id",
    ),
    plan(
        LOGIN,
        "login",
        "count event_id",
        "count event_id where status = failure",
        "count_distinct channel",
        "time_since_last event_id where channel = web",
    ),
]
VALUES = {
    "count": "count(*)",
    "sum": "sum({column})",
    "mean": "avg({column})",
    "std": "stddev_samp({column})",
    "min": "min({column})",
    "max": "max({column})",
    "last": "arg_max({column}, (occurred_at, place))",
    "time_since_last": "epoch_us(asked_at - max(occurred_at)) / 1e6",
    "count_distinct": "-256 * ln(1 - count(DISTINCT {column}) / 256)",
}
ZERO = ("count", "sum", "count_distinct")
ROUNDED = ("mean", "std", "time_since_last", "count_distinct")


@dataclass(frozen=True)
class World:
    log: FileEventLog
    archive: Archive


def log_of(folder: Path, events) -> FileEventLog:
    with pytest.MonkeyPatch.context() as patch, FileEventLog(folder, write=True) as opened:
        patch.setattr(event_log, "CHUNK", 100)
        append_all(opened, events)
    return FileEventLog(folder)


@pytest.fixture(scope="module")
def lender() -> Lender:
    return Lender(customers=CUSTOMERS, days=DAYS, seed=3, late_share=0.15, twice_share=0.15)


@pytest.fixture(scope="module")
def world(lender, tmp_path_factory) -> World:
    """A lender whose events come late and twice, archived."""
    folder = tmp_path_factory.mktemp("world")
    world = World(log_of(folder / "log", lender.events()), Archive(folder / "archive", KEY))
    archive_log(world.log, world.archive, at_least=1)
    return world


def at_random(*_: object) -> Spine:
    """Customers, known and not, at times before, within and after the log."""
    random = np.random.default_rng(7)
    customers = random.integers(1, CUSTOMERS + 4, 1_500)
    times = micros(FIRST) + random.integers(-5 * DAY, (DAYS + 40) * DAY, len(customers))
    return Spine(customers, times)


def at_edges(world: World, topic: str) -> Spine:
    """At the very microseconds at which an event happened or became known, and beside them."""
    events = read_columns(world.log, topic).to_pandas()
    some = events.sample(min(150, len(events)), random_state=1)
    times = [some[name].astype("int64").to_numpy() for name in ("known_at", "occurred_at")]
    shifted = [time + shift for time in times for shift in (-1, 0, 1)]
    return Spine(np.tile(some["customer_id"].to_numpy(), 6), np.concatenate(shifted))


@pytest.fixture(scope="module")
def spine() -> Spine:
    return at_random()


def frame(world: World, view: WindowPlan, spine: Spine, engine: str = "duckdb") -> np.ndarray:
    with opened(engine, world.archive.folder) as ask:
        return features_of(world.archive, view, spine, ask)


def by_sql(world: World, one: Aggregate, view: WindowPlan, spine: Spine) -> np.ndarray:
    """(n,) a feature by SQL over the raw log: what was known by then, once each, none too late."""
    named, window = one.measure, one.window
    asked = pd.DataFrame({"row": range(len(spine.customers)), "customer": spine.customers})
    asked["asked_at"] = pd.to_datetime(spine.as_of_us, unit="us", utc=True)
    query = f"""
        WITH numbered AS (SELECT *, row_number() OVER () AS place FROM events),
        known AS (
            SELECT * FROM asked JOIN numbered ON customer = customer_id AND known_at <= asked_at
        ),
        once AS (
            SELECT * FROM known
            QUALIFY row_number() OVER (PARTITION BY row, event_id ORDER BY known_at, place) = 1
        )
        SELECT row, {VALUES[one.function].format(column=named.column)} AS value
        FROM once
        WHERE known_at - occurred_at <= to_microseconds({view.lateness_us})
          AND occurred_at < asked_at
          AND epoch_us(occurred_at)
              >= (epoch_us(asked_at) - {window.width_us}) // {window.tile_us} * {window.tile_us}
          {f"AND {named.field} = '{named.equals}'" if named.field else ""}
        GROUP BY row, asked_at
    """
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("events", read_columns(world.log, view.topic))
        connection.register("asked", asked)
        found = connection.sql(query).df().set_index("row")["value"].astype("float64")
    empty = 0.0 if one.function in ZERO else np.nan
    return found.reindex(asked["row"]).fillna(empty).to_numpy(np.float32)


@pytest.mark.parametrize("asked", [at_random, at_edges])
@pytest.mark.parametrize("view", PLANS, ids=lambda view: view.view)
def test_a_frame_is_what_sql_says_of_the_raw_log(world, view, asked):
    spine = asked(world, view.topic)
    ours, told = frame(world, view, spine), 0
    for column, one in enumerate(view.aggregates):
        theirs, mine = by_sql(world, one, view, spine), ours[:, column]
        if one.function in ROUNDED:
            np.testing.assert_array_equal(np.isnan(mine), np.isnan(theirs), one.name)
            np.testing.assert_array_max_ulp(np.nan_to_num(mine), np.nan_to_num(theirs))
        else:
            np.testing.assert_array_equal(mine, theirs, one.name)
        told += int((np.nan_to_num(theirs) > 0).sum())
    assert told > 500


def test_late_events_and_second_sendings_are_among_those_compared(world):
    events = read_columns(world.log, LOGIN).to_pandas()
    late = (events["known_at"] - events["occurred_at"]) > timedelta(hours=6)
    assert late.sum() > 50
    assert events.duplicated(["customer_id", "event_id"]).sum() > 50


SERVICE = ServicePlan(
    "s_v1",
    "customer_id",
    "int64",
    tuple(
        ViewPlan(p.view, 0.0, tuple(FeaturePlan(a.name, "Float32") for a in p.aggregates))
        for p in PLANS
    ),
)


def online(log: FileEventLog, folder: Path, as_of: datetime) -> np.ndarray:
    """What is served of every customer, and of one unknown, once a log is counted to its end."""
    catch_up(log, PackedWriter(MapPlace(folder, 0.2, sync=False), "finmodel"), PLANS)
    return OnlineFeatures(folder).fetch(np.arange(1, CUSTOMERS + 2), SERVICE, as_of).matrix


def offline(world: World, as_of: datetime) -> np.ndarray:
    customers = np.arange(1, CUSTOMERS + 2)
    spine = Spine(customers, np.full(len(customers), micros(as_of)))
    return np.hstack([frame(world, view, spine) for view in PLANS])


@pytest.mark.parametrize("days_after", [0, 0.3, 20])
def test_a_frame_at_the_logs_end_is_what_is_served_then_bit_for_bit(world, tmp_path, days_after):
    tables = [read_columns(world.log, view.topic)["known_at"].to_pylist() for view in PLANS]
    as_of = max(max(times) for times in tables) + timedelta(days=days_after)
    served = online(world.log, tmp_path / "online", as_of)
    assert (np.nan_to_num(served) > 0).sum() > 100
    assert offline(world, as_of).tobytes() == served.tobytes()


@pytest.mark.parametrize("day", [44, 59.123456])
def test_a_frame_of_the_past_is_what_was_served_then_bit_for_bit(world, lender, tmp_path, day):
    """The stream of that day had taken in what was known by then, and no more."""
    as_of = FIRST + timedelta(days=day)
    then = log_of(tmp_path / "log", [e for e in lender.events() if e.known_at <= as_of])
    served = online(then, tmp_path / "online", as_of)
    assert (np.nan_to_num(served) > 0).sum() > 100
    assert offline(world, as_of).tobytes() == served.tobytes()


def test_what_is_archived_later_changes_no_earlier_row(world, lender, spine, tmp_path):
    until = FIRST + timedelta(days=40)
    early = Spine(*(column[spine.as_of_us <= micros(until)] for column in vars_of(spine)))
    half = [event for event in lender.events() if event.known_at <= until]
    log = log_of(tmp_path / "log", half)
    grown = World(log, Archive(tmp_path / "archive", KEY))
    archive_log(log, grown.archive, at_least=1)
    before = [frame(grown, view, early) for view in PLANS]
    rest = [event for event in lender.events() if event.known_at > until]
    archive_log(log_of(tmp_path / "log", rest), grown.archive, at_least=1)
    assert sum(len(files_of(grown.archive.folder / topic)) for topic in TOPICS) > 40
    for view, old in zip(PLANS, before, strict=True):
        assert len(old) > 300
        assert frame(grown, view, early).tobytes() == old.tobytes()


def vars_of(spine: Spine) -> tuple[np.ndarray, np.ndarray]:
    return spine.customers, spine.as_of_us


def test_small_pieces_and_repeated_rows_change_nothing(world, spine, monkeypatch):
    whole = frame(world, PLANS[1], spine)
    again = np.concatenate([np.arange(len(whole)), np.arange(40), np.arange(40)])
    twice = Spine(spine.customers[again], spine.as_of_us[again])
    monkeypatch.setattr(window_frames, "PIECE", 10)
    monkeypatch.setattr("feature_store.frame_engines.BATCH", 2_048)
    assert frame(world, PLANS[1], twice).tobytes() == whole[again].tobytes()


def test_rows_asked_alone_are_as_rows_asked_together(world, spine):
    """How far back events are read depends on the earliest row; what a row has does not."""
    order = np.argsort(spine.as_of_us)
    order = order[spine.as_of_us[order] > micros(FIRST) + 45 * DAY]
    for view in PLANS:
        whole = frame(world, view, spine)
        assert (np.nan_to_num(whole[order]) > 0).sum() > 200
        for rows in np.array_split(order, 12):
            alone = Spine(spine.customers[rows], spine.as_of_us[rows])
            assert frame(world, view, alone).tobytes() == whole[rows].tobytes()


def sent(event_id: str, known: int, occurred: int) -> LoggedIn:
    """In minutes of the first day."""
    at = [FIRST + timedelta(minutes=minute) for minute in (occurred, known)]
    return LoggedIn(
        event_id=event_id,
        customer_id=5,
        occurred_at=at[0],
        known_at=at[1],
        channel="app",
        status="success",
    )


def test_an_id_is_remembered_for_as_long_as_an_event_may_be_late(tmp_path):
    """Counted, sent again at the last moment, too late itself, and again when it is forgotten."""
    hour = 60
    log = log_of(
        tmp_path / "log",
        [
            sent("a", 0, 0),
            sent("a", 6 * hour, 0),
            sent("b", 7 * hour, 0),
            sent("b", 7 * hour + 1, 2 * hour),
            sent("a", 12 * hour, 12 * hour),
        ],
    )
    world = World(log, Archive(tmp_path / "archive", KEY))
    archive_log(log, world.archive, at_least=1)
    view = plan(LOGIN, "login", "count event_id")
    minutes = np.array([0, 1, 6 * hour, 7 * hour, 7 * hour + 1, 12 * hour, 12 * hour + 1])
    spine = Spine(np.full(len(minutes), 5), micros(FIRST) + minutes * MINUTE)
    day = [one.name for one in view.aggregates].index("login_0_24h")
    assert frame(world, view, spine)[:, day].tolist() == [0, 1, 1, 1, 2, 2, 3]


def test_what_happens_at_the_very_time_that_is_asked_about_does_not_count(tmp_path):
    """Known in the same microsecond, as where a decision is asked for by the event itself."""
    log = log_of(tmp_path / "log", [sent("a", 7, 7), sent("b", 8, 7), sent("c", 8, 8)])
    world = World(log, Archive(tmp_path / "archive", KEY))
    archive_log(log, world.archive, at_least=1)
    view = plan(LOGIN, "login", "count event_id")
    times = np.concatenate([micros(FIRST) + n * MINUTE + np.arange(-1, 2) for n in (7, 8)])
    found = frame(world, view, Spine(np.full(len(times), 5), times))
    assert found.tolist() == [[n] * len(WINDOWS) for n in (0, 0, 1, 1, 2, 3)]


def test_of_a_topic_without_events_there_is_nothing(world):
    view = plan("card.status.v1", "status", "count event_id", "max status_code")
    found = frame(world, view, Spine(np.array([1, 2]), np.full(2, micros(FIRST))))
    assert found[:, :4].tolist() == [[0] * 4] * 2
    assert np.isnan(found[:, 4:]).all()


def test_a_topic_that_was_never_archived_and_a_hole_are_told(world, tmp_path):
    nothing = World(world.log, Archive(tmp_path, KEY))
    one = Spine(np.array([1]), np.array([micros(FIRST)]))
    with pytest.raises(NotReady, match=r"app.login.v1: its events are not archived; run"):
        frame(nothing, PLANS[1], one)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("feature_store.archive.FILE_EVENTS", 100)
        archive_log(world.log, nothing.archive, at_least=1)
    gone, after = files_of(tmp_path / LOGIN)[1:3]
    (tmp_path / LOGIN / gone.name).unlink()
    with pytest.raises(Damaged, match=f"{after.name}: it leaves a hole"):
        frame(nothing, PLANS[1], one)


def test_an_engine_that_loses_a_row_is_found_out(world, spine):
    def losing(question):
        with opened("duckdb", world.archive.folder) as ask:
            return [batch.slice(1) for batch in ask(question)]

    with pytest.raises(Damaged, match=r"view login: 1500 rows were asked and 1499 answered"):
        features_of(world.archive, PLANS[1], spine, losing)
