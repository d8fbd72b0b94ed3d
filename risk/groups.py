"""How a model treats the groups of an audit-only attribute: approval, bad rate, discrimination.

Arrays go in, plain rows come out. It reports; which difference is too wide is for people to say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from finmodel.manifest import Policy, Scaling
from finmodel.metrics import auc
from finmodel.records import Float64s
from risk.scaling import points_many, probability

FEWEST = 100
"""A smaller group's approval rate says nothing of how it is treated."""


@dataclass(frozen=True, slots=True)
class GroupRow:
    """One group of one attribute, by scores of models that did not see its rows."""

    attribute: str
    group: str
    rows: int
    bad_rate: float
    mean_pd: float
    approval_rate: float
    """Share at or above the approval cut-off."""
    decline_rate: float
    approval_ratio: float | None
    """Its approval rate over that of the attribute's best-treated group (four-fifths rule), among
    groups of `FEWEST` rows; None of a smaller one, and where nobody is approved."""
    auc: float | None
    """None where the group has not both goods and bads."""


def group_report(
    groups: Mapping[str, npt.NDArray[np.object_]],
    labels: Float64s,
    scores: tuple[Float64s, Float64s],
    judgement: tuple[Policy, Scaling],
) -> list[GroupRow]:
    """A row for each group of each attribute, the largest group first.

    `scores` are log-odds as they decide, and log-odds at the sample's own bad rate: a stated base
    rate parts them, and a mean PD beside a bad rate must be of the same sample.
    """
    log_odds, of_sample = scores
    policy, scaling = judgement
    points = points_many(log_odds, scaling)
    approved, declined = points >= policy.approve_points, points < policy.refer_points
    pd = probability(of_sample)
    report: list[GroupRow] = []
    for attribute, group_of in groups.items():
        names, counts = np.unique(group_of.astype(str), return_counts=True)
        large = names[counts >= FEWEST]
        best = max((float(approved[group_of == name].mean()) for name in large), default=0.0)
        for name in names[np.argsort(-counts, kind="stable")]:
            rows = group_of == name
            approval = float(approved[rows].mean())
            report.append(
                GroupRow(
                    attribute=attribute,
                    group=str(name),
                    rows=int(rows.sum()),
                    bad_rate=float(labels[rows].mean()),
                    mean_pd=float(pd[rows].mean()),
                    approval_rate=approval,
                    decline_rate=float(declined[rows].mean()),
                    approval_ratio=approval / best if best and name in large else None,
                    auc=_auc(labels[rows], log_odds[rows]),
                )
            )
    return report


def _auc(labels: Float64s, log_odds: Float64s) -> float | None:
    return auc(labels, log_odds) if 0.0 < labels.mean() < 1.0 else None
