"""Label windows against SQL, and the parts that no label may reach across."""

from __future__ import annotations

import duckdb
import numpy as np
import pandas as pd
import pytest

from finmodel.errors import BadInput
from marketing.label_rule import DAY_US, Event, Within, event_of
from marketing.labels import (
    Observed,
    any_within,
    drawn_per_customer,
    holds_after,
    holds_before,
    mature,
    parted,
)

RANDOM = np.random.default_rng(4)


def moments(customers: list[int], days: list[float]) -> Observed:
    at = np.round(np.array(days) * DAY_US).astype(np.int64)
    order = np.lexsort((at, np.array(customers)))
    return Observed(np.array(customers)[order], at[order])


def drawn(count: int, customers: int) -> Observed:
    """On whole hours, so that many fall on a window's very edge."""
    who, hours = RANDOM.integers(0, customers, count), RANDOM.integers(0, 24 * 60, count)
    return moments(who.tolist(), (hours / 24).tolist())


def test_windows_are_sqls_for_every_row_and_edge():
    events, seen = drawn(3_000, 60), drawn(2_000, 70)
    frames = {
        "events": pd.DataFrame({"c": events.customers, "t": events.at_us}),
        "seen": pd.DataFrame({"c": seen.customers, "t": seen.at_us, "n": np.arange(len(seen))}),
    }
    day = DAY_US * 2
    for rule, holds, window in (
        (Within(2, any=("x",)), holds_after, f"e.t > s.t AND e.t <= s.t + {day}"),
        (Within(2, any=("x",)), holds_before, f"e.t >= s.t - {day} AND e.t < s.t"),
    ):
        with duckdb.connect() as sql:
            for name, frame in frames.items():
                sql.register(name, frame)
            found = sql.sql(
                "SELECT s.n, count(e.t) > 0 AS yes FROM seen s LEFT JOIN events e"
                f" ON e.c = s.c AND {window} GROUP BY s.n ORDER BY s.n"
            ).df()["yes"]
        ours = holds([rule], lambda _: events, seen)
        assert ours.tolist() == found.tolist()
        assert 0.05 < ours.mean() < 0.95
        opposite = Within(rule.within_days, none=rule.any)
        assert (holds([opposite], lambda _: events, seen) == ~ours).all()


def test_every_rule_must_hold_and_any_event_of_a_rule_is_enough():
    told = {
        Event("opened"): moments([1, 2, 3], [1.0, 1.0, 9.0]),
        Event("wrote"): moments([2], [5.0]),
        Event("called"): moments([3], [1.0]),
    }
    seen = moments([1, 2, 3, 4], [0.0, 0.0, 0.0, 0.0])
    rules = [Within(3, any=("opened", "called")), Within(7, none=("wrote",))]
    assert holds_after(rules, told.__getitem__, seen).tolist() == [True, False, True, False]


def test_what_happens_at_the_observation_is_neither_before_nor_after_it():
    events, seen = moments([1], [5.0]), moments([1], [5.0])
    for holds in (holds_after, holds_before):
        assert not holds([Within(3, any=("x",))], lambda _: events, seen).any()


def test_no_label_of_a_part_reaches_into_the_next():
    at = np.sort(RANDOM.integers(0, 1_000, 5_000))
    ends = at + RANDOM.integers(1, 80, 5_000)
    parts = parted(at, ends, (500, 700))
    assert ends[parts.train].max() <= 500
    assert at[parts.valid].min() >= 500
    assert ends[parts.valid].max() <= 700
    assert at[parts.oot].min() >= 700
    every = [*parts.train, *parts.valid, *parts.oot]
    assert len(set(every)) == len(every) == 5_000 - parts.purged
    assert 300 < parts.purged < 700


def test_a_border_that_leaves_nobody_to_judge_by():
    at = np.arange(100)
    with pytest.raises(BadInput, match=r"the part 'oot' has no rows .*set split.valid_from"):
        parted(at, at + 1, (50, 200))
    with pytest.raises(BadInput, match="the part 'valid' has no rows whose label window ends"):
        parted(at, at + 30, (50, 60))


def test_only_whose_window_has_passed_is_mature():
    seen = moments([1, 2, 3], [0.0, 10.0, 20.0])
    assert mature(seen, 30.0, 3.0, 43 * DAY_US).tolist() == [True, True, False]
    with pytest.raises(
        BadInput, match=r"window of 60 days, and 3 to settle, is longer than the data.* 43 days"
    ):
        mature(seen, 60.0, 3.0, 43 * DAY_US)


def test_a_draw_knows_the_customer_and_the_times_alone():
    seen = drawn(4_000, 200)
    rows = drawn_per_customer(seen, 3, seed=1)
    counts = np.bincount(seen.customers[rows])
    assert counts.max() == 3
    assert (counts == np.minimum(np.bincount(seen.customers), 3)).mean() > 0.99
    some = np.flatnonzero(seen.customers < 50)
    again = some[drawn_per_customer(seen.only(some), 3, seed=1)]
    assert again.tolist() == rows[seen.customers[rows] < 50].tolist()
    assert drawn_per_customer(seen, 3, seed=2).tolist() != rows.tolist()
    assert drawn_per_customer(seen, None, seed=1).tolist() == list(range(len(seen)))


def test_events_of_another_customer_count_for_nobody_else():
    events = moments([2**62, 5], [1.0, 1.0])
    seen = moments([2**62 - 1, 2**62, 4, 5], [0.0] * 4)
    found = any_within(events, seen, seen.at_us, seen.at_us + 3 * DAY_US)
    assert dict(zip(seen.customers.tolist(), found.tolist(), strict=True)) == {
        2**62 - 1: False,
        2**62: True,
        4: False,
        5: True,
    }


@pytest.mark.parametrize("text", ["", "loan.overdue.v1 where", "loan.overdue.v1 where dpd > 3"])
def test_an_event_that_cannot_be_read(text):
    with pytest.raises(ValueError, match="write `topic` or `topic where field = value`"):
        event_of(text)
