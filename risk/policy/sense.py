"""What a policy says that can never come true, beside what its text is refused for.

A policy comes in; sentences go out. Asked of what is new: what was approved stays readable.
"""

from __future__ import annotations

from finmodel.errors import BadInput
from risk.policy.file import Condition, PolicyFile
from risk.policy.plan import edges_of


def require_sense(policy: PolicyFile, where: str) -> None:
    """BadInput, with all of them, where a condition is met by no value, or a lane by no points."""
    if found := [*never_hold(policy), *_never_drawn(policy)]:
        raise BadInput(
            "; ".join(found), where=where, remedy="mend its edges, or take the condition out"
        )


def never_hold(policy: PolicyFile) -> list[str]:
    """Conditions that no value meets."""
    return [
        f"rule {rule.code}: no {one.request or one.feature} is {_edges(one)}"
        for rule in policy.rules
        for one in rule.when
        if not _can_hold(one)
    ]


def _never_drawn(policy: PolicyFile) -> list[str]:
    """A lane that begins above every band that declines: nobody could be drawn."""
    lane = policy.random_approve
    if lane is None or not lane.share_bps:
        return []
    declined = [
        band.below
        for product in policy.products.values()
        for band in product.bands
        if band.then == "decline"
    ]
    if any(below is None or lane.at_least < below for below in declined):
        return []
    return [f"random_approve: no band declines at {lane.at_least:g} points or more"]


def _can_hold(condition: Condition) -> bool:
    low, high = edges_of(condition)
    numbers = [one for one in condition.among if not isinstance(one, str)]
    if numbers:
        return any(low <= one <= high for one in numbers)
    return low <= high


def _edges(condition: Condition) -> str:
    told = {
        "at least": condition.at_least,
        "above": condition.above,
        "at most": condition.at_most,
        "below": condition.below,
    }
    words = [f"{word} {edge:g}" for word, edge in told.items() if edge is not None]
    if condition.among:
        words.append(f"among {list(condition.among)}")
    return " and ".join(words)
