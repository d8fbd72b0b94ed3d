"""Panels on what moved: points and variables against the build sample, and how old features were.

Counts of a scan and a reference come in, panels go out. It looks at no outcome.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from finmodel.certainty import rate_of
from finmodel.drift import FEWEST, Shift, psi_parts, shift
from finmodel.records import Int64s, ViewState
from risk.monitor.panels import PsiRow, Stability, VariableRow, ViewRow
from risk.monitor.reference import FeatureThen, Reference
from risk.monitor.scan import Scanned


def stability(by_period: Int64s, periods: Sequence[str], reference: Reference) -> Stability:
    """Panel 4, of (periods, bands) counts of points."""
    then = reference.points_counts
    rows = tuple(
        _psi_row(name, shift(then, counts)) for name, counts in zip(periods, by_period, strict=True)
    )
    return Stability(_psi_row("all", shift(then, by_period.sum(axis=0))), rows)


def variable_shifts(scanned: Scanned, reference: Reference) -> tuple[Shift, ...]:
    """How far each feature moved over the whole window, in the vector's order."""
    counts = scanned.counter.counts.sum(axis=0)
    return tuple(
        shift(then.counts, counts[place, : len(then.bins)])
        for place, then in enumerate(reference.features)
    )


def variable_rows(
    scanned: Scanned, reference: Reference, shifts: Sequence[Shift]
) -> tuple[VariableRow, ...]:
    """Panel 5, the most moved first."""
    rows = [
        _variable_row(place, then, moved, scanned)
        for place, (then, moved) in enumerate(zip(reference.features, shifts, strict=True))
    ]
    return tuple(sorted(rows, key=lambda row: (-(row.csi or 0.0), row.name)))


def view_rows(scanned: Scanned) -> tuple[ViewRow, ...]:
    """How old each view was: states of all decisions, ages of the seeded sample; none of a few."""
    rows = []
    for place, view in enumerate(scanned.views):
        states = scanned.states[place].tolist()
        n = sum(states)
        ages = scanned.sample.ages_s[:, place]
        known = ages[~np.isnan(ages)]
        middle, late = (
            np.quantile(known, [0.5, 0.99]).tolist() if known.size >= FEWEST else (None, None)
        )
        rows.append(
            ViewRow(
                view=view,
                n=n,
                present=rate_of(states[ViewState.PRESENT], n, FEWEST),
                stale=rate_of(states[ViewState.STALE], n, FEWEST),
                missing=rate_of(states[ViewState.MISSING] + states[ViewState.FUTURE], n, FEWEST),
                age_p50_s=middle,
                age_p99_s=late,
            )
        )
    return tuple(rows)


def _variable_row(place: int, then: FeatureThen, moved: Shift, scanned: Scanned) -> VariableRow:
    bins, counter = then.bins, scanned.counter
    by_period = counter.counts[:, place, : len(bins)]
    now = by_period.sum(axis=0)
    n, plain = int(now.sum()), int(now[: bins.missing].sum())
    contribution = float(scanned.sample.contributions[place])
    told = scanned.sample.n >= FEWEST and not np.isnan(contribution)
    few = moved.status == "too_few"
    return VariableRow(
        name=then.name,
        n=n,
        csi=None if few else moved.psi,
        floor_p99=None if few else moved.floor_p99,
        status=moved.status,
        missing=rate_of(int(now[bins.missing]), n, FEWEST),
        missing_build=then.counts[bins.missing] / max(sum(then.counts), 1),
        sentinel=rate_of(int(now[bins.missing + 1 :].sum()), n, FEWEST),
        sentinel_build=sum(then.counts[bins.missing + 1 :]) / max(sum(then.counts), 1),
        unseen=rate_of(int(now[bins.unseen]), n, FEWEST) if bins.categories else None,
        mean=None if bins.categories else rate_of(counter.sums[:, place].sum(), plain, FEWEST),
        mean_build=None if bins.categories else then.mean,
        contribution=contribution if told else None,
        contribution_shift=contribution - then.contribution
        if told and then.contribution is not None
        else None,
        trend=tuple(_psi_of(then.counts, counts) for counts in by_period),
        note=_note(place, scanned, n, plain),
    )


def _note(place: int, scanned: Scanned, n: int, plain: int) -> str:
    if not n:
        return "not_brought" if scanned.imported else "no_decisions"
    if n < FEWEST:
        return "too_few"
    if not plain:
        return "all_missing"
    constant = scanned.counter.least[place] == scanned.counter.most[place]
    return "constant" if constant and plain == n else ""


def _psi_of(then: Sequence[int], now: Int64s) -> float | None:
    return float(psi_parts(then, now).sum()) if now.sum() >= FEWEST and sum(then) else None


def _psi_row(period: str, moved: Shift) -> PsiRow:
    few = moved.status == "too_few"
    return PsiRow(
        period=period,
        n=moved.n,
        psi=None if few else moved.psi,
        floor_mean=None if few else moved.floor_mean,
        floor_p99=None if few else moved.floor_p99,
        status=moved.status,
    )
