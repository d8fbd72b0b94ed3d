"""Panels on how well and how truly scores tell: by period, by band of points, and by promise.

Columns of decisions and their labels come in, panels go out. What rests on outcomes is computed on
matured decisions only, and is left out with a note where there are too few.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from finmodel.certainty import Separation, auc_error, rate_of, separation, wilson
from finmodel.drift import FEWEST, bin_of, psi_parts
from finmodel.records import Float64s, Int64s
from risk.monitor.panels import BandRow, CalibrationRow, Note, Quality, QualityRow
from risk.monitor.reference import Reference
from risk.monitor.scan import Decisions
from risk.policy.answers import ANSWERS

FEWEST_BADS: Final = 10
"""With fewer bads, or goods, an AUC or a rate says nothing."""


@dataclass(frozen=True, slots=True)
class _Period:
    row: QualityRow
    error_auc: float | None
    error_ks: float | None


@dataclass(frozen=True, slots=True, eq=False)
class Banded:
    """Counts by band of points, the worst first."""

    n: Int64s
    approved: Int64s
    matured: Int64s
    bads: Int64s
    promised: Float64s
    """Sum of probabilities of the matured that have one."""
    priced: Int64s
    """Matured with a probability: imported decisions may have none."""
    priced_bads: Int64s
    by_period: Int64s
    """(periods, bands)"""


def quality(
    decisions: Decisions,
    label: npt.NDArray[np.int8],
    periods: Sequence[str],
    reference: Reference,
) -> Quality:
    """Panel 2; each period is sorted by itself, several at once."""

    def one(period: int) -> _Period:
        rows = np.flatnonzero(decisions.period == period)
        return _period(periods[period], decisions, label, rows)

    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(one, range(len(periods))))
    errors_auc = [one.error_auc for one in found if one.error_auc is not None]
    errors_ks = [one.error_ks for one in found if one.error_ks is not None]
    return Quality(
        rows=tuple(one.row for one in found),
        build_auc=reference.auc,
        build_ks=reference.ks,
        past_error_auc=float(np.mean(errors_auc)) if errors_auc else None,
        past_error_ks=float(np.mean(errors_ks)) if errors_ks else None,
        past_periods=len(errors_auc),
    )


def parted(points: Float64s, label: npt.NDArray[np.int8]) -> tuple[Separation | None, Note]:
    """AUC and KS of matured decisions, or why there are none."""
    known = label >= 0
    bads = int((label == 1).sum())
    goods = int(known.sum()) - bads
    if bads + goods == 0:
        return None, "not_mature"
    if min(bads, goods) < FEWEST_BADS:
        return None, "too_few_bads"
    found = separation(-points[known], label[known].astype(np.float64))
    if found is None or points[known].min() == points[known].max():
        return None, "all_scores_equal"
    return found, ""


def banded(
    decisions: Decisions, label: npt.NDArray[np.int8], reference: Reference, periods: int
) -> Banded:
    """Count decisions by band of points."""
    band = bin_of(reference.points, decisions.points)
    bands = len(reference.points)
    known = label >= 0
    approved = decisions.answer == ANSWERS.index("approve")

    def count(rows: npt.NDArray[np.bool_]) -> Int64s:
        return np.bincount(band[rows], minlength=bands)

    priced = known & ~np.isnan(decisions.probability)
    promised: Float64s = np.bincount(band[priced], decisions.probability[priced], bands).astype(
        np.float64
    )
    pairs = np.bincount(decisions.period * np.int64(bands) + band, minlength=periods * bands)
    by_period = pairs.reshape(periods, bands)
    return Banded(
        n=by_period.sum(axis=0),
        approved=count(approved),
        matured=count(known),
        bads=count(label == 1),
        promised=promised,
        priced=count(priced),
        priced_bads=count(priced & (label == 1)),
        by_period=by_period,
    )


def band_rows(found: Banded, reference: Reference) -> tuple[BandRow, ...]:
    """Panel 3."""
    n, bads, matured = found.n.tolist(), found.bads.tolist(), found.matured.tolist()
    parts = psi_parts(reference.points_counts, found.n) if sum(n) >= FEWEST else None
    overall = rate_of(sum(bads), sum(matured), FEWEST)
    then_bads = reference.points_bads
    edges = (None, *reference.points.edges, None)
    rows, captured = [], 0
    for band in range(reference.points.ordinary):
        captured += bads[band]
        rate = rate_of(bads[band], matured[band], FEWEST)
        then = reference.points_counts[band]
        rows.append(
            BandRow(
                band=band + 1,
                low=edges[band],
                high=edges[band + 1],
                build_share=then / max(reference.n, 1),
                share=rate_of(n[band], sum(n), FEWEST),
                psi_part=None if parts is None else float(parts[band]),
                n=n[band],
                matured=matured[band],
                bads=bads[band],
                build_bad_rate=None if then_bads is None else rate_of(then_bads[band], then),
                bad_rate=rate,
                lift=rate / overall if rate is not None and overall else None,
                capture=rate_of(captured, sum(bads), FEWEST_BADS),
                approval=rate_of(int(found.approved[band]), n[band], FEWEST),
            )
        )
    return tuple(rows)


def calibration_rows(found: Banded) -> tuple[CalibrationRow, ...]:
    """Panel 6, of the matured decisions that have a probability."""
    rows = []
    counts = found.priced.tolist(), found.priced_bads.tolist(), found.promised.tolist()
    for band, (n, bads, promised) in enumerate(zip(*counts, strict=True)):
        if band >= len(found.n) - 1 and not n:
            continue  # the cell of missing points, which there are none of
        low, high = wilson(bads, n)
        pd = rate_of(promised, n, FEWEST)
        few = n < FEWEST
        rows.append(
            CalibrationRow(
                band=band + 1,
                matured=n,
                mean_pd=pd,
                bad_rate=None if few else bads / n,
                low=None if few else low,
                high=None if few else high,
                within=None if few or pd is None else low <= pd <= high,
                note=_why_few(n, int(found.matured[band])) if few else "",
            )
        )
    return tuple(rows)


def _why_few(n: int, matured: int) -> Note:
    if n:
        return "too_few"
    return "no_probability" if matured else "not_mature"


def _period(name: str, decisions: Decisions, label: npt.NDArray[np.int8], rows: Int64s) -> _Period:
    points, pd, known = decisions.points[rows], decisions.probability[rows], label[rows]
    real, note = parted(points, known)
    matured, bads = int((known >= 0).sum()), int((known == 1).sum())
    enough = len(rows) >= FEWEST
    # An estimate is of all of a period's decisions, or it is none.
    enough = enough and not np.isnan(pd).any()
    expected = separation(-points, pd) if enough and points.min() < points.max() else None
    error = None if real is None else 1.96 * auc_error(real.auc, real.bads, real.goods)
    row = QualityRow(
        period=name,
        n=len(rows),
        matured=matured,
        bads=bads,
        bad_rate=rate_of(bads, matured, FEWEST),
        auc=real.auc if real else None,
        auc_low=None if real is None or error is None else max(0.0, real.auc - error),
        auc_high=None if real is None or error is None else min(1.0, real.auc + error),
        ks=real.ks if real else None,
        gini=real.gini if real else None,
        estimated_auc=expected.auc if expected else None,
        estimated_ks=expected.ks if expected else None,
        estimated_bad_rate=float(pd.mean()) if enough else None,
        note=note if len(rows) else "no_decisions",
    )
    if real is None or np.isnan(pd[known >= 0]).any():
        return _Period(row, None, None)
    same = separation(-points[known >= 0], pd[known >= 0])
    if same is None:
        return _Period(row, None, None)
    return _Period(row, abs(same.auc - real.auc), abs(same.ks - real.ks))
