"""Windowed features against SQL over the raw events, written without a look at the tiles."""

import math

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feature_store.tiles import Events, compile_plan, features, no_tiles, update
from feature_store.window_plan import FUNCTIONS, Aggregate, Measure, WindowPlan
from feature_store.windows import DAY, HOUR, MINUTE, Window

WINDOWS = {
    "1h": Window(HOUR, 5 * MINUTE),
    "24h": Window(DAY, HOUR),
    "7d": Window(7 * DAY, 6 * HOUR),
    "30d": Window(30 * DAY, DAY),
    "90d": Window(90 * DAY, DAY),
}
MEASURES = (Measure("amount"), Measure("amount", "channel", "app"), Measure("shop"))
PLAN = WindowPlan(
    "repayments",
    "loan.repayment.v1",
    tuple(
        Aggregate(f"m{number}_{function}_{name}", function, measure, window)
        for name, window in WINDOWS.items()
        for number, measure in enumerate(MEASURES)
        for function in FUNCTIONS
    ),
    lateness_us=2 * HOUR,
)
PROGRAM = compile_plan(PLAN)
NOW = 1_800_000_123_456_789
EXACT = {"count", "sum", "min", "max", "last"}

SQL = """
WITH held AS (
    SELECT * FROM events
    WHERE present AND measure = $measure AND event_us < $t
      AND event_us >= ($t - $width) // $tile * $tile
)
SELECT count(*) AS count,
       coalesce(sum(value), 0) AS sum,
       avg(value::DECIMAL(38, 6))::DOUBLE AS mean,
       min(value) AS min,
       max(value) AS max,
       arg_max(value, event_us::HUGEINT * 1000000000 + place) AS last,
       stddev_samp(value) AS std,
       count(DISTINCT value) AS count_distinct,
       ($t - max(event_us)) / 1e6 AS time_since_last
FROM held
"""


def made(seed: int, count: int, spread_us: int) -> Events:
    """Events of one customer in the log's order, many of them in the same tile or microsecond."""
    rng = np.random.default_rng(seed)
    age = (rng.random(count) ** 3 * spread_us).astype(np.int64)
    age[rng.random(count) < 0.2] = age[0]
    amounts = rng.integers(-(10**6), 10**9, count)
    shops = rng.integers(0, 30, count)
    values = np.column_stack([amounts, amounts, shops])
    present = np.column_stack([np.ones(count, bool), rng.random(count) < 0.5, np.ones(count, bool)])
    return Events(NOW - 1 - age, np.arange(count), values, present)


def some(events: Events, rows) -> Events:
    parts = (events.event_us, events.offsets, events.values, events.present)
    return Events(*(part[rows] for part in parts))


def by_sql(events: Events, as_of: int) -> dict[str, dict[str, float]]:
    n, m = events.values.shape
    rows = {
        "event_us": np.repeat(events.event_us, m),
        "place": np.repeat(events.offsets, m),
        "measure": np.tile(np.arange(m), n),
        "value": events.values.ravel(),
        "present": events.present.ravel(),
    }
    answers = {}
    with duckdb.connect() as connection:
        connection.register("events", pa.table(rows))
        for name, window in WINDOWS.items():
            for number in range(m):
                asked = {"measure": number, "t": as_of}
                asked |= {"width": window.width_us, "tile": window.tile_us}
                found = connection.execute(SQL, asked)
                columns = [column[0] for column in found.description]
                answers[f"m{number}", name] = dict(zip(columns, found.fetchone(), strict=True))
    return answers


def agree(events: Events, tiles: np.ndarray, as_of: int) -> None:
    ours, theirs = features(PROGRAM, tiles, as_of), by_sql(events, as_of)
    for one, value in zip(PLAN.aggregates, ours, strict=True):
        number, window = one.name.split("_")[0], one.name.split("_")[-1]
        wanted = theirs[number, window][one.function]
        if wanted is None:
            assert math.isnan(value), one.name
        elif one.function in EXACT:
            assert value == np.float32(wanted), one.name
        elif one.function == "count_distinct":
            n = int(wanted)
            t = n / 256
            error = math.sqrt(256 * (math.exp(t) - t - 1)) if n else 0.0
            assert abs(value - n) <= 5 * error + 0.1, one.name
        else:
            np.testing.assert_array_max_ulp(value, np.float32(wanted), 1)


