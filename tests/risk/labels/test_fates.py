"""Labels: against SQL on raw events, blind to the other side of the point, never good too early."""

from __future__ import annotations

from datetime import timedelta

import duckdb
import msgspec
import numpy as np
import pytest

from finmodel.errors import BadInput
from finmodel.months import Months
from risk.labels.book import DRAWN, OVERDUE, REPAID, Book, Columns, book_of
from risk.labels.delays import DAY
from risk.labels.fates import Fate, Labels, label, observe, require_both
from risk.labels.rule import CohortRange, LabelRule, month_name, month_number
from tests.risk.small_loans import book, day, small_book, small_columns, small_end_us

MONTHS = Months("Asia/Shanghai")
FIRST = LabelRule("first_drawdown", "dpd >= 30 ever by mob 6", 6, "dpd >= 21 ever by mob 6")
ENDS = LabelRule(
    "month_end",
    "dpd >= 30 ever by mob 6",
    6,
    exclude=("dpd >= 30 at observation", "mob < 1"),
    cohorts=CohortRange("2024-03", "2024-11"),
)


def labelled(book: Book, rule: LabelRule) -> Labels:
    return label(book, rule, MONTHS, observe(book, rule, MONTHS))


def by_id(book: Book, labels: Labels) -> dict[int, Fate]:
    ids = book.ids[labels.observed.account].tolist()
    return dict(zip(ids, map(Fate, labels.fate.tolist()), strict=True))


@pytest.fixture(scope="module")
def small() -> Book:
    return small_book()


# ----------------------------------------------------------------------------- what became of whom


def test_first_drawdowns_are_labelled_as_sql_labels_them(small):
    """The marks at 30 days alone, within calendar months from the drawdown's."""
    names = ("customer_id", "occurred_at", "known_at")
    with duckdb.connect(":memory:") as sql:
        sql.register("drawn", {name: small_columns()[DRAWN][name] for name in names})
        sql.register("marks", {name: small_columns()[OVERDUE][name] for name in (*names, "dpd")})
        found = dict(
            sql.execute(
                f"""WITH opened AS (SELECT customer_id, date_trunc('month', min(occurred_at)
                    + INTERVAL 8 HOUR) + INTERVAL 7 MONTH - INTERVAL 8 HOUR AS over
                    FROM drawn GROUP BY 1),
                worst AS (SELECT customer_id, max(dpd) AS dpd FROM marks JOIN opened
                    USING (customer_id) WHERE occurred_at < over AND epoch_us(known_at)
                    <= {small_end_us()} GROUP BY 1)
                SELECT customer_id, CASE
                    WHEN epoch_us(over) + 3 * 86400000000 > {small_end_us()} THEN 4
                    WHEN dpd >= 30 THEN 1 ELSE 0 END
                FROM opened LEFT JOIN worst USING (customer_id)"""
            ).fetchall()
        )
    rule = msgspec.structs.replace(FIRST, indeterminate=None)
    ours = {customer: int(fate) for customer, fate in by_id(small, labelled(small, rule)).items()}
    assert ours == found
    assert set(ours.values()) == {Fate.GOOD, Fate.BAD, Fate.NOT_MATURE}
    assert sum(fate == Fate.BAD for fate in ours.values()) > 50


def test_the_indeterminate_are_neither_and_were_good_without_the_rule(small):
    alone = by_id(small, labelled(small, msgspec.structs.replace(FIRST, indeterminate=None)))
    among = by_id(small, labelled(small, FIRST))
    changed = {
        customer: alone[customer] for customer in alone if among[customer] != alone[customer]
    }
    assert set(changed.values()) == {Fate.GOOD}
    assert {among[customer] for customer in changed} == {Fate.INDETERMINATE}
    assert len(changed) > 10
    worst = small.delays.worst_between(
        np.arange(len(small)),
        small.opened.at_us,
        MONTHS.ends(MONTHS.of(small.opened.at_us) + 6),
    )
    between = {int(i) for i, days in zip(small.ids, worst, strict=True) if 21 <= days < 30}
    assert set(changed) == {c for c in between if alone[c] == Fate.GOOD}


