"""Panels on scores computed again: as they were served, and by a challenger, on sampled decisions.

Logged features and ways of scoring come in, panels go out. Both models see the very same rows and
outcomes. Knows no file and no registry.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Literal

import numpy as np
import numpy.typing as npt

from finmodel.certainty import rate_of
from finmodel.drift import FEWEST
from finmodel.records import Float32s, Float64s
from risk.monitor.panels import Challenger, Consistency, SwapCell, ViewRow
from risk.monitor.quality import parted
from risk.monitor.scan import Scanned


@dataclass(frozen=True, slots=True)
class Version:
    """How one version scores, and from how many points it approves."""

    number: int
    raw: Callable[[Float32s], Float64s]
    """(k, f) features to (k,) raw scores."""
    points: Callable[[Float64s], Float64s]
    """(k,) raw scores to (k,) points."""
    approve_points: float


def consistency(
    scanned: Scanned, champion: Version | None, views: tuple[ViewRow, ...]
) -> Consistency:
    """Panel 8: every sampled score again, compared by its bits."""
    sample = scanned.sample
    if champion is None or not len(sample.raw):
        return Consistency(0, None, None, views)
    again = champion.raw(sample.vectors)
    differing = int((again.view(np.int64) != sample.raw.view(np.int64)).sum())
    largest = float(np.abs(again - sample.raw).max())
    return Consistency(len(again), differing, largest, views)


def challenged(
    scanned: Scanned,
    label: npt.NDArray[np.int8],
    champion: Version | None,
    challenger: Version | None,
) -> Challenger:
    """Panel 9: both on the sampled decisions, and whom they would approve."""
    if champion is None or challenger is None:
        return _nothing(None if challenger is None else challenger.number)
    sample, place = scanned.sample, scanned.decisions.place
    if not len(sample.raw):
        return _nothing(challenger.number)
    known = label[np.searchsorted(place, sample.place)]
    ours = champion.points(sample.raw)
    theirs = challenger.points(challenger.raw(sample.vectors))
    first, note = parted(ours, known)
    second, _ = parted(theirs, known)
    yes, no = ours >= champion.approve_points, theirs >= challenger.approve_points
    return Challenger(
        version=challenger.number,
        n=len(ours),
        matured=int((known >= 0).sum()),
        champion_auc=first.auc if first else None,
        challenger_auc=second.auc if second else None,
        champion_ks=first.ks if first else None,
        challenger_ks=second.ks if second else None,
        champion_approval=rate_of(int(yes.sum()), len(yes), FEWEST),
        challenger_approval=rate_of(int(no.sum()), len(no), FEWEST),
        swap=tuple(
            _cell(one, two, (yes == one) & (no == two), known)
            for one, two in product((True, False), repeat=2)
        ),
        note=note,
    )


def _cell(
    one: bool, two: bool, rows: npt.NDArray[np.bool_], known: npt.NDArray[np.int8]
) -> SwapCell:
    matured = int((known[rows] >= 0).sum())
    bads = int((known[rows] == 1).sum())
    return SwapCell(one, two, int(rows.sum()), matured, rate_of(bads, matured, FEWEST))


def _nothing(version: int | None) -> Challenger:
    note: Literal["no_challenger", "no_decisions"] = (
        "no_challenger" if version is None else "no_decisions"
    )
    return Challenger(version, 0, 0, None, None, None, None, None, None, (), note)
