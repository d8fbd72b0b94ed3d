"""How a new model treats the rows that judge it: groups, drift of scores, swap set, speed.

A frame, its parts and a model with its honest scores come in; figures for the gate go out. The
champion is read from its signed export; where it cannot score these rows it is said why there is
no swap set.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from finmodel.drift import bin_counts, fit_bins, shift
from finmodel.export import load_export
from finmodel.gate import Population, SwapSet, Why
from finmodel.manifest import Policy, Scaling, require_card
from finmodel.pointers import export_folder, find_pointer
from finmodel.proof import drawn, latency_ms
from finmodel.records import Float64s
from finmodel.settings import Settings
from risk.frames.frame import TrainingFrame
from risk.frames.split import Parts
from risk.groups import FEWEST, GroupRow, group_report
from risk.learning import Judged, Learned
from risk.policy.many import Flags
from risk.recipe import Recipe
from risk.scaling import calibrated, points_many

Unmeasured: TypeAlias = tuple[tuple[str, Why], ...]


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
    ratios, unmeasured = approval_ratios(_groups(studied))
    psi: float | None = None
    swap: SwapSet | Why = Why.NO_OUT_OF_TIME
    if judged.out_of_time:
        taught = studied.learned.log_odds(frame, studied.parts.train)
        psi = score_psi(taught, judged.log_odds)
        swap = _swap_set(settings, studied)
    else:
        unmeasured = (*unmeasured, ("psi", Why.NO_OUT_OF_TIME))
    if isinstance(swap, Why):
        unmeasured = (*unmeasured, ("swap_bad_rate", swap))
    return Population(
        latency_ms=latency_ms(studied.learned.scorer, rows),
        approval_ratios=ratios,
        psi=psi,
        swap_set=None if isinstance(swap, Why) else swap,
        unmeasured=unmeasured,
    )


def score_psi(reference: Float64s, now: Float64s) -> float:
    """PSI of scores over the reference's deciles.

    >>> import numpy as np
    >>> score_psi(np.arange(100.0), np.arange(100.0))
    0.0
    """
    bins = fit_bins(reference)
    return shift(bin_counts(bins, reference), bin_counts(bins, now)).psi


def _groups(studied: Studied) -> list[GroupRow]:
    recipe, frame, judged = studied.recipe, studied.frame, studied.judged
    audit = {name: groups[judged.rows] for name, groups in frame.audit.items()}
    labels = frame.labels[judged.rows]
    scores = judged.log_odds, judged.of_sample
    return group_report(audit, labels, scores, (recipe.policy, recipe.scaling))


def approval_ratios(
    report: Iterable[GroupRow],
) -> tuple[tuple[tuple[str, float | None], ...], Unmeasured]:
    """The least ratio of each attribute's large groups, and why others have none.

    >>> approval_ratios([])
    ((), (('approval_ratio', <Why.NO_ATTRIBUTE: 'no audit-only attribute'>),))
    """
    large: dict[str, list[float | None]] = {}
    for row in report:
        found = large.setdefault(row.attribute, [])
        found += [row.approval_ratio] if row.rows >= FEWEST else []
    if not large:
        return (), (("approval_ratio", Why.NO_ATTRIBUTE),)
    ratios = tuple((name, _least(found)) for name, found in large.items() if len(found) > 1)
    alone = [name for name, found in large.items() if len(found) < 2]
    return ratios, tuple((f"approval_ratio by {name}", Why.ONE_GROUP) for name in alone)


def _least(ratios: list[float | None]) -> float | None:
    """None where nobody is approved: then no group has a ratio."""
    known = [ratio for ratio in ratios if ratio is not None]
    return min(known) if known else None


def _swap_set(settings: Settings, studied: Studied) -> SwapSet | Why:
    recipe, frame, judged = studied.recipe, studied.frame, studied.judged
    pointer = find_pointer(settings.exports, recipe.name, settings.signing)
    if pointer is None:
        return Why.NO_CHAMPION
    version = pointer.version
    model = load_export(export_folder(settings.exports, recipe.name, version), settings.signing)
    manifest = model.manifest
    if (manifest.features, manifest.plan, manifest.table) != (frame.names, frame.plan, frame.table):
        return Why.OTHER_FEATURES
    raw = model.scorer.raw_many(frame.matrix[judged.rows])
    policy = require_card(manifest).policy
    before = _approved(calibrated(raw, manifest.calibration), policy, manifest.scaling)
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


def _mean(labels: Float64s) -> float | None:
    return float(labels.mean()) if labels.size else None


def _approved(log_odds: Float64s, policy: Policy, scaling: Scaling) -> Flags:
    approved: Flags = points_many(log_odds, scaling) >= policy.approve_points
    return approved
