"""Overrides by side, against counts by hand; what few cases cannot tell is not told."""

import numpy as np
import pytest
from scipy.stats import binomtest

from finmodel.outcomes import UNKNOWN
from risk.monitor.overrides import SIDES, Judged, overrides

PLACE = np.arange(10, 10_010, 10)


def label(**bad):
    """(1000,) labels: of the first rows so many bad, then so many good, the others not mature."""
    found = np.full(len(PLACE), UNKNOWN, np.int8)
    found[: bad["bad"] + bad["good"]] = 0
    found[: bad["bad"]] = 1
    return found


def said(rows, verdict, says, code="ML1"):
    return [Judged(int(PLACE[row]), verdict, says, code) for row in rows]


def test_low_side_overrides_have_a_rate_and_a_matured_bad_rate():
    low = said(range(40), "approve", "decline")
    agreed = said(range(40, 100), "decline", "decline", "MD1")
    told = overrides(PLACE, label(bad=8, good=42), low + agreed)
    rows = {row.side: row for row in told.rows}
    one = rows["low_side"]
    assert (told.judged, one.n, one.of, one.approved) == (100, 40, 100, 40)
    assert (one.rate, one.matured, one.bads, one.bad_rate) == (0.4, 40, 8, 0.2)
    interval = binomtest(8, 40).proportion_ci(method="wilson")
    assert (one.low, one.high) == pytest.approx((interval.low, interval.high))
    assert (rows["with_score"].n, rows["with_score"].matured, rows["with_score"].note) == (
        60,
        0,
        "",
    )
    assert [(code.code, code.n, code.against) for code in told.codes] == [
        ("MD1", 60, 0),
        ("ML1", 40, 40),
    ]


def test_high_side_is_of_those_whom_the_score_would_approve():
    high = said(range(10), "decline", "approve", "MD4")
    others = said(range(10, 50), "approve", "approve", "MA1") + said(
        range(50, 60), "decline", "refer"
    )
    rows = {row.side: row for row in overrides(PLACE, label(bad=0, good=20), high + others).rows}
    assert (rows["high_side"].n, rows["high_side"].of, rows["high_side"].rate) == (10, 50, 0.2)
    assert (rows["high_side"].matured, rows["high_side"].bad_rate) == (10, None)
    assert rows["high_side"].note == "too_few"
    assert (rows["between"].n, rows["between"].approved) == (10, 0)
    assert tuple(rows) == SIDES
    few = {row.side: row for row in overrides(PLACE, label(bad=0, good=0), high).rows}
    assert (few["high_side"].rate, few["high_side"].note) == (None, "not_mature")


def test_verdicts_on_other_decisions_are_left_out():
    elsewhere = [Judged(15, "approve", "decline", "ML1"), Judged(10**9, "decline", "", "MD1")]
    told = overrides(PLACE, label(bad=1, good=1), [*elsewhere, *said([3], "approve", "", "MA1")])
    assert told.judged == 1
    brought = np.concatenate([[-7, -3, -5], PLACE])
    labels = np.concatenate([np.ones(3, np.int8), label(bad=1, good=1)])
    beside = [*elsewhere, *said([3], "approve", "", "MA1")]
    assert overrides(brought, labels, beside) == told
    assert [row.n for row in told.rows] == [0, 0, 0, 0, 1]
    assert overrides(PLACE[:0], label(bad=0, good=0)[:0], elsewhere).rows == ()
