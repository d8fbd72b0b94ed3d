"""Many applications against a policy at once, column by column: the answers of `policy_ruling`.

Columns of requests, features, view states, points and draws come in; columns of outcomes go out.
Used to replay a year of decisions under another policy; knows no log.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from finmodel.records import Float32s, Float64s, Int64s, ViewState
from risk.policy.answers import ANSWERS
from risk.policy.draws import BPS
from risk.policy.file import RandomApprove
from risk.policy.plan import Cut, Plan, PlannedRule, Test
from risk.policy.ruling import (
    DRAWN,
    NO_SCORE,
    OVER_LIMIT,
    POINTS,
    SWITCHED_OFF,
    UNKNOWN_PRODUCT,
    Outcome,
)

Flags: TypeAlias = npt.NDArray[np.bool_]
APPROVE, REFER, DECLINE = range(3)


@dataclass(frozen=True, slots=True, eq=False)
class Cases:
    """n applications that were decided with the same features and views."""

    requests: Mapping[str, npt.NDArray[Any]]
    """(n,) of each field: words as str, numbers as float64 with NaN where it was not given."""
    matrix: Float32s
    """(n, f)"""
    views: Sequence[str]
    states: npt.NDArray[np.uint8]
    """(n, v)"""
    points: Float64s
    """(n,) NaN where no step could score."""
    switched_off: Flags
    """(n,) where every step was off."""
    drawn: Float64s
    """(n,) draws for random approval."""
    lane_open: Flags | None = None
    """(n,) whether the day's cap leaves room; None where it does for all."""

    def __len__(self) -> int:
        return len(self.points)


@dataclass(frozen=True, slots=True, eq=False)
class Outcomes:
    """(n,) columns of outcomes; -1 where there is no limit or price."""

    answers: npt.NDArray[np.int8]
    """Places in `ANSWERS`."""
    rules: npt.NDArray[np.object_]
    bands: npt.NDArray[np.object_]
    limits: Int64s
    rates: Int64s
    by_lot: Flags
    propensities: Float64s

    def at(self, row: int) -> Outcome:
        """One row, as `policy_ruling.decide` gives it."""
        limit, rate = int(self.limits[row]), int(self.rates[row])
        return Outcome(
            answer=ANSWERS[int(self.answers[row])],
            rule=str(self.rules[row]),
            band=str(self.bands[row]),
            limit_minor=None if limit < 0 else limit,
            annual_rate_bps=None if rate < 0 else rate,
            lane="random_approve" if self.by_lot[row] else "standard",
            propensity=float(self.propensities[row]),
        )


def decide_many(plan: Plan, cases: Cases) -> Outcomes:
    """The outcome of each application."""
    found = _undecided(len(cases))
    open_ = ~cases.switched_off
    _set(found, ~open_, REFER, SWITCHED_OFF)
    products = cases.requests["product"]
    known = np.isin(products, np.array(list(plan.cuts), dtype=str))
    _set(found, open_ & ~known, REFER, UNKNOWN_PRODUCT)
    open_ &= known
    open_ &= ~_stop(plan, cases, found, open_)
    unscored = open_ & np.isnan(cases.points)
    _set(found, unscored, REFER, NO_SCORE)
    open_ &= ~unscored
    for name, cut in plan.cuts.items():
        _band(plan, cut, cases, found, open_ & (products == name))
    return found


def _undecided(rows: int) -> Outcomes:
    return Outcomes(
        answers=np.full(rows, REFER, np.int8),
        rules=np.full(rows, "", object),
        bands=np.full(rows, "", object),
        limits=np.full(rows, -1, np.int64),
        rates=np.full(rows, -1, np.int64),
        by_lot=np.zeros(rows, bool),
        propensities=np.zeros(rows),
    )


def _set(found: Outcomes, rows: Flags, answer: int, rule: str) -> None:
    found.answers[rows] = answer
    found.rules[rows] = rule


def _stop(plan: Plan, cases: Cases, found: Outcomes, open_: Flags) -> Flags:
    """Rows that a rule or a view stops: the strictest wins, the first of its kind is named."""
    strictness = np.zeros(len(cases), np.int8)
    for rule in plan.rules:
        then = _stop_place(rule.then)
        hit = open_ & (strictness < then) & _holds(rule, cases)
        _set(found, hit, then, rule.name)
        strictness[hit] = then
    for place, view in enumerate(cases.views):
        states = cases.states[:, place]
        stale = states == ViewState.STALE
        missing = ~stale & (states != ViewState.PRESENT)
        absent = "allow" if view in plan.optional else plan.policy.views.missing
        for rows, outcome, name in (
            (stale, plan.policy.views.stale, "view_stale"),
            (missing, absent, "view_missing"),
        ):
            if outcome == "allow":
                continue
            then = ANSWERS.index(outcome)
            hit = open_ & rows & (strictness < then)
            _set(found, hit, then, f"{name}:{view}")
            strictness[hit] = then
    return strictness > 0


def _holds(rule: PlannedRule, cases: Cases) -> Flags:
    hit = np.ones(len(cases), bool)
    if rule.products:
        hit &= np.isin(cases.requests["product"], np.array(sorted(rule.products), dtype=str))
    for test in rule.tests:
        hit &= _meets(test, cases)
    return hit


def _meets(test: Test, cases: Cases) -> Flags:
    if test.words:
        given = cases.requests[test.request]
        return np.isin(given, np.array([str(word) for word in test.among], dtype=str))
    if test.column >= 0:
        # As double: beside a float32 column numpy would round the edges to float32.
        values = cases.matrix[:, test.column].astype(np.float64)
    else:
        values = cases.requests[test.request]
    absent = np.isnan(values)
    meets = (values >= test.low) & (values <= test.high)
    if test.among:
        meets &= np.isin(values, np.array([float(one) for one in test.among]))
    return np.where(absent, test.missing, meets)


def _band(plan: Plan, cut: Cut, cases: Cases, found: Outcomes, rows: Flags) -> None:
    place = np.searchsorted(np.array(cut.edges), cases.points, side="right")
    amounts = cases.requests["amount_minor"]
    for number, band in enumerate(cut.bands):
        here = rows & (place == number)
        found.bands[here] = band.code
        _set(found, here, ANSWERS.index(band.then), POINTS)
        if band.then == "approve":
            limit, rate = band.limit_minor or 0, band.annual_rate_bps or 0
            over = here & (amounts > limit) & (cut.over_limit != "cap")
            _set(found, over, _stop_place(cut.over_limit), OVER_LIMIT)
            _terms(found, here & ~over, limit, rate, 1.0)
        elif band.then == "decline" and plan.lane is not None:
            _draw(plan.lane, cut, cases, found, here)


def _draw(lane: RandomApprove, cut: Cut, cases: Cases, found: Outcomes, rows: Flags) -> None:
    allowed = rows & (cases.points >= lane.at_least)
    if cases.lane_open is not None:
        allowed &= cases.lane_open
    if cut.over_limit != "cap":
        allowed &= cases.requests["amount_minor"] <= lane.limit_minor
    share = lane.share_bps / BPS
    found.propensities[allowed] = share
    taken = allowed & (cases.drawn < share)
    _set(found, taken, APPROVE, DRAWN)
    found.by_lot[taken] = True
    _terms(found, taken, lane.limit_minor, lane.annual_rate_bps, share)


def _stop_place(then: str) -> int:
    return DECLINE if then == "decline" else REFER


def _terms(found: Outcomes, rows: Flags, limit: int, rate: int, propensity: float) -> None:
    found.limits[rows], found.rates[rows] = limit, rate
    found.propensities[rows] = propensity
