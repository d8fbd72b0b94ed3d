"""Periods are never shorter than the law's, and nothing is let go a day too early."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finmodel.errors import BadInput
from finmodel.retention import KINDS, Found, Periods, holds_on, months_after, periods_of

DAYS = st.dates(date(1990, 1, 1), date(2060, 1, 1))


@pytest.mark.parametrize(
    "text",
    ["identification=9y", "transactions=119m", "assessments=2y", "logs=5m", "logs=0m", "logs=6",
     "log=6m", "logs=6m,logs=7m", "logs=6m transactions=10y", "logs=-6m", "=6m", "logs=9999y"],
)  # fmt: skip
def test_less_than_the_law_asks_and_what_cannot_be_read_are_refused(text):
    with pytest.raises(BadInput, match="FINMODEL_KEEP"):
        periods_of(text)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(KINDS, st.integers(120, 999))))
def test_periods_are_read_as_they_are_written(months):
    told = periods_of(",".join(f"{kind}={count}m" for kind, count in months.items()))
    assert told == Periods(**months) == periods_of(told.text)


@given(DAYS, DAYS, DAYS)
def test_money_is_kept_ten_years_after_the_end_and_after_its_last_record(paid, looked, ended):
    found = [
        Found("events", 1, {"transactions": paid}),
        Found("archive", 1, {"logs": looked, "transactions": paid - timedelta(days=9)}),
    ]
    holds = {one.kind: one for one in holds_on(found, ended)}
    last = max(paid, ended)
    until = holds["transactions"].until
    assert until is not None
    assert until.year - last.year == 10
    assert (until.month, until.day) in {(last.month, last.day), (3, 1)}
    assert not holds["transactions"].over(until)
    assert holds["transactions"].over(until + timedelta(days=1))
    assert holds["logs"].until == months_after(looked, 6)
    assert holds_on(found, None)[0].until is None  # the one that holds longest is first


def test_what_no_rule_speaks_of_is_held_by_the_lenders_own_period_alone():
    found = [
        Found("conversations", 2, {"conversations": date(2026, 1, 31)}),
        Found("wrap-ups", 1, {"conversations": date(2026, 2, 1)}),
        Found("contacts", 1, {"contacts": date(2026, 3, 1)}),
    ]
    assert holds_on(found, date(2026, 4, 1)) == ()
    (own,) = holds_on(found, None, periods_of("conversations=2y"))
    assert (own.kind, own.until) == ("conversations", date(2028, 2, 1))
    assert own.rule.endswith("after they were made, as the lender says in FINMODEL_KEEP")


@given(DAYS, st.integers(0, 400))
def test_months_later_is_never_short(day, months):
    later = months_after(day, months)
    whole = (later.year - day.year) * 12 + later.month - day.month
    assert (whole, later.day) in {(months, day.day), (months + 1, 1)}
