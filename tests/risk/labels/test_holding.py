"""Who holds a loan: against the terms that drawdowns name, and by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from finmodel.months import Months
from risk.labels.book import BILLED, DRAWN, OVERDUE, book_of
from risk.labels.fates import Fate, label, observe
from risk.labels.holding import holds
from risk.labels.rule import CohortRange, LabelRule
from tests.risk.small_loans import book, day, small_book, small_columns, small_end_us, us

MONTHS = Months("Asia/Shanghai")
RULE = LabelRule(
    "month_end",
    "dpd >= 30 ever by mob 3",
    3,
    exclude=("dpd >= 30 at observation",),
    cohorts=CohortRange("2024-03", "2025-02"),
)


def test_who_is_past_every_loans_term_and_not_late_holds_none():
    """Terms stand in the drawdowns alone, which nothing here reads: three to twelve months."""
    told, observed = small_book(), observe(small_book(), RULE, MONTHS)
    held = holds(told, observed.account, observed.at_us)
    rows = pd.DataFrame({"customer_id": told.ids[observed.account], "at_us": observed.at_us})
    rows["held"] = held
    drawn = pd.DataFrame(small_columns()[DRAWN])
    drawn = drawn.assign(known_us=drawn.known_at.astype("M8[us]").astype("int64"))
    merged = rows.merge(drawn, on="customer_id")
    merged = merged[merged.known_us <= merged.at_us]
    at = pd.to_datetime(merged.at_us, unit="us")
    merged["over"] = (at - merged.occurred_at).dt.days / 30.44 - merged.term_months
    over = merged.groupby("customer_id").over.min().reindex(rows.customer_id).to_numpy()
    marks = pd.DataFrame(small_columns()[OVERDUE])
    late = marks[marks.dpd >= 1].groupby("customer_id").occurred_at.max()
    last = late.reindex(rows.customer_id).astype("M8[us]").to_numpy().astype("int64")
    calm = last < rows.at_us.to_numpy() - 200 * 86_400_000_000
    calm |= ~rows.customer_id.isin(late.index).to_numpy()
    assert held[over < 0].all()
    assert (over < 0).sum() > 300
    assert not held[(over > 1.6) & calm].any()
    assert ((over > 1.6) & calm).sum() > 20
    labels = label(told, RULE, MONTHS, observed)
    assert labels.excluded["holds no loan at observation"] == (~held).sum()
    assert (labels.fate[~held] == Fate.EXCLUDED).all()


def test_nothing_that_came_later_says_who_holds_one():
    told, observed = small_book(), observe(small_book(), RULE, MONTHS)
    points = dict(zip(told.ids[observed.account].tolist(), observed.at_us.tolist(), strict=True))
    before = {}
    for topic in (BILLED, DRAWN):
        columns = small_columns()[topic]
        at = np.array([points.get(one, 2**62) for one in columns["customer_id"].tolist()])
        kept = columns["known_at"].astype("M8[us]").astype(np.int64) <= at
        assert 0 < kept.sum() < len(kept)
        before[topic] = {name: values[kept] for name, values in columns.items()}
    blind = book_of({**small_columns(), **before}, small_end_us())
    place = np.searchsorted(blind.ids, told.ids[observed.account])
    np.testing.assert_array_equal(
        holds(blind, place, observed.at_us), holds(told, observed.account, observed.at_us)
    )


DRAWN_ONCE = [(1, day(2024, 1, 5))]
BILLS = [(1, day(2024, 2, 1), day(2024, 2, 9), 500), (1, day(2024, 3, 1), day(2024, 3, 9), 0)]
PAID = [(1, day(2024, 2, 8), "full"), (1, day(2024, 3, 7), "full")]


@pytest.mark.parametrize(
    ("at", "held", "told"),
    [
        (day(2024, 1, 31), True, {}),
        (day(2024, 2, 15), True, {}),
        (day(2024, 3, 6), True, {}),
        (day(2024, 3, 8), False, {}),
        (day(2024, 3, 31), False, {}),
        (day(2024, 3, 9), True, {"paid": PAID[:1]}),
        (day(2024, 3, 31), True, {"paid": PAID[:1], "marks": [(1, day(2024, 3, 9, 6), 1)]}),
        (day(2024, 3, 31), True, {"drawn": [*DRAWN_ONCE, (1, day(2024, 2, 20))]}),
        (day(2024, 3, 31), True, {"drawn": [*DRAWN_ONCE, (1, day(2024, 3, 20))]}),
        (day(2024, 3, 15), False, {"drawn": [*DRAWN_ONCE, (1, day(2024, 3, 20))]}),
    ],
)
def test_one_loan_of_two_bills(at, held, told):
    """The second leaves nothing: owed until it is paid, or its day is over and nobody is late."""
    one = book(**{"drawn": DRAWN_ONCE, "bills": BILLS, "paid": PAID} | told)
    assert holds(one, np.array([0]), np.array([us(at)])).tolist() == [held]
