"""Reasons: the costliest groups first, in points, at most four, the same order each time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finmodel.manifest import Calibration, ReasonGroup, Scaling
from risk.reasons import MOST, group_contributions, points_lost, reason_table, reasons
from risk.scaling import points

FEATURES = tuple("abcdefgh")
SINGLES = [
    ReasonGroup(f"R{place}", f"原因{place}", f"reason {place}", (feature,))
    for place, feature in enumerate("abcdef")
]
GROUPS = (*SINGLES, ReasonGroup("R9", "其他", "others", ("g", "h"), reference=0.2))
CALIBRATION, SCALING = Calibration("platt", 1.5, -0.25), Scaling(600, 50, 20)
TABLE = reason_table(FEATURES, GROUPS, CALIBRATION, SCALING)
rows = st.lists(st.floats(-3, 3), min_size=9, max_size=9).map(np.array)


@given(rows)
def test_groups_sum_to_the_calibrated_log_odds_without_the_base(contributions):
    groups = group_contributions(contributions[None, :], TABLE)
    assert groups.sum() == pytest.approx(1.5 * contributions[:-1].sum(), abs=1e-9)


@given(rows)
def test_points_lost_are_the_points_between_this_customer_and_the_average_one(contributions):
    raw = contributions.sum()
    average_raw = raw - group_contributions(contributions[None, :], TABLE).sum() / 1.5 + 0.2 / 1.5
    lost = points(1.5 * average_raw - 0.25, SCALING) - points(1.5 * raw - 0.25, SCALING)
    assert points_lost(contributions[None, :], TABLE).sum() == pytest.approx(lost, abs=1e-6)


@given(rows)
def test_at_most_four_each_costs_points_costliest_first(contributions):
    found = reasons(contributions, TABLE)
    costs = [reason.points for reason in found]
    assert len(found) <= MOST
    assert costs == sorted(costs, reverse=True)
    assert all(cost > 0 for cost in costs)
    lost = points_lost(contributions[None, :], TABLE)[0]
    assert len(found) == min(MOST, int((lost > 0).sum()))


def test_equal_costs_stand_in_the_order_of_their_codes_whatever_the_order_of_groups():
    contributions = np.array([0.5] * 8 + [0.0])
    for order in (GROUPS, GROUPS[::-1]):
        table = reason_table(FEATURES, order, Calibration(), SCALING)
        assert [reason.code for reason in reasons(contributions, table)] == ["R9", "R0", "R1", "R2"]


def test_both_sentences_come_along():
    found = reasons(np.array([1.0] + [0.0] * 8), TABLE)
    assert (found[0].zh, found[0].en) == ("原因0", "reason 0")
