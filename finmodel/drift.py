"""How far a distribution has moved from its reference, and how far it moves by chance alone.

Values or counts come in; PSI comes out beside its noise floor. Cells are the reference's deciles,
with a cell of their own for the missing, for each sentinel value and for categories never seen, so
that one wild number cannot stretch the bins. Knows no model, no file and no clock.
"""

from __future__ import annotations

from typing import Literal

import msgspec
import numpy as np
import numpy.typing as npt
from scipy.special import chdtrc, chdtri

from finmodel.errors import BadInput
from finmodel.records import Float64s, Int64s

Status = Literal["too_few", "stable", "moved", "watch", "shifted"]
"""Too few rows to say; within noise; beyond noise but below 0.1; from 0.1; from 0.25."""
WATCH, SHIFTED = 0.10, 0.25
FEWEST = 30
"""Fewer rows than this say nothing of a distribution."""
LEAST_EXPECTED = 5.0
"""Cells expecting fewer rows are taken together before a test (Cochran 1954)."""


class Bins(msgspec.Struct, frozen=True):
    """The cells of one variable: ordinary ones, then unseen, then missing, then each sentinel."""

    edges: tuple[float, ...] = ()
    """Inner edges, increasing; a value on an edge lies right of it."""
    categories: tuple[float, ...] = ()
    """Where given the variable is categorical: a cell for each, and one for all others."""
    sentinels: tuple[float, ...] = ()

    @property
    def ordinary(self) -> int:
        """How many cells hold values that are what they say."""
        return len(self.categories) or len(self.edges) + 1

    @property
    def unseen(self) -> int:
        """The cell of categories that the reference does not have; -1 for a number."""
        return self.ordinary if self.categories else -1

    @property
    def missing(self) -> int:
        """The cell of what is missing."""
        return self.ordinary + bool(self.categories)

    def __len__(self) -> int:
        return self.missing + 1 + len(self.sentinels)


class Shift(msgspec.Struct, frozen=True):
    """PSI of n rows against m reference rows, and what chance alone would give."""

    psi: float
    floor_mean: float
    """The PSI to be expected where nothing moved."""
    floor_p99: float
    """One in a hundred such PSIs is larger where nothing moved."""
    n: int
    m: int
    p_value: float
    """Of Pearson's chi-square test that both samples are of one distribution."""
    status: Status


def fit_bins(
    values: npt.ArrayLike,
    cells: int = 10,
    *,
    sentinels: tuple[float, ...] = (),
    categorical: bool = False,
) -> Bins:
    """Cells of about equal size over reference values; a value that fills one has it alone.

    >>> fit_bins([1, 2, 3, 4, -9999, float("nan")], 2, sentinels=(-9999.0,)).edges
    (3.0,)
    >>> bins = fit_bins([7.0, 7.0, 7.0])
    >>> bin_counts(bins, [7.0, 7.5, 6.0, 7.0]).tolist()[:3]
    [1, 2, 1]
    """
    flat = np.asarray(values, dtype=np.float64).ravel()
    told = np.sort(flat[~np.isnan(flat) & ~np.isin(flat, sentinels)])
    if categorical:
        known = tuple(np.unique(told).tolist())
        return Bins(categories=known or (0.0,), sentinels=sentinels)
    if not told.size:
        return Bins(sentinels=sentinels)
    places = np.arange(1, cells) * told.size // cells
    value, times = np.unique(told[places], return_counts=True)
    alone = value[(times > 1) | (told[0] == told[-1])]
    # float32, since that is what features are: the next number after a spike must differ there.
    after = np.nextafter(alone.astype(np.float32), np.float32(np.inf)).astype(np.float64)
    return Bins(tuple(np.union1d(value, after).tolist()), sentinels=sentinels)


def bin_of(bins: Bins, values: npt.ArrayLike) -> Int64s:
    """(n,) the cell of each value.

    >>> bin_of(Bins(edges=(0.0,), sentinels=(-9.0,)), [-1, 0, float("nan"), -9]).tolist()
    [0, 1, 2, 3]
    >>> bin_of(Bins(categories=(1.0, 5.0)), [5, 1, 2, float("nan")]).tolist()
    [1, 0, 2, 3]
    """
    flat = np.asarray(values, dtype=np.float64).ravel()
    if bins.categories:
        known = np.array(bins.categories)
        place = np.searchsorted(known, flat).clip(max=len(known) - 1)
        cell = np.where(known[place] == flat, place, bins.unseen)
    else:
        cell = np.searchsorted(np.array(bins.edges), flat, side="right")
    cell[np.isnan(flat)] = bins.missing
    for number, sentinel in enumerate(bins.sentinels, start=bins.missing + 1):
        cell[flat == sentinel] = number
    return cell.astype(np.int64)


