"""What the lane by lot may still take today, as the audit log has it and as was decided since.

A question that a policy asks comes in, with whether its lane is open to it it goes out; a judgement
is counted. One service process has one: the log is read once, when a cap is first asked for.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from finmodel.audit import find
from finmodel.audit_entries import id_at
from finmodel.audit_side import Piece, pieces_of, segments_of
from finmodel.clock import Clock, micros
from finmodel.decision_log import FACTS, LAYOUT, fact_of
from risk.policy.file import RandomApprove
from risk.policy.lot_budget import LotBudget, day_of
from serving.judgement import Asked, Judgement
from serving.live import Served

LANE = "random_approve"


class LaneBudget:
    """Counts what is approved by lot, where the policy caps it."""

    def __init__(self, audit: Path, clock: Clock) -> None:
        self._audit, self._clock = audit, clock
        self._budget: LotBudget | None = None

    def asked(self, asked: Asked | None, model: Served) -> Asked | None:
        """The same question, the lane shut where the day's cap leaves no room for it."""
        lane = _capped(model)
        if asked is None or lane is None:
            return asked
        now = micros(self._clock.now())
        budget = self._budget = self._budget or spent_on(self._audit, day_of(now))
        is_open = budget.open_to(lane, now, float(asked.request["amount_minor"]))
        return replace(asked, lane_open=is_open)

    def count(self, judged: Judgement, model: Served) -> None:
        """Count a decision, before it is on the disk: no other may take its place meanwhile."""
        lane, budget = model.policy and model.policy.plan.lane, self._budget
        if not lane or budget is None or judged.outcome is None or judged.asked is None:
            return
        if judged.outcome.lane == LANE:
            amount = float(judged.asked.request["amount_minor"])
            budget.take(lane, micros(self._clock.now()), amount)


def spent_on(audit: Path, day: int) -> LotBudget:
    """What was approved by lot on a day, under whichever policy; segments from the newest on."""
    budget = LotBudget(day)
    for number in reversed(segments_of(audit)) if audit.is_dir() else ():
        times = [
            _count(audit, piece, budget) for piece in pieces_of(audit, number, LAYOUT, (FACTS,))
        ]
        if times and max(times) < day:
            break  # the log is in order of time: what lies before is older
    return budget


def _count(audit: Path, piece: Piece, budget: LotBudget) -> int:
    """Count a piece's approvals by lot; the last day that it holds."""
    codes = [code for code, body in piece.bodies.items() if fact_of(body, "lane") == LANE]
    days = np.array([day_of(one) for one in piece.columns["time_us"].tolist()], np.int64)
    hit = (days == budget.day) & np.isin(piece.columns[FACTS], np.array(codes, np.int64))
    for at in piece.at[hit].tolist():
        policy = find(audit, id_at(audit, piece.segment, at)).body["policy"]
        budget.count += 1
        budget.minor += min(int(policy["request"]["amount_minor"]), int(policy["limit_minor"]))
    return int(days.max(initial=-1))


def _capped(model: Served) -> RandomApprove | None:
    lane = None if model.policy is None else model.policy.plan.lane
    return lane if lane is not None and lane.capped else None
