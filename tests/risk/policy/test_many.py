"""A million decisions at once are the decisions one by one, on any policy and any application."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from finmodel.records import ViewState
from risk.policy.many import Cases, decide_many
from risk.policy.plan import plan_of
from risk.policy.ruling import Case, decide
from tests.risk.policies import POLICY, policy_of

FEATURES, VIEWS = ("a", "b"), ("bills", "rare")
EDGES = (540.0, 580.0, 600.0, 610.0, 620.0)
points = st.one_of(
    st.sampled_from([*EDGES, *np.nextafter(EDGES, -np.inf).tolist(), float("nan")]),
    st.floats(400, 800),
)
THIRD = float(np.float32(0.1))
"""0.1 as a feature holds it: a little more than the 0.1 of a policy."""
values = st.sampled_from([float("nan"), 0.0, 0.1, THIRD, 1.5, float(np.float32(1.4999999))])
amounts = st.sampled_from([1, 100_000, 100_001, 200_000, 300_001, 500_001, 900_000, 900_001])
rows = st.tuples(
    st.fixed_dictionaries(
        {
            "product": st.sampled_from(["cash_loan", "instalment", "car"]),
            "channel": st.sampled_from(["app", "agent"]),
            "amount_minor": amounts,
            "term_months": st.integers(1, 48),
        },
        optional={"bureau_score": st.sampled_from([0, 299, 300, 700])},
    ),
    st.tuples(values, values),
    st.tuples(st.sampled_from(ViewState), st.sampled_from(ViewState)),
    points,
    st.sampled_from(["model", "scorecard", "rules", "refer"]),
    st.one_of(st.sampled_from([0.0, 0.25, 0.2499999]), st.floats(0, 1, exclude_max=True)),
)
outcomes = st.sampled_from(["allow", "refer", "decline"])
policies = st.fixed_dictionaries(
    {},
    optional={
        "views": st.fixed_dictionaries(
            {"stale": outcomes, "missing": outcomes, "optional": st.sampled_from([[], ["rare"]])}
        ),
        "random_approve": st.sampled_from([None, POLICY["random_approve"]]),
        "rules": st.lists(st.sampled_from(POLICY["rules"]), unique_by=lambda r: r["code"]),
    },
)


def columns(given_rows) -> Cases:
    def number(name: str) -> np.ndarray:
        return np.array([row[0].get(name, np.nan) for row in given_rows], dtype=np.float64)

    words = {n: np.array([row[0][n] for row in given_rows]) for n in ("product", "channel")}
    numbers = {n: number(n) for n in ("amount_minor", "term_months", "bureau_score")}
    return Cases(
        requests=words | numbers,
        matrix=np.array([row[1] for row in given_rows], dtype=np.float32),
        views=VIEWS,
        states=np.array([row[2] for row in given_rows], dtype=np.uint8),
        points=np.array([row[3] for row in given_rows]),
        switched_off=np.array([row[4] == "refer" for row in given_rows]),
        drawn=np.array([row[5] for row in given_rows]),
    )


@given(st.lists(rows, min_size=1, max_size=30), policies)
@settings(max_examples=200, deadline=None)
def test_many_at_once_are_decided_as_one_by_one(given_rows, changes):
    plan = plan_of(policy_of(**changes), FEATURES)
    cases = columns(given_rows)
    together = decide_many(plan, cases)
    for place, (request, _, states, score, step, drawn) in enumerate(given_rows):
        one = Case(request, cases.matrix[place], VIEWS, states, score, step, drawn)
        assert together.at(place) == decide(plan, one)
