"""How sure a figure is: intervals of shares, the error of an AUC, and figures without outcomes.

Counts, scores and weights come in, figures with their errors go out. A weight says how much of a
row is bad: 1 or 0 where the outcome is known, its calibrated probability where it is not (CBPE,
confidence-based performance estimation, arXiv:2401.08348: it sees a shift of customers, not a
change of what makes them default). Knows no model and no file.
"""

from __future__ import annotations

import math

import msgspec
import numpy as np
from scipy.special import ndtr, ndtri

from finmodel.errors import BadInput
from finmodel.records import Float64s


class Separation(msgspec.Struct, frozen=True):
    """How well scores part goods from bads."""

    auc: float
    ks: float
    bads: float
    goods: float

    @property
    def gini(self) -> float:
        """2 × AUC - 1."""
        return 2.0 * self.auc - 1.0


def rate_of(part: float, of: float, fewest: int = 1) -> float | None:
    """A share; None of nothing, or of fewer than mean anything.

    >>> rate_of(1, 4), rate_of(0, 0), rate_of(1, 4, fewest=30)
    (0.25, None, None)
    """
    return float(part / of) if of and of >= fewest else None


def wilson(bads: float, n: float, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's interval of a share (JASA 1927): it stays within 0 and 1, also for no bad at all.

    >>> [round(end, 4) for end in wilson(10, 100)]
    [0.0552, 0.1744]
    >>> wilson(0, 0)
    (0.0, 1.0)
    """
    if n <= 0:
        return 0.0, 1.0
    z = float(ndtri(0.5 + confidence / 2.0))
    share, room = bads / n, z * z / n
    middle = (share + room / 2.0) / (1.0 + room)
    half = z / (1.0 + room) * math.sqrt(share * (1.0 - share) / n + room / (4.0 * n))
    return max(0.0, middle - half), min(1.0, middle + half)


def auc_error(auc: float, bads: float, goods: float) -> float:
    """Standard error of an AUC (Hanley and McNeil, Radiology 1982).

    >>> round(auc_error(0.893, 51, 58), 4)
    0.0325
    """
    q1, q2 = auc / (2.0 - auc), 2.0 * auc * auc / (1.0 + auc)
    own = auc * (1.0 - auc)
    spread = own + (bads - 1.0) * (q1 - auc * auc) + (goods - 1.0) * (q2 - auc * auc)
    return math.sqrt(max(spread, 0.0) / (bads * goods))


def separation(scores: Float64s, bad: Float64s) -> Separation | None:
    """AUC and KS of scores (higher is worse), each row being bad to the weight `bad` in [0, 1].

    Ties count half. None where there is no good or no bad at all, or no row.

    >>> separation(np.array([0.1, 0.4, 0.35, 0.8]), np.array([0.0, 0.0, 1.0, 1.0])).auc
    0.75
    >>> separation(np.array([0.5, 0.5]), np.array([0.2, 0.9])).auc
    0.5
    """
    if scores.shape != bad.shape:
        raise BadInput(
            f"{scores.size} scores and {bad.size} weights", where="separation", remedy="give both"
        )
    order = np.argsort(scores)
    ranked = scores[order]
    last = np.append(ranked[1:] != ranked[:-1], True) if len(ranked) else np.empty(0, bool)
    bads = np.cumsum(bad[order])[last]
    goods = np.flatnonzero(last) + 1.0 - bads
    total_bads, total_goods = (bads[-1], goods[-1]) if len(bads) else (0.0, 0.0)
    if total_bads <= 0.0 or total_goods <= 0.0:
        return None
    below = np.concatenate([[0.0], goods[:-1]])
    auc = float(
        (np.diff(bads, prepend=0.0) * (below + goods)).sum() / (2 * total_bads * total_goods)
    )
    ks = float(np.abs(bads / total_bads - goods / total_goods).max())
    return Separation(auc, ks, float(total_bads), float(total_goods))


def two_sided(z: float) -> float:
    """The probability of a standard normal number at least so far from 0, on either side.

    >>> round(two_sided(1.96), 4)
    0.05
    """
    return float(2.0 * ndtr(-abs(z)))
