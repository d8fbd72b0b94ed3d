"""From log-odds of being bad to points and to a probability, and back.

Points are affine in the calibrated log-odds, higher is better. Knows no model.
"""

from __future__ import annotations

import math

import numpy as np
from msgspec import UNSET

from finmodel.log_odds import calibrated, probability
from finmodel.manifest import Calibration, PricingPd, Scaling
from finmodel.records import Float64s

__all__ = [
    "base_rate_shift",
    "calibrated",
    "log_odds_at",
    "points",
    "points_many",
    "points_per_log_odds",
    "priced",
    "probability",
]


def points_per_log_odds(scaling: Scaling) -> float:
    """Points for one unit of log-odds: pdo / ln 2.

    >>> round(points_per_log_odds(Scaling()), 4)
    28.8539
    """
    return scaling.pdo / math.log(2.0)


def points(log_odds: float, scaling: Scaling) -> float:
    """Points of calibrated log-odds(bad): base at the base odds, `pdo` more as the odds double.

    >>> def of_pd(pd): return round(points(math.log(pd / (1 - pd)), Scaling(600, 50, 20)), 6)
    >>> of_pd(1 / 51), of_pd(1 / 101), of_pd(1 / 26)
    (600.0, 620.0, 580.0)
    """
    factor = points_per_log_odds(scaling)
    return scaling.base_points - factor * (log_odds + math.log(scaling.base_odds))


def points_many(log_odds: Float64s, scaling: Scaling) -> Float64s:
    """(n,) points of (n,) calibrated log-odds; the same arithmetic as `points`."""
    factor = points_per_log_odds(scaling)
    return scaling.base_points - factor * (log_odds + math.log(scaling.base_odds))


def log_odds_at(given: Float64s, scaling: Scaling) -> Float64s:
    """(n,) calibrated log-odds(bad) of (n,) points: `points_many` the other way round.

    >>> odds = np.array([-4.0, 0.5])
    >>> bool(np.allclose(log_odds_at(points_many(odds, Scaling()), Scaling()), odds))
    True
    """
    factor = points_per_log_odds(scaling)
    return (scaling.base_points - given) / factor - math.log(scaling.base_odds)


def base_rate_shift(calibration: Calibration) -> float:
    """What a stated base rate p adds to the log-odds of a sample of rate s; 0 where none is stated.

    ln(p / (1 - p)) - ln(s / (1 - s)): Bayes' rule, of another prior (King & Zeng 2001).

    >>> round(base_rate_shift(Calibration(base_rate=0.1, sample_rate=0.5)) / math.log(9), 9)
    -1.0
    """
    p, s = calibration.base_rate, calibration.sample_rate
    if p is UNSET or s is UNSET:
        return 0.0
    return math.log(p / (1.0 - p)) - math.log(s / (1.0 - s))


def priced(raw: Float64s, pricing: PricingPd) -> Float64s:
    """(n,) probability of default for pricing of (n,) raw scores; NaN stays NaN.

    >>> priced(np.array([-2.0, 0.5, 9.0]), PricingPd(starts=(0.5,), pds=(0.1, 0.4))).tolist()
    [0.1, 0.4, 0.4]
    """
    step = np.searchsorted(np.array(pricing.starts), raw, side="right")
    return np.where(np.isnan(raw), np.nan, np.array(pricing.pds)[step])