def test_each_account_is_looked_at_once_whatever_became_of_it(small):
    """The month is drawn by the id: it is the same where nobody was ever late."""
    observed = observe(small, ENDS, MONTHS)
    assert len(np.unique(observed.account)) == len(observed) > 500
    events = {DRAWN: small_columns()[DRAWN]}
    nobody_late = observe(book_of(events, small_end_us()), ENDS, MONTHS)
    np.testing.assert_array_equal(observed.cohort, nobody_late.cohort)
    counts = np.bincount(observed.cohort - observed.cohort.min())
    assert len(counts) == 9
    assert counts.min() > 10
    np.testing.assert_array_equal(observed.at_us, MONTHS.ends(observed.cohort))
    other = observe(small, msgspec.structs.replace(ENDS, seed=2), MONTHS)
    assert len(other) != len(observed) or (other.cohort != observed.cohort).any()


WORDS = [
    ("dpd >= 30 ever by mob 2", {2: Fate.BAD, 3: Fate.BAD}),
    ("dpd >= 30 ever by mob 1", {}),
    ("dpd >= 41 ever by mob 6", {3: Fate.BAD}),
    ("M2+ at mob 2", {3: Fate.BAD}),
    ("M3+ at mob 3", {3: Fate.BAD}),
    ("M4+ at mob 3", {}),
    ("dpd >= 1 at mob 1", {2: Fate.BAD, 3: Fate.BAD}),
    ("fpd 30", {2: Fate.BAD, 3: Fate.BAD}),
]


@pytest.mark.parametrize(("bad", "expected"), WORDS)
def test_each_way_to_say_bad(bad, expected):
    """2 is 40 days late and pays on 19 March; 3 never pays; 1 pays."""
    four = book(
        drawn=[(n, day(2024, 1, 10 + n)) for n in (1, 2, 3)],
        marks=[(n, day(2024, 2, 9, 6), 1) for n in (2, 3)]
        + [(n, day(2024, 3, 9, 6), 30) for n in (2, 3)],
        paid=[(1, day(2024, 2, 7), "full"), (2, day(2024, 3, 19, 12), "full")],
        bills=[(n, day(2024, 2, 1), day(2024, 2, 9)) for n in (1, 2, 3)],
    )
    found = by_id(four, labelled(four, LabelRule("first_drawdown", bad, 6)))
    assert found == {1: Fate.GOOD, 2: Fate.GOOD, 3: Fate.GOOD} | expected


def test_a_later_bill_is_no_first_payment_default():
    late = book(
        drawn=[(1, day(2024, 1, 5))],
        bills=[(1, day(2024, month, 1), day(2024, month, 9)) for month in (2, 3)],
        paid=[(1, day(2024, 2, 8), "full")],
        marks=[(1, day(2024, 4, 7, 6), 30)],
    )
    assert by_id(late, labelled(late, LabelRule("first_drawdown", "fpd 30", 6))) == {1: Fate.GOOD}


# -------------------------------------------------------------------------------------- no leakage


def moved(topic: str, change: dict[str, np.ndarray], kept: np.ndarray | None = None) -> Book:
    """The small lender's book with one topic's columns changed, or some of its rows only."""
    columns: Columns = {**small_columns()[topic], **change}
    if kept is not None:
        columns = {name: column[kept] for name, column in columns.items()}
    return book_of({**small_columns(), topic: columns}, small_end_us())


def observation_of(labels: Labels, book: Book, customers: np.ndarray) -> np.ndarray:
    """Each event's customer's observation point, µs; none is long past."""
    at = dict(
        zip(book.ids[labels.observed.account].tolist(), labels.observed.at_us.tolist(), strict=True)
    )
    return np.array([at.get(customer, -(2**60)) for customer in customers.tolist()])


