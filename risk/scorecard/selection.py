"""Which variables may enter a scorecard, and why the others may not.

Binned variables come in; one row for each goes out, with its figures and, where it was dropped, the
reason in Chinese and English. Filters look at the training and the validation part alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from finmodel.drift import psi_parts
from finmodel.records import Float64s, Int64s
from risk.scorecard.binning import Binned
from risk.scorecard.bins import Column, place
from risk.scorecard_recipe import ScorecardSpec

IV_BANDS: tuple[tuple[float, str], ...] = (
    (0.02, "无效 useless"),
    (0.1, "弱 weak"),
    (0.3, "中 medium"),
    (0.5, "强 strong"),
    (float("inf"), "可疑 suspicious"),
)
"""Upper edge and name; folk values that Siddiqi (2006) made known. Suspicious: look for a leak."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a variable was dropped; both are empty where it was kept."""

    zh: str = ""
    en: str = ""

    def __bool__(self) -> bool:
        return bool(self.zh)


KEPT = Reason()


@dataclass(frozen=True, slots=True)
class Screened:
    """One variable as the filters saw it."""

    name: str
    iv: float
    missing_share: float
    mode_share: float
    """Share of the most frequent value, missing included."""
    psi: float | None
    """None where there is no later part to compare with."""
    dropped: Reason

    @property
    def band(self) -> str:
        """What its IV is called."""
        return next(name for edge, name in IV_BANDS if self.iv < edge)


def screen(
    binned: Mapping[str, Binned],
    columns: Mapping[str, Column],
    later: Mapping[str, Column] | None,
    spec: ScorecardSpec,
) -> list[Screened]:
    """Every variable with the first reason against it, the greatest IV first.

    `later` are the same columns of the validation part, None where there is none.
    """
    rows = [
        _judged(one, columns[name], None if later is None else later[name], spec)
        for name, one in binned.items()
    ]
    rows.sort(key=lambda row: (-row.iv, row.name))
    return _uncorrelated(rows, binned, columns, spec.correlation_max)


def woe_of(one: Binned, column: Column) -> Float64s:
    """(n,) WOE of each row's bin."""
    return one.woe[place(one.bins, column)]


def psi(expected: Int64s, actual: Int64s) -> float:
    """Population stability index of counts in bins: Σ (a - e) ln(a / e) over shares.

    A share of 0 is taken as half a row, so that an emptied bin counts and the sum stays finite.

    >>> round(psi(np.array([50, 50]), np.array([60, 40])), 4)
    0.0405
    """
    return float(psi_parts(expected, actual).sum())


def without(rows: Iterable[Screened], dropped: Mapping[str, Reason]) -> list[Screened]:
    """The rows with what the regression dropped as well."""
    return [replace(row, dropped=dropped.get(row.name, row.dropped)) for row in rows]


def _judged(one: Binned, column: Column, later: Column | None, spec: ScorecardSpec) -> Screened:
    moved = None
    if later is not None:
        moved = psi(one.rows, np.bincount(place(one.bins, later), minlength=len(one.bins)))
    row = Screened(
        name=one.name,
        iv=float(one.iv.sum()),
        missing_share=float(one.rows[one.bins.missing] / one.rows.sum()),
        mode_share=_mode_share(column),
        psi=moved,
        dropped=KEPT,
    )
    return replace(row, dropped=_against(row, spec) or _flat(one))


def _against(row: Screened, spec: ScorecardSpec) -> Reason:
    by_hand = spec.exclude.get(row.name)
    if by_hand is not None:
        return Reason(f"手工排除：{by_hand}", f"excluded by hand: {by_hand}")
    limits = (
        ("缺失率", "missing share", row.missing_share, spec.missing_max),
        ("单一值占比", "share of one value", row.mode_share, spec.mode_max),
        ("PSI", "PSI", row.psi, spec.psi_max),
    )
    for zh, en, value, most in limits:
        if value is not None and value > most:
            return Reason(f"{zh} {value:.3f} 高于 {most:g}", f"{en} {value:.3f} above {most:g}")
    if row.iv < spec.iv_min:
        told = f"IV {row.iv:.4f}"
        return Reason(f"{told} 低于 {spec.iv_min:g}", f"{told} below {spec.iv_min:g}")
    return KEPT


def _flat(one: Binned) -> Reason:
    """A regression has no coefficient for what is the same in every row."""
    if len(np.unique(one.woe[one.rows > 0])) > 1:
        return KEPT
    return Reason("所有样本的 WOE 相同，无法区分", "every row has the same WOE")


def _uncorrelated(
    rows: list[Screened],
    binned: Mapping[str, Binned],
    columns: Mapping[str, Column],
    most: float,
) -> list[Screened]:
    """Drop each variable whose WOE moves with that of a kept one of greater IV."""
    entering = [row.name for row in rows if not row.dropped]
    if not entering:
        return rows
    woe = np.column_stack([_standardised(woe_of(binned[one], columns[one])) for one in entering])
    correlation = woe.T @ woe
    kept: list[int] = []
    dropped: dict[str, Reason] = {}
    for number, name in enumerate(entering):
        alike = correlation[number, kept]
        if alike.size and np.abs(alike).max() > most:
            nearest = int(np.abs(alike).argmax())
            told = f"{entering[kept[nearest]]} ({alike[nearest]:+.2f})"
            dropped[name] = Reason(
                f"与 {told} 相关性高于 {most:g}", f"correlated with {told} above {most:g}"
            )
        else:
            kept.append(number)
    return without(rows, dropped)


def _standardised(woe: Float64s) -> Float64s:
    """Centred and of length 1, so that a product is a correlation."""
    centred: Float64s = woe - woe.mean()
    length = float(np.linalg.norm(centred))
    return centred / length if length > 0.0 else centred


def _mode_share(column: Column) -> float:
    if column.dtype == object:
        # None stands for missing; a text cannot begin with the NUL that stands in for it here.
        column = np.array(["\0" if value is None else value for value in column], dtype=object)
    _, counts = np.unique(column, return_counts=True)  # NaNs count as one value
    return float(counts.max() / len(column))
