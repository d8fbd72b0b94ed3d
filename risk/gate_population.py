"""How a new model treats the rows that judge it: groups, drift of scores, swap set, speed.

A frame, its parts and a model with its honest scores come in; figures for the gate go out. The
champion is read from its signed export; where it cannot score these rows there is no swap set.
"""

from __future__ import annotations

from dataclasses import dataclass

from finmodel.drift import bin_counts, fit_bins, shift
from finmodel.export import export_folder, find_pointer, load_export
from finmodel.gate import Population, SwapSet
from finmodel.manifest import Policy, Scaling
from finmodel.records import Float64s
from finmodel.settings import Settings
from risk.frames.frame import TrainingFrame
from risk.frames.split import Parts
from risk.groups import group_report
from risk.learning import Judged, Learned
from risk.policy.many import Flags
from risk.proof import drawn, latency_ms
from risk.recipe import Recipe
from risk.scaling import calibrated, points_many

FEWEST = 100
"""A smaller group's approval rate says nothing of how it is treated."""


@dataclass(frozen=True, slots=True, eq=False)
class Studied:
    """A model and the rows that it was taught and judged on."""

    recipe: Recipe
    frame: TrainingFrame
    parts: Parts
    learned: Learned
    judged: Judged


def population_of(settings: Settings, studied: Studied) -> Population:
    """All figures of a model that was judged."""
    recipe, frame, judged = studied.recipe, studied.frame, studied.judged
    rows = drawn(frame.matrix, recipe.gate.parity_rows, recipe.split.seed)
    psi = swap = None
    if judged.out_of_time:
        taught = studied.learned.log_odds(frame, studied.parts.train)
        psi = score_psi(taught, judged.log_odds)
        swap = _swap_set(settings, studied)
    return Population(
        latency_ms=latency_ms(studied.learned.scorer, rows),
        approval_ratios=_approval_ratios(studied),
        psi=psi,
        swap_set=swap,
    )


def score_psi(reference: Float64s, now: Float64s) -> float:
    """PSI of scores over the reference's deciles.

    >>> import numpy as np
    >>> score_psi(np.arange(100.0), np.arange(100.0))
    0.0
    """
    bins = fit_bins(reference)
    return shift(bin_counts(bins, reference), bin_counts(bins, now)).psi


def _approval_ratios(studied: Studied) -> tuple[tuple[str, float], ...]:
    """The least ratio of each audit-only attribute, over groups that are large enough."""
    recipe, frame, judged = studied.recipe, studied.frame, studied.judged
    audit = {name: groups[judged.rows] for name, groups in frame.audit.items()}
    labels = frame.labels[judged.rows]
    scores = judged.log_odds, judged.of_sample
    report = group_report(audit, labels, scores, (recipe.policy, recipe.scaling))
    rates: dict[str, list[float]] = {}
    for row in report:
        if row.rows >= FEWEST:
            rates.setdefault(row.attribute, []).append(row.approval_rate)
    return tuple(
        (name, min(found) / max(found) if max(found) else 1.0) for name, found in rates.items()
    )


def _swap_set(settings: Settings, studied: Studied) -> SwapSet | None:
    recipe, frame, judged = studied.recipe, studied.frame, studied.judged
    pointer = find_pointer(settings.exports, recipe.name, settings.signing)
    if pointer is None:
        return None
    version = pointer.version
    model = load_export(export_folder(settings.exports, recipe.name, version), settings.signing)
    manifest = model.manifest
    if (manifest.features, manifest.plan, manifest.table) != (frame.names, frame.plan, frame.table):
        return None
    raw = model.scorer.raw_many(frame.matrix[judged.rows])
    before = _approved(calibrated(raw, manifest.calibration), manifest.policy, manifest.scaling)
    after = _approved(judged.log_odds, recipe.policy, recipe.scaling)
    return swap_of(version, before, after, frame.labels[judged.rows])


def swap_of(champion: int, before: Flags, after: Flags, labels: Float64s) -> SwapSet:
    """The four cells of approvals by the champion and by the new model.

    >>> import numpy as np
    >>> flags = np.array([True, True, False]), np.array([True, False, True])
    >>> print(swap_of(3, *flags, np.array([0.0, 1.0, 0.0])))
    swap set against version 3: 1 in (bad 0.0%), 1 out (bad 100.0%), 1 by both, 0 by neither
    """
    swapped_in, swapped_out = after & ~before, before & ~after
    return SwapSet(
        champion=champion,
        both=int((before & after).sum()),
        swapped_in=int(swapped_in.sum()),
        swapped_out=int(swapped_out.sum()),
        neither=int((~before & ~after).sum()),
        bad_rate_in=_mean(labels[swapped_in]),
        bad_rate_out=_mean(labels[swapped_out]),
    )


def _mean(labels: Float64s) -> float:
    return float(labels.mean()) if labels.size else 0.0


def _approved(log_odds: Float64s, policy: Policy, scaling: Scaling) -> Flags:
    approved: Flags = points_many(log_odds, scaling) >= policy.approve_points
    return approved
