"""A policy made ready to decide: conditions as intervals, bands as edges, features as columns.

A policy and the names of a model's features come in, a plan goes out that one application and a
million are decided by. Knows no application.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from finmodel.errors import BadInput
from risk.policy.file import (
    BUREAU,
    REQUEST_WORDS,
    Band,
    Condition,
    PolicyFile,
    Product,
    RandomApprove,
)
from risk.policy.file import Rule as WrittenRule


@dataclass(frozen=True, slots=True)
class Test:
    """One condition: a number between two edges, both of which belong to it, or one of a set."""

    request: str
    """Field of the request; empty where a feature is read."""
    column: int
    """The feature's place; -1 where the request is read."""
    low: float
    high: float
    among: frozenset[str | float]
    """Empty where anything is allowed."""
    missing: bool
    """What is answered where there is no value."""
    words: bool


@dataclass(frozen=True, slots=True)
class PlannedRule:
    """A hard rule, ready to be asked."""

    name: str
    """As it stands in a decision: `rule:<code>`."""
    then: str
    tests: tuple[Test, ...]
    products: frozenset[str]
    """Empty for all."""


@dataclass(frozen=True, slots=True)
class Cut:
    """One product's bands, worst first."""

    edges: tuple[float, ...]
    """Ascending; the band at place p + 1 begins at edge p."""
    bands: tuple[Band, ...]
    over_limit: str


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that a decision asks."""

    policy: PolicyFile
    rules: tuple[PlannedRule, ...]
    cuts: dict[str, Cut]
    optional: frozenset[str]
    lane: RandomApprove | None
    reads: tuple[str, ...]
    """What the bureau said, as far as a rule reads it."""


def plan_of(policy: PolicyFile, features: Sequence[str]) -> Plan:
    """The plan for a model with these features; BadInput where a rule reads none of them."""
    columns = {name: place for place, name in enumerate(features)}
    return Plan(
        policy=policy,
        rules=tuple(_rule(rule, columns) for rule in policy.rules),
        cuts={name: _cut(product) for name, product in policy.products.items()},
        optional=frozenset(policy.views.optional),
        lane=policy.random_approve,
        reads=reads_of(policy),
    )


def reads_of(policy: PolicyFile) -> tuple[str, ...]:
    """What the bureau said, as far as a rule reads it."""
    read = {test.request for rule in policy.rules for test in rule.when if test.request}
    return tuple(sorted(read & set(BUREAU)))


def _rule(rule: WrittenRule, columns: dict[str, int]) -> PlannedRule:
    tests = tuple(_test(rule.code, condition, columns) for condition in rule.when)
    return PlannedRule(f"rule:{rule.code}", rule.then, tests, frozenset(rule.products))


def _test(code: str, condition: Condition, columns: dict[str, int]) -> Test:
    if condition.feature is not None and condition.feature not in columns:
        raise BadInput(
            f"it reads {condition.feature!r}, which is no feature",
            where=f"rule {code}",
            remedy="name a feature of the model, or take the rule out",
        )
    only_missing = condition.missing and not condition.among and edges_of(condition) == _ANY
    low, high = _NONE if only_missing else edges_of(condition)
    return Test(
        request=condition.request or "",
        column=-1 if condition.feature is None else columns[condition.feature],
        low=low,
        high=high,
        among=frozenset(condition.among),
        missing=condition.missing,
        words=condition.request in REQUEST_WORDS,
    )


_ANY = (-math.inf, math.inf)
_NONE = (math.inf, -math.inf)


def edges_of(condition: Condition) -> tuple[float, float]:
    """The least and the greatest number that a condition takes.

    >>> edges_of(Condition(request="term_months", at_least=6, below=12))
    (6, 11.999999999999998)
    """
    lows, highs = [-math.inf], [math.inf]
    if condition.at_least is not None:
        lows.append(condition.at_least)
    if condition.above is not None:
        lows.append(math.nextafter(condition.above, math.inf))
    if condition.at_most is not None:
        highs.append(condition.at_most)
    if condition.below is not None:
        highs.append(math.nextafter(condition.below, -math.inf))
    return max(lows), min(highs)


def _cut(product: Product) -> Cut:
    worst_first = tuple(reversed(product.bands))
    edges = tuple(band.at_least for band in worst_first[1:] if band.at_least is not None)
    return Cut(edges, worst_first, product.over_limit)
