"""From raw scores to probabilities: the line for points, and the steps for prices.

Raw scores of rows that the model did not see and what became of them come in, a versioned
calibration goes out. Knows no model; whether the rows were seen is for the caller to guard.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from msgspec.structs import replace
from scipy.optimize import isotonic_regression

from finmodel.errors import BadInput
from finmodel.manifest import Calibration, PricingPd
from finmodel.metrics import calibration
from finmodel.records import Float64s, Int64s
from risk.scaling import base_rate_shift

Method = Literal["none", "platt", "base_rate"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a recipe asks of a calibration."""

    method: Method = "none"
    base_rate: float | None = None
    """The population's bad rate, with the method `base_rate`."""
    pricing: bool = False
    """Steps for pricing beside the line."""

    @property
    def needs_rows(self) -> bool:
        """Whether anything has to be learnt."""
        return self.pricing or self.method != "none"


def calibrate(labels: Float64s, raw: Float64s, wanted: Wanted) -> Calibration:
    """The calibration of (n,) raw scores of rows that the model did not see.

    `base_rate` moves Platt's line, whose mean probability on these rows is their bad rate, so that
    the mean over the rows re-weighted to the population is the population's.

    >>> labels, raw = np.array([0, 0, 1, 0, 1, 1.0]), np.array([0, 0, 0, 1, 1, 1.0])
    >>> found = calibrate(labels, raw, Wanted("base_rate", base_rate=0.2))
    >>> even = calibrate(labels, raw, Wanted("platt"))
    >>> round(float(np.exp(found.intercept - even.intercept)), 6), found.slope == even.slope
    (0.25, True)
    """
    line = Calibration()
    if wanted.method != "none":
        fitted = calibration(labels, raw)
        line = Calibration("platt", fitted.slope, fitted.intercept)
    if wanted.base_rate is not None:
        rates = {"base_rate": wanted.base_rate, "sample_rate": float(labels.mean())}
        line = replace(line, method="base_rate", **rates)
        line = replace(line, intercept=line.intercept + base_rate_shift(line))
    if wanted.pricing:
        line = replace(line, pricing=isotonic(labels, raw, base_rate_shift(line)))
    return line


def isotonic(labels: Float64s, raw: Float64s, shift: float = 0.0) -> PricingPd:
    """The rising steps nearest to what became of the rows (pool adjacent violators).

    Ayer et al., Annals of Mathematical Statistics 1955. A step begins half-way between its first
    score and the last of the step below. No step says 0 or 1: one without a bad, or without a good,
    joins its neighbour. `shift` moves the log-odds of each step to the population.

    >>> isotonic(np.array([0, 1, 0, 1, 0, 1.0]), np.array([1, 1, 2, 3, 3, 3.0]))
    PricingPd(starts=(2.5,), pds=(0.3333333333333333, 0.6666666666666666), method='isotonic')
    """
    scores, place, counts = np.unique(raw, return_inverse=True, return_counts=True)
    bads = np.bincount(place, weights=labels)
    blocks = isotonic_regression(bads / counts, weights=counts).blocks[:-1].astype(np.int64)
    sizes = np.add.reduceat(counts, blocks).astype(np.float64)
    firsts = _with_both(blocks, np.add.reduceat(bads, blocks), sizes)
    if len(firsts) < 2:
        raise BadInput(
            "bad rates do not rise with the scores: there is one step only, and so no price",
            where="pricing_pd",
            remedy="leave pricing_pd out, or give more rows",
        )
    pds = np.add.reduceat(bads, firsts) / np.add.reduceat(counts, firsts)
    odds = pds / (1.0 - pds) * np.exp(shift)
    starts = (scores[firsts[1:]] + scores[firsts[1:] - 1]) / 2.0
    told = pds if shift == 0.0 else odds / (1.0 + odds)
    return PricingPd(tuple(starts.tolist()), tuple(told.tolist()))


def _with_both(firsts: Int64s, bads: Float64s, sizes: Float64s) -> Int64s:
    """First scores of the blocks, those of one outcome joined with their neighbours.

    Rates rise, so only the lowest block can lack a bad and only the highest a good.
    """
    begin = 1 if bads[0] == 0.0 else 0
    end = len(firsts) - (1 if bads[-1] == sizes[-1] else 0)
    kept = firsts[begin:end].copy()
    if kept.size:
        kept[0] = firsts[0]
    return kept