@pytest.mark.parametrize("spread", [HOUR, 2 * DAY, 100 * DAY])
@pytest.mark.parametrize("count", [0, 1, 2, 300])
def test_tiles_say_what_sql_says_of_the_raw_events(count, spread):
    events = some(made(count, max(count, 1), spread), slice(count))
    tiles = update(PROGRAM, no_tiles(PROGRAM), events, NOW)
    for as_of in (NOW, NOW - PLAN.lateness_us, NOW + 3 * HOUR, NOW + 40 * DAY):
        kept = events.event_us < as_of
        if as_of < NOW and not kept.all():
            continue  # tiles newer than the time asked for are told apart by their view's time
        agree(events, tiles, as_of)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.permutations(range(24)), st.integers(1, 6))
def test_tiles_are_the_same_in_whatever_order_and_batches_events_come(seed, order, parts):
    events = made(seed, 24, 3 * DAY)
    whole = update(PROGRAM, no_tiles(PROGRAM), events, NOW)
    tiles, clock = no_tiles(PROGRAM), NOW - 5 * DAY
    for part in np.array_split(np.array(order), parts):
        batch = some(events, part)
        clock = max(clock, int(batch.event_us.max(initial=clock)))
        tiles = update(PROGRAM, tiles, batch, clock)
    assert np.array_equal(update(PROGRAM, tiles, some(events, slice(0)), NOW), whole)


def test_a_deviation_of_large_and_nearly_equal_amounts_does_not_cancel():
    values = np.array([10**12, 10**12 + 1, 10**12 + 2])
    events = Events(
        np.full(3, NOW - 1), np.arange(3), np.column_stack([values] * 3), np.ones((3, 3), bool)
    )
    tiles = update(PROGRAM, no_tiles(PROGRAM), events, NOW)
    found = dict(zip((a.name for a in PLAN.aggregates), features(PROGRAM, tiles, NOW), strict=True))
    assert found["m0_std_1h"] == 1.0


def test_an_idle_customers_counts_fall_to_nothing_by_themselves():
    events = made(3, 50, HOUR // 2)
    tiles = update(PROGRAM, no_tiles(PROGRAM), events, NOW)
    found = [features(PROGRAM, tiles, NOW + days * DAY)[0:54:27][0] for days in (0, 2)]
    assert found == [50.0, 0.0]


def test_a_customer_never_has_more_tiles_than_there_is_room_for():
    every = np.arange(NOW - 100 * DAY, NOW, 4 * MINUTE)
    values = np.zeros((len(every), 3), dtype=np.int64)
    events = Events(every, np.arange(len(every)), values, np.ones((len(every), 3), bool))
    tiles = update(PROGRAM, no_tiles(PROGRAM), events, NOW)
    assert 100 < len(tiles) <= PROGRAM.capacity
    assert (np.diff(tiles[:, 0]) >= tiles[:-1, 1]).all()
    agree(events, tiles, NOW)


@pytest.mark.parametrize("names", ["1h 30d", "1h 7d", "24h 30d", "1h 24h 7d 30d 90d", "90d"])
def test_there_is_room_where_tiles_are_much_wider_than_the_windows_before(names):
    """Something happens in every five minutes, up to as far ahead of the log as is believed."""
    measure = Measure("amount")
    plan = WindowPlan(
        "v",
        "loan.repayment.v1",
        tuple(Aggregate(n, "count", measure, WINDOWS[n]) for n in names.split()),
        lateness_us=6 * HOUR,
    )
    program, most = compile_plan(plan), 0
    for clock in range(NOW, NOW + DAY, 3 * HOUR):
        every = np.arange(clock - 100 * DAY, clock + plan.skew_us, 5 * MINUTE)
        ones = np.ones((len(every), 1), np.int64)
        events = Events(every, np.arange(len(every)), ones, ones.astype(bool))
        tiles = update(program, no_tiles(program), events, clock)
        after = int(every[-1]) + 1
        counts = [int((every >= one.window.begins(after)).sum()) for one in plan.aggregates]
        assert features(program, tiles, after).tolist() == counts
        most = max(most, len(tiles))
    assert program.capacity / 3 < most <= program.capacity
