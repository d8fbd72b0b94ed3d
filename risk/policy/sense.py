"""What a policy says that can never come true, beside what its text is refused for.

A policy comes in; sentences go out. Asked of what is new: what was approved stays readable.
"""

from __future__ import annotations

from finmodel.errors import BadInput
from risk.policy.file import Condition, PolicyFile
from risk.policy.plan import edges_of


def require_sense(policy: PolicyFile, where: str) -> None:
    """BadInput, with all of them, where a rule has a condition that no value meets."""
    if found := never_hold(policy):
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
