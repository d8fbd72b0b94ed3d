"""What a check of served features against the log found: figures, and the first few differences.

Findings of one view come in one by one; what is kept of them names customers by pseudonyms alone.
How anything is computed is not known here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from feature_store.section_features import Pair
from finmodel.records import Int64s

SHOWN = 5
"""Differences of each kind and view that are told one by one."""

Hide = Callable[[Int64s], Int64s]
"""From customers' ids to their pseudonyms."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One feature, or one customer, of which the store and the log say different things."""

    view: str
    kind: str
    """`mismatch`; `missing`, where only the log knows the customer; `extra`, where only the store
    does."""
    customer: str
    """A pseudonym."""
    feature: str = ""
    served: float | None = None
    recomputed: float | None = None


@dataclass(slots=True)
class ViewCheck:
    """What was found of one view."""

    view: str
    customers: int = 0
    """Of the sample, of whom the store or the log holds something."""
    features: int = 0
    """That were compared."""
    mismatches: int = 0
    """Of these features."""
    differing: int = 0
    """Customers with a mismatch."""
    missing: int = 0
    """Customers whom only the log knows."""
    extra: int = 0
    """Customers whom only the store knows."""
    left_out: int = 0
    """Features that were not compared: the log may no longer hold their windows."""
    note: str = ""
    """Why some of it, or all, was not compared."""
    differences: list[Difference] = field(default_factory=list)
    """The first few."""

    def add_one_sided(self, kind: str, customer: int, hide: Hide) -> None:
        """A customer is missing, or extra."""
        self.missing += kind == "missing"
        self.extra += kind == "extra"
        self._add(Difference(self.view, kind, _hidden(customer, hide)))

    def add_pair(self, names: Sequence[str], pair: Pair, customer: int, hide: Hide) -> None:
        """A customer's features of these names were compared."""
        wrong = np.flatnonzero(pair.differ).tolist()
        self.features += int(pair.known.sum())
        self.left_out += int((~pair.known).sum())
        self.mismatches += len(wrong)
        self.differing += bool(wrong)
        for place in wrong[:SHOWN]:
            values = float(pair.served[place]), float(pair.recomputed[place])
            hidden = _hidden(customer, hide)
            self._add(Difference(self.view, "mismatch", hidden, names[place], *values))

    def _add(self, one: Difference) -> None:
        if sum(other.kind == one.kind for other in self.differences) < SHOWN:
            self.differences.append(one)


@dataclass(frozen=True, slots=True)
class Consistency:
    """What was found of all views."""

    customers: int
    """Sampled, of whom the store or the log holds something."""
    features: int
    """That were compared."""
    vectors: int
    """One for each view of each customer."""
    differing: int
    """Vectors with a mismatch, missing ones and extra ones."""
    views: list[ViewCheck]
    rate: float = 0.0
    """Of the vectors, those that differ."""


def summed(customers: int, views: list[ViewCheck]) -> Consistency:
    """The sums over views.

    >>> summed(3, [ViewCheck("login", customers=3, missing=1), ViewCheck("bill", customers=1)]).rate
    0.25
    """
    vectors = sum(one.customers for one in views)
    features = sum(one.features for one in views)
    differing = sum(one.differing + one.missing + one.extra for one in views)
    rate = differing / vectors if vectors else 0.0
    return Consistency(customers, features, vectors, differing, views, rate)


def _hidden(customer: int, hide: Hide) -> str:
    return f"{int(hide(np.array([customer]))[0]):016x}"
