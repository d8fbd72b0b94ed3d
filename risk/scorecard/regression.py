"""Logistic regression without a penalty, with what a validator asks of it: errors, p, VIF.

A design matrix and labels come in, coefficients and their tests go out. Pure numpy.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from finmodel.errors import BadInput
from finmodel.records import Float64s

STEPS, CLOSE = 50, 1e-10
_SMALL = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """log-odds(bad) = intercept + design @ coefficients."""

    intercept: float
    coefficients: Float64s
    errors: Float64s
    """Standard errors, the intercept's first."""
    p_values: Float64s
    """Wald's, two-sided; the intercept's first."""


def fit_logistic(
    design: Float64s,
    labels: Float64s,
    start: Float64s | None = None,
    weights: Float64s | None = None,
) -> Fitted:
    """Maximum likelihood by Newton's method (McCullagh & Nelder, Generalized Linear Models, 4.4).

    `design` is (n, k) without the intercept, `start` (k,) coefficients to begin from, `weights`
    (n,) how many rows each stands for, 1 if not said. BadInput where no maximum exists.

    >>> x = np.array([[0.0], [0.0], [0.0], [1.0], [1.0], [1.0]])
    >>> fitted = fit_logistic(x, np.array([0, 0, 1, 0, 1, 1.0]))
    >>> np.round([fitted.intercept / math.log(2), fitted.coefficients[0] / math.log(4)], 6).tolist()
    [-1.0, 1.0]
    """
    whole = np.column_stack([np.ones(len(design)), design])
    line = np.zeros(whole.shape[1])
    stands_for = np.ones(len(labels)) if weights is None else weights
    rate = np.average(labels, weights=stands_for)
    line[0] = math.log(rate / (1.0 - rate))
    line[1:] = 0.0 if start is None else start
    for _ in range(STEPS):
        pd = 1.0 / (1.0 + np.exp(-(whole @ line)))
        curvature = whole.T @ (whole * (stands_for * pd * (1.0 - pd))[:, None])
        if not np.isfinite(curvature).all() or np.linalg.cond(curvature) > 1.0 / _SMALL:
            break
        step = np.linalg.solve(curvature, whole.T @ (stands_for * (labels - pd)))
        line = line + step
        if float(np.abs(step).max()) < CLOSE:
            return _tested(line, np.linalg.inv(curvature))
    raise BadInput(
        "the regression has no solution: variables say the same, or part goods and bads completely",
        where="scorecard",
        remedy="look for a variable known only after the outcome, or lower correlation_max",
    )


def met(fitted: Fitted, design: Float64s, labels: Float64s) -> Fitted:
    """The same coefficients with the intercept at which these rows' PDs sum to their bads.

    Rows that were told beside them pull the rate towards a half, and this takes it back (Puhr et
    al. 2017, FLIC).

    >>> x, y = np.array([[0.0], [0.0], [1.0], [1.0]]), np.array([0, 0, 0, 1.0])
    >>> off = Fitted(0.5, np.array([1.0]), np.zeros(2), np.zeros(2))
    >>> pd = 1 / (1 + np.exp(-(met(off, x, y).intercept + x[:, 0])))
    >>> round(float(pd.sum()), 9)
    1.0
    """
    known = design @ fitted.coefficients
    bads, low, high = float(labels.sum()), -100.0, 100.0
    while high - low > CLOSE:
        middle = 0.5 * (low + high)
        over = float((1.0 / (1.0 + np.exp(-(middle + known)))).sum()) > bads
        low, high = (low, middle) if over else (middle, high)
    return replace(fitted, intercept=0.5 * (low + high))


def vif(design: Float64s) -> Float64s:
    """(k,) variance inflation factor of each column: 1 / (1 - R²) on the others; inf where alike.

    The diagonal of the inverse correlation matrix (Belsley, Kuh & Welsch 1980).

    >>> vif(np.array([[0, 0], [0, 1], [1, 0], [1, 1.0]])).tolist()
    [1.0, 1.0]
    """
    if design.shape[1] < 2:
        return np.ones(design.shape[1])
    correlation = np.corrcoef(design, rowvar=False)
    if np.linalg.cond(correlation) > 1.0 / _SMALL:
        return np.full(design.shape[1], np.inf)
    return np.asarray(np.diag(np.linalg.inv(correlation)), dtype=np.float64)


def _tested(line: Float64s, covariance: Float64s) -> Fitted:
    errors = np.sqrt(np.diag(covariance))
    p_values = np.array([math.erfc(abs(z) / math.sqrt(2.0)) for z in line / errors])
    return Fitted(float(line[0]), line[1:], errors, p_values)
