"""Vintage, roll-rate and first-payment tables: against DuckDB on raw events, and by hand."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import numpy as np
import pandas as pd
import pytest

from finmodel.months import Months
from risk.labels.book import BILLED, DRAWN, OVERDUE, REPAID, Book
from risk.labels.delays import FAR, Told
from risk.labels.rule import month_number
from risk.labels.vintages import first_payments, roll_rates, vintages
from risk.labels.words import BUCKET_NAMES
from tests.risk.small_loans import book, day, small_book, small_columns, small_end_us, us

MONTHS = Months("Asia/Shanghai")
BY_MONTH = "date_trunc('month', {} + INTERVAL 8 HOUR)"
BUCKET = """CASE WHEN {0} < 1 THEN 0 WHEN {0} <= 30 THEN 1 WHEN {0} <= 60 THEN 2 WHEN {0} <= 90
    THEN 3 WHEN {0} <= 120 THEN 4 WHEN {0} <= 150 THEN 5 WHEN {0} <= 180 THEN 6 ELSE 7 END"""


@pytest.fixture(scope="module")
def small() -> Book:
    return small_book()


@pytest.fixture(scope="module")
def sql() -> Iterator[duckdb.DuckDBPyConnection]:
    """What was known by the end, straight from the events: tables drawn, bills, paid, marks."""
    with duckdb.connect(":memory:") as connection:
        names = {"drawn": DRAWN, "bills": BILLED, "paid": REPAID, "marks": OVERDUE}
        for name, topic in names.items():
            columns = {
                column: values.astype(str) if values.dtype.kind == "S" else values
                for column, values in small_columns()[topic].items()
            }
            connection.register(f"{name}_told", columns)
            connection.execute(
                f"CREATE TABLE {name} AS SELECT DISTINCT * EXCLUDE (arrived_at) FROM {name}_told "
                f"WHERE epoch_us(known_at) <= {small_end_us()}"
            )
        connection.execute(
            f"""CREATE TABLE opened AS SELECT customer_id,
            {BY_MONTH.format("min(occurred_at)")} AS cohort FROM drawn GROUP BY 1"""
        )
        yield connection


def test_vintages_are_those_of_sql(small, sql):
    table = vintages(small, MONTHS, 30, 12)
    found = sql.execute(
        """SELECT CAST(cohort AS DATE), mob, count(*), count(first_bad) FILTER (
            first_bad + INTERVAL 8 HOUR < cohort + to_months(CAST(mob + 1 AS INTEGER)))
        FROM opened CROSS JOIN range(13) AS mobs(mob) LEFT JOIN (
            SELECT customer_id, min(occurred_at) AS first_bad FROM marks WHERE dpd >= 30 GROUP BY 1
        ) USING (customer_id) GROUP BY ALL ORDER BY ALL"""
    ).fetchall()
    seen = 0
    for cohort, mob, accounts, bad in found:
        place = int(np.flatnonzero(table.cohorts == month_number(f"{cohort:%Y-%m}"))[0])
        assert table.accounts[place] == accounts
        if table.bad[place, mob] >= 0:
            assert table.bad[place, mob] == bad, (cohort, mob)
            seen += 1
    assert len(table.cohorts) == 18
    # 520 days end on 4 June 2025: May is over, so 17 cohorts have mob 0, 16 mob 1, …
    assert seen == (table.bad >= 0).sum() == sum(range(5, 18))
    assert np.nanmax(table.rates) > 0.1


def test_roll_rates_are_those_of_sql(small, sql):
    rolled = roll_rates(small, MONTHS)
    found = sql.execute(
        f"""WITH ends AS (
            SELECT CAST(cohort AS TIMESTAMP) + INTERVAL 1 MONTH - INTERVAL 8 HOUR AS ended
            FROM range(TIMESTAMP '2024-01-01', TIMESTAMP '2025-06-01', INTERVAL 1 MONTH) m(cohort)),
        news AS (SELECT customer_id, occurred_at AS seen, dpd FROM marks UNION ALL
            SELECT customer_id, occurred_at, 0 FROM paid WHERE status = 'full'),
        latest AS (SELECT customer_id, ended, seen, dpd FROM ends, news WHERE seen < ended
            QUALIFY row_number() OVER (PARTITION BY customer_id, ended ORDER BY seen DESC, dpd) = 1
        ),
        standing AS (SELECT customer_id, ended, CASE WHEN dpd = 0 THEN 0 ELSE
            dpd + (epoch_us(ended) - 1 - epoch_us(seen)) // 86400000000 END AS late FROM latest),
        billed AS (SELECT DISTINCT customer_id, {BY_MONTH.format("occurred_at")}
            + INTERVAL 1 MONTH - INTERVAL 8 HOUR AS ended FROM bills),
        rows AS (SELECT customer_id, ended FROM billed UNION
            SELECT customer_id, ended FROM standing WHERE late > 0)
        SELECT {BUCKET.format("coalesce(a.late, 0)")},
            {BUCKET.format("coalesce(b.late, 0)")}, count(*)
        FROM rows SEMI JOIN opened USING (customer_id)
        LEFT JOIN standing a USING (customer_id, ended)
        LEFT JOIN standing b ON b.customer_id = rows.customer_id
            AND b.ended + INTERVAL 8 HOUR = rows.ended + INTERVAL 8 HOUR + INTERVAL 1 MONTH
        WHERE rows.ended <= TIMESTAMP '2025-04-30 16:00' GROUP BY 1, 2"""
    ).fetchall()
    counts = np.zeros((8, 8), np.int64)
    for before, after, rows in found:
        counts[before, after] = rows
    np.testing.assert_array_equal(rolled.counts, counts)
    assert rolled.counts.sum() > 8_000
    assert (rolled.counts.sum(axis=1) > 30).all()
    np.testing.assert_allclose(np.nansum(rolled.rates, axis=1), 1.0)
    np.testing.assert_allclose(rolled.ways[:7].sum(axis=1), 1.0)


def test_first_payments_are_those_of_sql(small, sql):
    table = first_payments(small, MONTHS)
    found = sql.execute(
        f"""WITH first AS (SELECT customer_id, min(due_at) AS due FROM bills GROUP BY 1),
        late AS (SELECT customer_id, max(dpd) AS worst FROM marks JOIN first USING (customer_id)
            WHERE occurred_at - to_days(CAST(dpd AS INTEGER)) <= due GROUP BY 1)
        SELECT CAST(cohort AS DATE), days, count(*), count(*) FILTER (worst >= days)
        FROM opened JOIN first USING (customer_id) LEFT JOIN late USING (customer_id)
        CROSS JOIN (VALUES (1), (7), (15), (30)) AS f(days)
        WHERE epoch_us(due) + (days + 4) * 86400000000 <= {small_end_us()}
        GROUP BY ALL"""
    ).fetchall()
    accounts, bad = np.zeros_like(table.accounts), np.zeros_like(table.bad)
    for cohort, days, n, late in found:
        place = int(np.flatnonzero(table.cohorts == month_number(f"{cohort:%Y-%m}"))[0])
        nth = [1, 7, 15, 30].index(days)
        accounts[place, nth], bad[place, nth] = n, late
    np.testing.assert_array_equal(table.accounts, accounts)
    np.testing.assert_array_equal(table.bad, bad)
    assert (np.diff(bad, axis=1) <= 0).all()


# ------------------------------------------------------------------------------- counted by hand


@pytest.fixture(scope="module")
def three() -> Book:
    """Three loans of January, none of February, one of March; followed to 1 July.

    1 pays. 2 misses 8 February and pays all on 20 March: 40 days. 3 misses it and never pays.
    """
    return book(
        drawn=[(n, day(2024, 1, 10 + n, 9)) for n in (1, 2, 3)] + [(4, day(2024, 3, 5))],
        marks=[(2, day(2024, 2, 8 + n, 6), n) for n in (1, 7)]
        + [(2, day(2024, 3, 9, 6), 30)]
        + [(3, day(2024, 2, 9, 6), 1), (3, day(2024, 3, 9, 6), 30)]
        + [(3, day(2024, 4, 8, 6), 60), (3, day(2024, 5, 8, 6), 90)],
        paid=[
            (1, day(2024, 2, 7, 12), "full"),
            (2, day(2024, 2, 20, 12), "partial"),
            (2, day(2024, 3, 19, 12), "full"),
        ],
        bills=[(n, day(2024, 2, 1), day(2024, 2, 9)) for n in (1, 2, 3)],
        until=day(2024, 7, 1),
    )


def test_a_cohort_of_three_and_a_month_without_loans(three):
    table = vintages(three, MONTHS, 30, 6, settle_days=0)
    assert table.accounts.tolist() == [3, 0, 1]
    assert table.bad.tolist() == [
        [0, 0, 2, 2, 2, 2, -1],
        [0, 0, 0, 0, 0, -1, -1],
        [0, 0, 0, 0, -1, -1, -1],
    ]
    assert table.rates[0, :3].tolist() == [0, 0, 2 / 3]
    assert np.isnan(table.rates[1]).all()  # of no account there is no share, not even 0
    assert np.isnan(table.rates[2, 4:]).all()


def test_three_loans_roll(three):
    """Ends of February (M1, M1), March (C, M2), April (M3 of 3: 82 days), May (112), June (142)."""
    rolled = roll_rates(three, MONTHS, settle_days=0)
    expected = {("C", "C"): 1, ("M1", "C"): 1, ("M1", "M2"): 1, ("M2", "M3"): 1}
    expected |= {("M3", "M4"): 1, ("M4", "M5"): 1}
    found = {
        (BUCKET_NAMES[a], BUCKET_NAMES[b]): int(rolled.counts[a, b])
        for a, b in zip(*np.nonzero(rolled.counts), strict=True)
    }
    assert found == expected
    assert rolled.ways[1].tolist() == [0.5, 0.0, 0.5]
    assert np.isnan(rolled.rates[7]).all()
    march = month_number("2024-03")
    assert roll_rates(three, MONTHS, (march, march), 0).counts.sum() == 1
    assert roll_rates(three, MONTHS, settle_days=1).counts.sum() == 5  # June has not settled


def test_three_first_payments(three):
    table = first_payments(three, MONTHS)
    assert table.accounts.tolist() == [[3] * 4, [0] * 4, [0] * 4]
    assert table.bad[0].tolist() == [2, 2, 2, 2]


def test_what_has_ripened_is_asked_of_cohorts_that_were_followed_to_the_end():
    two = book(
        drawn=[(1, day(2024, 1, 2)), (2, day(2024, 1, 3)), (3, day(2024, 6, 1))],
        marks=[(n, day(2024, month, 20), 30) for n, month in ((1, 2), (2, 4), (3, 7))],
        until=day(2024, 9, 1),
    )
    table = vintages(two, MONTHS, 30, 4, settle_days=0)
    assert table.ripened.tolist() == [0.0, 0.5, 0.5, 1.0, 1.0]
    none = vintages(two, MONTHS, 300, 4, settle_days=0)
    assert np.isnan(none.ripened).all()


# ---------------------------------------------------------------------- of looks now and then


def test_only_looks_in_two_months_running_roll():
    """Looks of 300 loans, some months of each left out and many stopped early, against pandas."""
    rng = np.random.default_rng(11)
    looks = pd.DataFrame(
        [(loan, month) for loan in range(300) for month in range(rng.integers(2, 13))],
        columns=["loan", "month"],
    )
    looks = looks[rng.random(len(looks)) < 0.9].reset_index(drop=True)
    looks["days"] = rng.choice([0, 0, 0, 12, 40, 75, 130, 300], len(looks))
    ends = pd.date_range("2024-01-31", periods=12, freq="ME").as_unit("us").asi8
    at_us = ends[looks.month] + 86_400_000_000 - 1
    seen = Told(looks.loan.to_numpy(), at_us, at_us)
    opened = np.full(300, us(day(2024, 1, 1)))
    late = (looks.days > 0).to_numpy()
    told = Book(
        ids=np.arange(300),
        opened=Told(np.arange(300), opened, opened),
        first_due_us=np.full(300, FAR),
        billed=seen,
        marks=seen.only(late),
        days=looks.days.to_numpy(),
        cleared=seen.only(~late),
        known_to_us=int(at_us.max()) + 1,
        of_snapshots=True,
    )
    both = looks.merge(looks.assign(month=looks.month - 1), on=["loan", "month"])
    edges = [-1, 0, 30, 60, 90, 120, 150, 180, 10_000]
    pairs = [np.digitize(both[f"days_{side}"], edges, right=True) - 1 for side in "xy"]
    expected = np.zeros((8, 8), np.int64)
    np.add.at(expected, tuple(pairs), 1)
    found = roll_rates(told, Months("UTC"), settle_days=0)
    np.testing.assert_array_equal(found.counts, expected)
    assert found.counts[7, 7] < found.counts[7].sum() / 2, "nobody stays in M7 unseen"
