"""Approve, refer or decline: points, and the state of each view, against a model's policy.

Pure: takes numbers, names and the policy of the signed model, gives an outcome and the rule that
made it. Knows no score's origin and no clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from finmodel.manifest import Outcome, Policy
from finmodel.records import ViewState

Answer = Literal["approve", "refer", "decline"]
ANSWERS: tuple[Answer, ...] = ("approve", "refer", "decline")
"""The strictest last."""


@dataclass(frozen=True, slots=True)
class Ruling:
    """What is answered, and by which rule."""

    answer: Answer
    rule: str
    """`points`, or `view_missing:<view>` or `view_stale:<view>`."""


def rule(points: float, views: Sequence[str], states: Sequence[int], policy: Policy) -> Ruling:
    """The ruling on one customer.

    A view that is missing (or known only from a later time) or stale is looked at before the
    points: with `refer`, neither a high nor a low score is acted on without a person, because the
    score rests on values that are not there. `allow` leaves it to the points; `decline` declines.
    The strictest outcome wins, the first view of that outcome is named.

    >>> policy = Policy(approve_points=620, refer_points=580)
    >>> rule(640.0, ["bills"], [ViewState.PRESENT], policy)
    Ruling(answer='approve', rule='points')
    >>> rule(640.0, ["bills"], [ViewState.STALE], policy)
    Ruling(answer='refer', rule='view_stale:bills')
    >>> rule(500.0, ["bills"], [ViewState.MISSING], policy)
    Ruling(answer='refer', rule='view_missing:bills')
    >>> rule(500.0, ["bills"], [ViewState.PRESENT], policy).answer
    'decline'
    """
    stopped = [
        ruling
        for view, state in zip(views, states, strict=True)
        if (ruling := _of_view(view, ViewState(state), policy)) is not None
    ]
    if stopped:
        return max(stopped, key=lambda ruling: ANSWERS.index(ruling.answer))
    return Ruling(_of_points(points, policy), "points")


def _of_points(points: float, policy: Policy) -> Answer:
    if points >= policy.approve_points:
        return "approve"
    return "refer" if points >= policy.refer_points else "decline"


def _of_view(view: str, state: ViewState, policy: Policy) -> Ruling | None:
    if state is ViewState.PRESENT:
        return None
    if state is ViewState.STALE:
        return _stop(policy.stale, f"view_stale:{view}")
    if view in policy.optional_views:
        return None
    return _stop(policy.missing, f"view_missing:{view}")


def _stop(outcome: Outcome, rule: str) -> Ruling | None:
    return None if outcome == "allow" else Ruling(outcome, rule)