@pytest.mark.parametrize("topic", [OVERDUE, REPAID])
def test_what_is_looked_at_never_sees_what_comes_after(small, topic):
    """Without anything that was known after the point, the same rows are there and left out."""
    labels = labelled(small, ENDS)
    columns = small_columns()[topic]
    points = observation_of(labels, small, columns["customer_id"])
    before = columns["known_at"].astype("M8[us]").astype(np.int64) <= points
    assert 0 < before.sum() < len(before)
    blind = moved(topic, {}, before)
    after = labelled(blind, ENDS)
    np.testing.assert_array_equal(after.observed.account, labels.observed.account)
    np.testing.assert_array_equal(after.observed.at_us, labels.observed.at_us)
    out = labels.fate == Fate.EXCLUDED
    np.testing.assert_array_equal(after.fate == Fate.EXCLUDED, out)
    assert after.excluded == labels.excluded
    assert out.sum() > 10
    assert (labels.fate != after.fate).sum() > 20  # what became of them was only known later


def test_an_outcome_never_sees_what_comes_after_its_window(small):
    labels = labelled(small, ENDS)
    columns = small_columns()[OVERDUE]
    points = observation_of(labels, small, columns["customer_id"])
    over = MONTHS.ends(MONTHS.of(points - 1) + 6)
    happened = columns["occurred_at"].astype("M8[us]").astype(np.int64)
    within = happened < over
    assert (~within & (points > 0)).sum() > 20
    without = labelled(moved(OVERDUE, {}, within), ENDS)
    np.testing.assert_array_equal(without.fate, labels.fate)
    # And all that is later becomes the worst there is: nobody's outcome moves.
    worst = {"dpd": np.where(within, columns["dpd"], 3_000)}
    np.testing.assert_array_equal(labelled(moved(OVERDUE, worst), ENDS).fate, labels.fate)


def test_an_outcome_never_sees_a_delay_that_was_over_before_the_point(small):
    labels = labelled(small, ENDS)
    observed = labels.observed
    calm = small.delays.at(observed.account, observed.at_us) == 0
    columns = small_columns()[OVERDUE]
    ids = small.ids[observed.account]
    points = observation_of(labels, small, columns["customer_id"])
    before = columns["occurred_at"].astype("M8[us]").astype(np.int64) < points
    erased = before & np.isin(columns["customer_id"], ids[calm])
    assert erased.sum() > 100
    after = labelled(moved(OVERDUE, {}, ~erased), ENDS)
    same = calm & (labels.fate != Fate.EXCLUDED)
    np.testing.assert_array_equal(after.fate[same], labels.fate[same])


def test_late_news_is_not_known_before_it_came():
    """Passed on 9 March, told on 2 April: at the end of March the lender thought the loan paid."""
    marks = [(1, day(2024, 3, 9, 6), 30)]
    rule = LabelRule(
        "month_end",
        "dpd >= 60 ever by mob 2",
        2,
        exclude=("dpd >= 30 at observation",),
        cohorts=CohortRange("2024-03", "2024-03"),
    )
    at_once = book(drawn=[(1, day(2024, 1, 5))], marks=marks)
    assert by_id(at_once, labelled(at_once, rule)) == {1: Fate.EXCLUDED}
    columns = {
        "customer_id": np.array([1]),
        "occurred_at": np.array(["2024-03-08T22:00"], "M8[us]"),
        "known_at": np.array(["2024-04-02T00:00"], "M8[us]"),
        "dpd": np.array([30]),
    }
    drawn = _drawn()
    told_late = book_of({DRAWN: drawn, OVERDUE: columns}, at_once.known_to_us)
    assert by_id(told_late, labelled(told_late, rule)) == {1: Fate.BAD}
    # News of a mark that a later repayment had already answered changes nothing.
    paid = {
        "customer_id": np.array([1]),
        "occurred_at": np.array(["2024-03-20T00:00"], "M8[us]"),
        "known_at": np.array(["2024-03-20T00:01"], "M8[us]"),
        "status": np.array([b"full"]),
    }
    answered = book_of({DRAWN: drawn, OVERDUE: columns, REPAID: paid}, at_once.known_to_us)
    assert answered.delays_as_known.at(np.array([0]), np.array([2**61])).tolist() == [0]


