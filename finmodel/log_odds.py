"""From a model's raw score to log-odds that mean what they say, and to a probability.

Arrays and a calibration in, arrays out. Knows no model, no points and no card.
"""

from __future__ import annotations

import numpy as np

from finmodel.manifest import Calibration
from finmodel.records import Float64s


def calibrated(raw: Float64s, calibration: Calibration) -> Float64s:
    """(n,) calibrated log-odds of (n,) raw scores.

    >>> calibrated(np.array([1.0, -1.0]), Calibration("platt", 2.0, 0.5)).tolist()
    [2.5, -1.5]
    """
    return calibration.intercept + calibration.slope * raw


def probability(log_odds: Float64s) -> Float64s:
    """(n,) probability of (n,) log-odds, without overflow at either end.

    >>> probability(np.array([0.0, -1000.0, 1000.0])).tolist()
    [0.5, 0.0, 1.0]
    """
    small = np.exp(-np.abs(log_odds))
    return np.where(log_odds >= 0.0, 1.0, small) / (1.0 + small)
