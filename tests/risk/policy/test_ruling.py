"""One application against a policy: each line of it can decide, in the order that is promised."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from finmodel.errors import BadInput
from finmodel.records import ViewState
from risk.policy.plan import plan_of
from risk.policy.ruling import Case, Outcome, decide
from tests.risk.policies import POLICY, policy_of

PRESENT, STALE, MISSING, FUTURE = ViewState
PLAN = plan_of(policy_of(), ("a", "b"))
REQUEST = {"product": "cash_loan", "channel": "app", "amount_minor": 150_000, "term_months": 12}
VIEWS = ("bills", "rare")


def case(points: float = 630.0, b: float = 0.0, states=(PRESENT, PRESENT), **changed: Any) -> Case:
    how = {key: changed.pop(key) for key in ("step", "drawn") if key in changed}
    vector = np.array([0.0, b], dtype=np.float32)
    return Case(REQUEST | changed, vector, VIEWS, states, points, **how)


@pytest.mark.parametrize(
    ("points", "outcome"),
    [
        (1e9, Outcome("approve", "points", "A", 500_000, 1080, propensity=1.0)),
        (620.0, Outcome("approve", "points", "A", 500_000, 1080, propensity=1.0)),
        (619.999, Outcome("approve", "points", "B", 200_000, 1440, propensity=1.0)),
        (599.999, Outcome("refer", "points", "C")),
        (580.0, Outcome("refer", "points", "C")),
        (579.999, Outcome("decline", "points", "D")),
        (-1e9, Outcome("decline", "points", "D")),
    ],
)
def test_a_cut_off_belongs_to_the_better_band_with_its_limit_and_price(points, outcome):
    plan = plan_of(policy_of(random_approve=None), ("a", "b"))
    assert decide(plan, case(points)) == outcome


@pytest.mark.parametrize(
    ("changed", "answer", "rule"),
    [
        ({"amount_minor": 900_000}, "refer", "over_limit"),
        ({"amount_minor": 900_001}, "decline", "rule:H1"),
        ({"channel": "agent", "b": 0.5}, "refer", "rule:H2"),
        ({"channel": "agent", "b": float("nan")}, "approve", "points"),
        ({"channel": "agent", "b": 1.5}, "approve", "points"),
        ({"channel": "app", "b": 0.5}, "approve", "points"),
        ({"channel": "agent", "b": 0.5, "amount_minor": 900_001}, "decline", "rule:H1"),
        ({"states": (STALE, PRESENT)}, "refer", "view_stale:bills"),
        ({"states": (FUTURE, PRESENT)}, "decline", "view_missing:bills"),
        ({"states": (PRESENT, MISSING)}, "approve", "points"),
        ({"states": (PRESENT, STALE)}, "refer", "view_stale:rare"),
        (
            {"states": (MISSING, STALE), "channel": "agent", "b": 0.5},
            "decline",
            "view_missing:bill",
        ),
        ({"states": (STALE, PRESENT), "channel": "agent", "b": 0.5}, "refer", "rule:H2"),
        ({"product": "car"}, "refer", "unknown_product"),
        ({"points": float("nan")}, "refer", "no_score"),
        ({"points": float("nan"), "amount_minor": 900_001}, "decline", "rule:H1"),
        ({"step": "refer", "amount_minor": 900_001}, "refer", "switched_off"),
    ],
)
def test_rules_first_then_views_then_points_and_the_strictest_is_named(changed, answer, rule):
    outcome = decide(PLAN, case(**changed))
    assert outcome.answer == answer
    assert outcome.rule.startswith(rule)
    if answer != "approve":
        assert (outcome.limit_minor, outcome.annual_rate_bps, outcome.propensity) == (None, None, 0)


def test_missing_beside_a_comparison_is_or():
    asked = {"product": "instalment", "amount_minor": 10}
    assert decide(PLAN, case(**asked)).rule == "rule:H3"
    assert decide(PLAN, case(**asked, bureau_score=299)).rule == "rule:H3"
    assert decide(PLAN, case(**asked, bureau_score=300)).rule == "points"


def test_more_than_the_limit_is_capped_where_the_product_says_so():
    outcome = decide(PLAN, case(product="instalment", amount_minor=800_000, bureau_score=700))
    assert (outcome.answer, outcome.limit_minor, outcome.rule) == ("approve", 300_000, "points")


@pytest.mark.parametrize(
    ("changed", "answer", "propensity"),
    [
        ({"points": 560.0, "drawn": 0.2499}, "refer", 0.25),
        ({"points": 560.0, "drawn": 0.25}, "decline", 0.25),
        ({"points": 539.9, "drawn": 0.0}, "decline", 0.0),
        ({"points": 560.0, "drawn": 0.0, "amount_minor": 100_001}, "decline", 0.0),
        ({"points": 560.0, "drawn": 0.0, "states": (MISSING, PRESENT)}, "decline", 0.0),
        ({"points": 590.0, "drawn": 0.0}, "refer", 0.0),
    ],
)
def test_only_whom_the_points_decline_is_drawn_and_the_propensity_says_so(
    changed, answer, propensity
):
    outcome = decide(PLAN, case(**({"amount_minor": 100_000} | changed)))
    drawn = propensity > 0 and changed["drawn"] < 0.25
    assert outcome.propensity == propensity
    assert outcome.lane == ("random_approve" if drawn else "standard")
    if drawn:
        assert (outcome.answer, outcome.rule) == ("approve", "random_approve")
        assert (outcome.band, outcome.limit_minor, outcome.annual_rate_bps) == ("D", 100_000, 2400)
    else:
        assert outcome.answer == answer


def test_a_rule_on_a_feature_that_does_not_exist_is_named():
    with pytest.raises(BadInput, match="rule H2: it reads 'b', which is no feature; name a"):
        plan_of(policy_of(), ("a", "c"))
    assert POLICY["rules"][1]["code"] == "H2"