def _drawn() -> Columns:
    at = np.array(["2024-01-04T16:00"], "M8[us]")
    return {"customer_id": np.array([1]), "occurred_at": at, "known_at": at}


# ------------------------------------------------------------------------------------- too early


def test_who_has_not_matured_is_never_good_nor_bad(small):
    labels = labelled(small, FIRST)
    counts = {one.cohort: one for one in labels.by_cohort()}
    assert len(counts) == 18
    # Known to 4 June 2025: the window of November 2024 ended with May, three days ago.
    for cohort, one in counts.items():
        if cohort <= "2024-11":
            assert one.not_mature == 0
            assert one.good + one.bad + one.indeterminate == one.observed
        else:
            assert (one.good, one.bad, one.indeterminate) == (0, 0, 0)
            assert one.not_mature == one.observed > 0
            assert one.bad_rate is None


def test_a_window_is_over_when_late_news_has_come_in():
    drawn, bad = [(1, day(2024, 1, 5))], [(1, day(2024, 3, 9), 30)]
    for hours, fate in ((-1, Fate.NOT_MATURE), (0, Fate.BAD)):
        until = day(2024, 8, 4) + timedelta(hours=hours)
        seen = book(drawn, bad, until=until)
        assert by_id(seen, labelled(seen, FIRST)) == {1: fate}


def test_three_rows_and_a_month_without_any():
    three = book(
        drawn=[(n, day(2024, 1, n)) for n in (1, 2, 3)] + [(4, day(2024, 3, 1))],
        marks=[(2, day(2024, 3, 9), 30)],
    )
    rows = labelled(three, FIRST).by_cohort()
    assert [(one.cohort, one.observed, one.good, one.bad) for one in rows] == [
        ("2024-01", 3, 2, 1),
        ("2024-02", 0, 0, 0),
        ("2024-03", 1, 1, 0),
    ]
    assert [one.bad_rate for one in rows] == [1 / 3, None, 0.0]


@pytest.mark.parametrize("rule", [FIRST, ENDS])
@pytest.mark.parametrize("cohorts", [("2030-01", None), (None, "2020-01")])
def test_months_that_have_no_loans(small, rule, cohorts):
    empty = msgspec.structs.replace(rule, cohorts=CohortRange(*cohorts))
    with pytest.raises(BadInput, match=r"label\.cohorts: no account is seen from 20"):
        observe(small, empty, MONTHS)


def test_a_book_without_a_loan():
    with pytest.raises(BadInput, match="there is no drawdown; give events of loans"):
        book_of({}, 0)


def test_rows_of_one_kind_are_told_with_what_they_are(small):
    late = msgspec.structs.replace(FIRST, cohorts=CohortRange("2025-01"))
    rows = labelled(small, late)
    with pytest.raises(BadInput, match=rf"of {len(rows.fate)} rows .* \({len(rows.fate)} not mat"):
        require_both(rows, "r.yaml: label")


def test_months_begin_in_the_lenders_zone():
    midnight = np.array([np.datetime64("2024-03-31T16:00", "us").astype(np.int64)])
    assert [month_name(int(n)) for n in MONTHS.of(midnight)] == ["2024-04"]
    assert [month_name(int(n)) for n in MONTHS.of(midnight - 1)] == ["2024-03"]
    assert Months("UTC").of(midnight).tolist() == [month_number("2024-03")]
    march = np.array([month_number("2024-03")])
    summer = Months("Europe/Berlin")  # an hour shorter
    assert int((summer.ends(march) - summer.ends(march - 1))[0]) == 31 * DAY - DAY // 24
