"""A day's cap on approvals by lot: never passed, never shut before, blind to the draw."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finmodel.errors import BadInput
from risk.policy.file import RandomApprove
from risk.policy.lot_budget import DAY_US, EAST_US, open_lanes
from tests.risk.policies import POLICY, policy_of

LANE = RandomApprove(2_500, "s", 540.0, 1_000, 2400)
rows = st.lists(
    st.tuples(st.integers(0, 3 * DAY_US), st.integers(1, 2_000), st.booleans(), st.booleans()),
    min_size=1,
    max_size=60,
)
caps = st.fixed_dictionaries(
    {
        "most_a_day": st.none() | st.integers(1, 5),
        "most_minor_a_day": st.none() | st.integers(1_000, 5_000),
    }
)


@given(rows, caps)
def test_a_day_is_as_full_as_its_cap_allows_and_never_fuller(rows, caps):
    lane = msgspec.structs.replace(LANE, **caps)
    rows = sorted(rows, key=lambda row: row[0])
    time, amount = (np.array([row[place] for row in rows]) for place in (0, 1))
    may = np.array([row[2] for row in rows])
    drawn = may & np.array([row[3] for row in rows])
    found = open_lanes(lane, time, amount.astype(float), may, drawn)
    most = caps["most_a_day"] or 10**9
    most_minor = caps["most_minor_a_day"] or 10**9
    days = (time + EAST_US) // DAY_US
    for row in np.flatnonzero(may):
        earlier = (np.arange(len(rows)) < row) & (days == days[row]) & drawn & found
        used = np.minimum(amount[earlier], 1_000).sum()
        room = earlier.sum() < most and used + min(amount[row], 1_000) <= most_minor
        assert found[row] == room
    assert found[~may].all()


@given(rows, caps, st.integers(0, 59))
def test_whether_it_is_open_does_not_hang_on_the_draw_at_hand(rows, caps, place):
    lane, row = msgspec.structs.replace(LANE, **caps), place % len(rows)
    rows = sorted(rows, key=lambda one: one[0])
    time, amount = (np.array([one[column] for one in rows]) for column in (0, 1))
    may, drawn = np.ones(len(rows), bool), np.array([one[3] for one in rows])
    before = open_lanes(lane, time, amount.astype(float), may, drawn)
    drawn[row] = not drawn[row]
    after = open_lanes(lane, time, amount.astype(float), may, drawn)
    assert before[: row + 1].tolist() == after[: row + 1].tolist()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"most_a_day": 0}, r"random_approve\.most_a_day: .*>= 1"),
        ({"most_minor_a_day": 0}, r"random_approve\.most_minor_a_day: .*>= 1"),
        ({"most_minor_a_day": 99_999}, "a day's 99999 is less than one limit, 100000; raise it"),
        ({"most_a_week": 3}, r"random_approve\.most_a_week: unknown key"),
    ],
)
def test_a_cap_that_does_not_hold_is_one_sentence(changes, says):
    with pytest.raises(BadInput, match=says):
        policy_of(random_approve=POLICY["random_approve"] | changes)


def test_a_lane_without_a_cap_is_always_open():
    assert not policy_of().random_approve.capped
    capped = policy_of(random_approve=POLICY["random_approve"] | {"most_a_day": 20})
    assert capped.random_approve.capped
