"""What of a monitor is not judged, and why: figures that would lie in this segment or window.

A segment and two definitions of bad come in, reasons by signal go out. Who was approved, or by
which rule, was chosen by the score: its PSI, its mean, its AUC and the variables it is made of are
other than at build by that choice alone. And what is bad by another window or other days past due
than at build was never promised. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from msgspec.structs import replace

from risk.monitor.panels import CalibrationRow, PsiRow, Quality, Stability, VariableRow
from risk.monitor.reference import Reference

Doubts = Mapping[str, tuple[str, str]]
"""Why a signal is not judged, in Chinese and English."""
BY_SCORE: Final = ("decision", "rule", "lane")
"""Facts that follow from the score."""
_SELECTED: Final = ("psi", "mean", "csi", "auc")
_DEFINED: Final = ("auc", "calibration")


def selects_on_score(segment: Mapping[str, str]) -> bool:
    """Whether a segment's decisions were chosen by what the score said of them.

    >>> selects_on_score({"decision": "approve"}), selects_on_score({"product": "card"})
    (True, False)
    """
    return any(name in segment for name in BY_SCORE)


def other_definition(reference: Reference, days: int, bad_dpd: int) -> bool:
    """Whether bad means something else than at build."""
    return (reference.window_days, reference.bad_dpd) != (days, bad_dpd)


def doubts_of(segment: Mapping[str, str], reference: Reference, days: int, bad_dpd: int) -> Doubts:
    """The signals that are not judged."""
    found: dict[str, tuple[str, str]] = {}
    if other_definition(reference, days, bad_dpd):
        why = (
            f"坏定义（{days} 天、逾期 ≥ {bad_dpd} 天）不同于建模"
            f"（{reference.window_days} 天、逾期 ≥ {reference.bad_dpd} 天），不判断",
            f"not judged: bad within {days} days by dpd ≥ {bad_dpd}, at build within "
            f"{reference.window_days} days by dpd ≥ {reference.bad_dpd}",
        )
        found |= dict.fromkeys(_DEFINED, why)
    if selects_on_score(segment):
        names = "、".join(name for name in BY_SCORE if name in segment)
        why = (
            f"客群由评分结果选出（{names}），不判断",
            f"not judged: the score chose this segment ({names.replace('、', ', ')})",
        )
        found |= dict.fromkeys(_SELECTED, why)
    return found


def comparable(reference: Reference, days: int, bad_dpd: int) -> Reference:
    """The build sample without its outcomes, where bad meant something else."""
    if not other_definition(reference, days, bad_dpd):
        return reference
    return replace(reference, auc=None, ks=None, bads=None, points_bads=None)


def without_promise(
    quality: Quality, rows: Sequence[CalibrationRow]
) -> tuple[Quality, tuple[CalibrationRow, ...]]:
    """Panels 2 and 6 where another bad was promised: no error of the estimate, no verdict."""
    told = replace(quality, past_error_auc=None, past_error_ks=None, past_periods=0)
    bare = (replace(row, within=None, note=row.note or "other_definition") for row in rows)
    return told, tuple(bare)


def unjudged(
    stability: Stability, rows: Sequence[VariableRow]
) -> tuple[Stability, tuple[VariableRow, ...]]:
    """Panels 4 and 5 of a segment that the score chose: figures, and no verdict."""
    overall = _bare(stability.overall)
    bare = (r if r.status == "too_few" else replace(r, status="not_judged") for r in rows)
    return Stability(overall, tuple(map(_bare, stability.rows))), tuple(bare)


def _bare(row: PsiRow) -> PsiRow:
    return row if row.status == "too_few" else replace(row, status="not_judged")
