"""How well scores part goods from bads, and how far probabilities can be taken at their word.

Labels (1 = bad) and scores come in as arrays, figures go out. Nothing is learnt from them but the
two numbers of a calibration line. Knows no model and no file.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from finmodel.errors import BadInput
from finmodel.records import Float64s

Numbers = npt.ArrayLike


@dataclass(frozen=True, slots=True)
class CalibrationLine:
    """log-odds(bad) = intercept + slope × given log-odds; (1, 0) is perfect."""

    slope: float
    intercept: float


@dataclass(frozen=True, slots=True)
class CalibrationBin:
    """Rows of about the same predicted probability, and what became of them."""

    lowest: float
    highest: float
    count: int
    mean_pd: float
    bad_rate: float


def auc(labels: Numbers, scores: Numbers) -> float:
    """Area under the ROC curve, higher scores meaning bad; ties count half.

    >>> auc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    0.75
    """
    bad, score = _checked(labels, scores)
    _, place, counts = np.unique(score, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    midranks = (last - (counts - 1) / 2.0)[place]
    bads = int(bad.sum())
    surplus = float(midranks[bad].sum()) - bads * (bads + 1) / 2.0
    return surplus / (bads * (len(bad) - bads))


def gini(labels: Numbers, scores: Numbers) -> float:
    """Accuracy ratio: 2 × AUC - 1.

    >>> gini([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    0.5
    """
    return 2.0 * auc(labels, scores) - 1.0


def ks(labels: Numbers, scores: Numbers) -> float:
    """Kolmogorov-Smirnov: the widest gap between the bads' and the goods' distributions of score.

    >>> ks([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    0.5
    """
    bad, score = _checked(labels, scores)
    order = np.argsort(score, kind="stable")
    bad, score = bad[order], score[order]
    last_of_value = np.append(score[1:] != score[:-1], True)
    bads = np.cumsum(bad)[last_of_value] / bad.sum()
    goods = np.cumsum(~bad)[last_of_value] / (~bad).sum()
    return float(np.abs(bads - goods).max())


def brier(labels: Numbers, pds: Numbers) -> float:
    """Mean squared distance between probability of default and outcome; lower is better.

    >>> round(brier([0, 1], [0.2, 0.6]), 12)
    0.1
    """
    bad, pd = _checked(labels, pds)
    _require_probabilities(pd)
    return float(np.mean((pd - bad) ** 2))


def calibration(labels: Numbers, log_odds: Numbers) -> CalibrationLine:
    """Slope and intercept of the outcome's logistic regression on the log-odds of being bad.

    Cox's recalibration (Biometrika 1958), fitted by Newton's method without a penalty; slope and
    intercept are fitted together. The same line is Platt's scaling.
    """
    bad, given = _checked(labels, log_odds)
    if given.min() == given.max():
        raise BadInput("every score is the same: no line can be fitted", where="calibration")
    centre, scale = float(given.mean()), float(given.std())
    x = (given - centre) / scale
    slope, intercept = _fit_line(x, bad.astype(np.float64))
    return CalibrationLine(slope / scale, intercept - slope * centre / scale)


def calibration_table(labels: Numbers, pds: Numbers, bins: int = 10) -> tuple[CalibrationBin, ...]:
    """Expected against observed: rows sorted by probability of default, in bins of about one size.

    Rows of one probability stay in one bin, so there may be fewer bins than asked for.

    >>> table = calibration_table([0, 0, 1, 1], [0.1, 0.1, 0.5, 0.5], bins=2)
    >>> [(part.count, part.mean_pd, part.bad_rate) for part in table]
    [(2, 0.1, 0.0), (2, 0.5, 1.0)]
    """
    bad, pd = _checked(labels, pds)
    _require_probabilities(pd)
    if bins < 1:
        raise BadInput(f"{bins} bins", where="calibration table", remedy="ask for at least 1")
    order = np.argsort(pd, kind="stable")
    pd, bad = pd[order], bad[order]
    wanted = np.linspace(0, len(pd), bins + 1)[1:-1].astype(np.int64)
    cuts = np.unique(np.searchsorted(pd, pd[wanted], side="left"))
    edges = [0, *(int(cut) for cut in cuts if cut > 0), len(pd)]
    return tuple(_bin(pd[a:b], bad[a:b]) for a, b in pairwise(edges))


def _bin(pd: Float64s, bad: npt.NDArray[np.bool_]) -> CalibrationBin:
    return CalibrationBin(float(pd[0]), float(pd[-1]), len(pd), float(pd.mean()), float(bad.mean()))


def _fit_line(x: Float64s, y: Float64s) -> tuple[float, float]:
    design = np.column_stack([x, np.ones_like(x)])
    line = np.array([0.0, np.log(y.mean() / (1.0 - y.mean()))])
    for _ in range(50):
        p = 1.0 / (1.0 + np.exp(-(design @ line)))
        curvature = design.T @ (design * (p * (1.0 - p))[:, None])
        if not np.isfinite(curvature).all() or np.linalg.cond(curvature) > 1e13:
            break
        step = np.linalg.solve(curvature, design.T @ (y - p))
        line = line + step
        if float(np.abs(step).max()) < 1e-10:
            return float(line[0]), float(line[1])
    raise BadInput(
        "the scores part goods and bads completely: no calibration line exists",
        where="calibration",
        remedy="look for a feature that is known only after the outcome",
    )


def _checked(labels: Numbers, scores: Numbers) -> tuple[npt.NDArray[np.bool_], Float64s]:
    label = np.asarray(labels, dtype=np.float64)
    score = np.asarray(scores, dtype=np.float64)
    if label.ndim != 1 or label.shape != score.shape:
        raise BadInput(
            f"labels have shape {label.shape}, scores {score.shape}",
            where="metrics",
            remedy="give one label and one score for each row",
        )
    if not np.isin(label, (0.0, 1.0)).all():
        raise BadInput(
            "a label is not 0 or 1", where="metrics", remedy="give 1 for bad, 0 for good"
        )
    if not np.isfinite(score).all():
        raise BadInput("a score is not a finite number", where="metrics", remedy="drop such rows")
    if label.size == 0 or label.min() == label.max():
        raise BadInput(
            "all labels are the same", where="metrics", remedy="give goods and bads together"
        )
    return label.astype(np.bool_), score


def _require_probabilities(pd: Float64s) -> None:
    if pd.min() < 0.0 or pd.max() > 1.0:
        raise BadInput(
            "a probability is below 0 or above 1", where="metrics", remedy="give probabilities"
        )
