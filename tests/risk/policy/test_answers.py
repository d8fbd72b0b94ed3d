"""What is answered for each score and each state of each view."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finmodel.manifest import Policy
from finmodel.records import ViewState
from risk.policy.answers import rule

POLICY = Policy(approve_points=620, refer_points=580, optional_views=("late",))
PRESENT, STALE, MISSING, FUTURE = ViewState
states = st.sampled_from(ViewState)


@pytest.mark.parametrize(
    ("points", "answer"),
    [(620.0, "approve"), (619.999, "refer"), (580.0, "refer"), (579.999, "decline")],
)
def test_cut_offs_belong_to_the_better_side(points, answer):
    assert rule(points, ["bills"], [PRESENT], POLICY).answer == answer


@pytest.mark.parametrize("points", [400.0, 600.0, 800.0])
@pytest.mark.parametrize(
    ("state", "expected"),
    [(STALE, "view_stale:bills"), (MISSING, "view_missing:bills"), (FUTURE, "view_missing:bills")],
)
def test_a_person_looks_where_a_view_is_not_there(points, state, expected):
    ruling = rule(points, ["status", "bills"], [PRESENT, state], POLICY)
    assert (ruling.answer, ruling.rule) == ("refer", expected)


def test_an_optional_view_may_be_missing_but_not_stale():
    assert rule(640.0, ["late"], [MISSING], POLICY).answer == "approve"
    assert rule(640.0, ["late"], [STALE], POLICY).rule == "view_stale:late"


def test_the_strictest_outcome_wins_and_the_first_view_is_named():
    policy = Policy(620, 580, stale="refer", missing="decline")
    views, found = ["a", "b", "c"], [STALE, MISSING, MISSING]
    assert rule(900.0, views, found, policy).rule == "view_missing:b"
    assert rule(900.0, views, found, policy).answer == "decline"


@given(st.floats(300, 900), st.lists(states, min_size=1, max_size=6))
def test_allowed_states_leave_the_answer_to_the_points(points, found):
    policy = Policy(620, 580, stale="allow", missing="allow")
    views = [f"v{place}" for place in range(len(found))]
    assert rule(points, views, found, policy) == rule(points, ["v"], [PRESENT], policy)


@given(st.floats(300, 900), st.lists(states, min_size=1, max_size=6))
def test_nothing_is_approved_on_a_view_that_is_not_there(points, found):
    views = [f"v{place}" for place in range(len(found))]
    ruling = rule(points, views, found, Policy(620, 580))
    assert (ruling.rule == "points") == all(state is PRESENT for state in found)
    if ruling.rule != "points":
        assert ruling.answer == "refer"
