"""One application against a policy: hard rules, then views, then the points' band, limit and price.

Pure: a plan and one case come in, an outcome goes out. Knows neither where the points came from nor
any clock; `policy_many` decides many at once, with the same answers.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from finmodel.records import Float32s, ViewState
from risk.policy.answers import ANSWERS, Answer
from risk.policy.draws import BPS, falls_within
from risk.policy.file import Band, RandomApprove, Step
from risk.policy.plan import Cut, Plan, PlannedRule, Test

Lane = Literal["standard", "random_approve"]
UNKNOWN_PRODUCT, NO_SCORE, SWITCHED_OFF = "unknown_product", "no_score", "switched_off"
POINTS, OVER_LIMIT, DRAWN = "points", "over_limit", "random_approve"
"""What an outcome says of what decided, beside `rule:<code>` and `view_<state>:<view>`."""
_STRICTNESS: dict[str, int] = {answer: place for place, answer in enumerate(ANSWERS)}
_PRESENT = ViewState.PRESENT


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """One application as a policy sees it."""

    request: Mapping[str, str | float]
    """Fields that were given; what is absent is missing."""
    vector: Float32s
    """(f,) features; NaN where there is none."""
    views: Sequence[str]
    states: Sequence[int]
    points: float
    """NaN where no step could score."""
    step: Step = "model"
    """What made the points, or what is left: `rules` without points, `refer` without anything."""
    drawn: float = 1.0
    """The draw for random approval, from 0 up to 1."""
    lane_open: bool = True
    """Whether the day's cap leaves room for it."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is answered, why, and on which terms."""

    answer: Answer
    rule: str
    band: str = ""
    """Empty where the points were not asked."""
    limit_minor: int | None = None
    annual_rate_bps: int | None = None
    lane: Lane = "standard"
    propensity: float = 0.0
    """The probability, over the draw alone, with which this application is approved."""


def decide(plan: Plan, case: Case) -> Outcome:
    """The outcome for one application."""
    if case.step == "refer":
        return Outcome("refer", SWITCHED_OFF)
    cut = plan.cuts.get(str(case.request["product"]))
    if cut is None:
        return Outcome("refer", UNKNOWN_PRODUCT)
    stop = _stopped(plan, case)
    if stop is not None:
        return stop
    if case.points != case.points:
        return Outcome("refer", NO_SCORE)
    band = cut.bands[bisect_right(cut.edges, case.points)]
    amount = case.request["amount_minor"]
    if band.then == "approve":
        return _on_terms(band, cut, float(amount))
    if band.then == "decline" and plan.lane is not None:
        return _by_lot(plan.lane, band, cut, case)
    return Outcome(band.then, POINTS, band.code)


def _stopped(plan: Plan, case: Case) -> Outcome | None:
    """The strictest of the rules and views that stop this case, the first of its kind."""
    found: Outcome | None = None
    for rule in plan.rules:
        if _stricter(rule.then, found) and _holds(rule, case):
            found = Outcome(_answer(rule.then), rule.name)
    for view, state in zip(case.views, case.states, strict=True):
        if state != _PRESENT:
            then, name = _of_view(plan, view, state)
            if then != "allow" and _stricter(then, found):
                found = Outcome(_answer(then), f"{name}:{view}")
    return found


def _stricter(then: str, found: Outcome | None) -> bool:
    return found is None or _STRICTNESS[then] > _STRICTNESS[found.answer]


def _of_view(plan: Plan, view: str, state: int) -> tuple[str, str]:
    if state == ViewState.STALE:
        return plan.policy.views.stale, "view_stale"
    then = "allow" if view in plan.optional else plan.policy.views.missing
    return then, "view_missing"


def _holds(rule: PlannedRule, case: Case) -> bool:
    if rule.products and case.request["product"] not in rule.products:
        return False
    return all(_meets(test, case) for test in rule.tests)


def _meets(test: Test, case: Case) -> bool:
    value: str | float | None
    value = float(case.vector[test.column]) if test.column >= 0 else case.request.get(test.request)
    if value is None or value != value:
        return test.missing
    if test.among and value not in test.among:
        return False
    return test.words or test.low <= value <= test.high  # type: ignore[operator] # a number


def _on_terms(band: Band, cut: Cut, amount: float) -> Outcome:
    if amount > (band.limit_minor or 0) and cut.over_limit != "cap":
        return Outcome(_answer(cut.over_limit), OVER_LIMIT, band.code)
    return Outcome(
        "approve", POINTS, band.code, band.limit_minor, band.annual_rate_bps, propensity=1.0
    )


def _by_lot(lane: RandomApprove, band: Band, cut: Cut, case: Case) -> Outcome:
    """Decline, unless the draw falls within the lane's share and the lane is open to this case."""
    too_much = case.request["amount_minor"] > lane.limit_minor  # type: ignore[operator] # a number
    out = case.points < lane.at_least or not case.lane_open
    if out or (too_much and cut.over_limit != "cap"):
        return Outcome("decline", POINTS, band.code)
    share = lane.share_bps / BPS
    if not falls_within(case.drawn, lane.share_bps):
        return Outcome("decline", POINTS, band.code, propensity=share)
    return Outcome(
        "approve",
        DRAWN,
        band.code,
        lane.limit_minor,
        lane.annual_rate_bps,
        "random_approve",
        share,
    )


def _answer(then: str) -> Answer:
    return "decline" if then == "decline" else "refer"