def bin_counts(bins: Bins, values: npt.ArrayLike) -> Int64s:
    """(cells,) how many values lie in each cell."""
    return np.bincount(bin_of(bins, values), minlength=len(bins)).astype(np.int64)


def psi_parts(reference: npt.ArrayLike, now: npt.ArrayLike) -> Float64s:
    """(cells,) each cell's part of the PSI; an empty cell counts as half a row.

    >>> psi_parts([50, 50], [80, 20]).round(4).tolist()
    [0.141, 0.2749]
    """
    expected, actual = _shares(reference), _shares(now)
    parts = (actual - expected) * np.log(actual / expected)
    nobody = (np.asarray(reference) == 0) & (np.asarray(now) == 0)
    return np.where(nobody, 0.0, parts)


def noise_floor(cells: int, n: int, m: int, quantile: float = 0.99) -> float:
    """The quantile of PSI where nothing moved: chi-square with cells - 1 degrees × (1/n + 1/m).

    Yurdakul, "Statistical properties of the population stability index" (2018).

    >>> round(noise_floor(10, 1_000, 10_000), 4)
    0.0238
    """
    if cells < 2:
        return 0.0
    return float(chdtri(cells - 1, 1.0 - quantile)) * (1.0 / n + 1.0 / m)


def shift(reference: npt.ArrayLike, now: npt.ArrayLike) -> Shift:
    """PSI of counts now against the reference's counts, and its standing.

    >>> shift([500] * 10, [100] * 10).status
    'stable'
    >>> shift([500] * 10, [1, 1, 1, 0, 0, 0, 0, 0, 0, 0]).status
    'too_few'
    """
    then, here = np.asarray(reference, np.float64), np.asarray(now, np.float64)
    if then.shape != here.shape or then.ndim != 1:
        raise BadInput(
            f"counts of {then.shape} and {here.shape} cells", where="PSI", remedy="use one binning"
        )
    m, n = int(then.sum()), int(here.sum())
    if n == 0 or m == 0:
        return Shift(0.0, 0.0, 0.0, n, m, 1.0, "too_few")
    cells = int(((then + here) > 0).sum())
    psi, floor = float(psi_parts(then, here).sum()), noise_floor(cells, n, m)
    mean = max(cells - 1, 0) * (1.0 / n + 1.0 / m)
    return Shift(psi, mean, floor, n, m, same_p_value(then, here), _status(psi, floor, min(n, m)))


def same_p_value(reference: Float64s, now: Float64s) -> float:
    """Pearson's chi-square test that two rows of counts are drawn from one distribution.

    Cells that expect too few rows of the smaller sample are taken together first.

    >>> same_p_value(np.array([500.0, 500.0]), np.array([500.0, 500.0]))
    1.0
    """
    then, here = _merged(reference, now)
    m, n = then.sum(), here.sum()
    if len(then) < 2 or not (m and n):
        return 1.0
    gap = np.sqrt(m / n) * here - np.sqrt(n / m) * then
    return float(chdtrc(len(then) - 1, float((gap**2 / (then + here)).sum())))


def _merged(then: Float64s, here: Float64s) -> tuple[Float64s, Float64s]:
    """Cells with enough rows each, those without taken together, with a neighbour if need be."""
    both = then + here
    fewer = min(then.sum(), here.sum())
    expected = both / both.sum() * fewer
    few = expected < LEAST_EXPECTED
    if not few.any():
        return then, here
    few[np.argmin(np.where(few, np.inf, expected))] |= expected[few].sum() < LEAST_EXPECTED
    kept, group = ~few, _groups(expected[few].tolist())
    return (
        np.append(then[kept], np.bincount(group, then[few])),
        np.append(here[kept], np.bincount(group, here[few])),
    )


def _groups(expected: list[float]) -> list[int]:
    """Cells taken together in their order until there are enough, what is left with the last.

    All in one would see nothing of ten cells of which each is a little too small.

    >>> _groups([4.9, 4.9, 4.9, 4.9, 1.0])
    [0, 0, 1, 1, 1]
    """
    groups, group, total = [], 0, 0.0
    for rows in expected:
        groups.append(group)
        total += rows
        if total >= LEAST_EXPECTED:
            group, total = group + 1, 0.0
    return [min(one, max(group - 1, 0)) for one in groups]


def _shares(counts: npt.ArrayLike) -> Float64s:
    held = np.asarray(counts, np.float64)
    return np.where(held > 0, held, 0.5) / max(float(held.sum()), 1.0)


def _status(psi: float, floor: float, fewer: int) -> Status:
    if fewer < FEWEST:
        return "too_few"
    if psi <= floor:
        return "stable"
    if psi < WATCH:
        return "moved"
    return "watch" if psi < SHIFTED else "shifted"
