"""Why a score is not better: up to four reason codes, each with its weight in points.

Contributions come in from the scorer (they sum to the raw score), reasons go out. A group's
contribution is compared with its mean over the training rows: a reason is what sets this customer
apart, for the worse, from the average one. Knows no model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from finmodel.manifest import Calibration, ReasonGroup, Scaling
from finmodel.records import Float64s, Reason
from risk.scaling import points_per_log_odds

MOST = 4
"""More than four reasons tell a customer nothing (Regulation B's commentary says the same)."""


@dataclass(frozen=True, slots=True, eq=False)
class ReasonTable:
    """Which column belongs to which group, ready for many rows."""

    groups: tuple[ReasonGroup, ...]
    membership: Float64s
    """(f, g) 1.0 where feature f belongs to group g."""
    references: Float64s
    """(g,) mean contribution of each group, in calibrated log-odds."""
    slope: float
    factor: float
    """Points for one unit of calibrated log-odds."""


def reason_table(
    features: Sequence[str],
    groups: Sequence[ReasonGroup],
    calibration: Calibration,
    scaling: Scaling,
) -> ReasonTable:
    """The table for a model's features; a feature without a group would be a KeyError."""
    group_of = {feature: place for place, group in enumerate(groups) for feature in group.features}
    membership = np.zeros((len(features), len(groups)))
    for row, feature in enumerate(features):
        membership[row, group_of[feature]] = 1.0
    return ReasonTable(
        groups=tuple(groups),
        membership=membership,
        references=np.array([group.reference for group in groups]),
        slope=calibration.slope,
        factor=points_per_log_odds(scaling),
    )


def group_contributions(contributions: Float64s, table: ReasonTable) -> Float64s:
    """(n, g) contribution of each group to the calibrated log-odds.

    Takes (n, f + 1) contributions to the raw score; the last column, the base, belongs to none.
    """
    return table.slope * (contributions[:, :-1] @ table.membership)


def points_lost(contributions: Float64s, table: ReasonTable) -> Float64s:
    """(n, g) points that each group takes away compared with its mean; negative where it adds."""
    return table.factor * (group_contributions(contributions, table) - table.references)


def reasons(contributions: npt.NDArray[np.float64], table: ReasonTable) -> tuple[Reason, ...]:
    """The at most four groups that cost this customer the most points, costliest first.

    Takes (f + 1,) contributions of one row. Groups that cost nothing are no reasons; equal costs
    stand in the order of their codes, so that a replay gives the same list.

    >>> one = ReasonGroup("R1", "甲", "one", features=("a", "b"))
    >>> two = ReasonGroup("R2", "乙", "two", features=("c",))
    >>> table = reason_table("abc", [one, two], Calibration(), Scaling(pdo=20))
    >>> [(r.code, round(r.points, 2)) for r in reasons(np.array([0.5, -0.3, 0.1, -1.0]), table)]
    [('R1', 5.77), ('R2', 2.89)]
    """
    return costliest(points_lost(contributions[None, :], table)[0], table.groups)


def costliest(lost: Float64s, groups: Sequence[ReasonGroup]) -> tuple[Reason, ...]:
    """At most four groups by the (g,) points that each takes away, as `reasons` orders them."""
    order = sorted(range(len(lost)), key=lambda g: (-lost[g], groups[g].code))
    return tuple(_reason(groups[g], float(lost[g])) for g in order[:MOST] if lost[g] > 0.0)


def _reason(group: ReasonGroup, lost: float) -> Reason:
    return Reason(group.code, lost, group.zh, group.en)
