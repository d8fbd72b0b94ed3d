"""What scores are worth beside what became of the rows: the figures that a gate asks for.

Labels and calibrated log-odds come in, figures go out. Pure; whose scores they are is not known.
"""

from __future__ import annotations

from finmodel.gate import Figures
from finmodel.log_odds import probability
from finmodel.metrics import auc, brier, calibration, ks
from finmodel.records import Float64s


def figures_of(labels: Float64s, log_odds: Float64s) -> Figures:
    """The gate's figures of calibrated log-odds, at the rate of the labels' own sample."""
    line = calibration(labels, log_odds)
    return Figures(
        auc=auc(labels, log_odds),
        ks=ks(labels, log_odds),
        brier=brier(labels, probability(log_odds)),
        calibration_slope=line.slope,
        calibration_intercept=line.intercept,
    )
