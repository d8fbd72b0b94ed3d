"""Bins of a variable, learnt by optbinning or given by hand, with what became of each bin's rows.

A column and its labels come in; bins, counts, WOE and IV go out. At least so many rows in a bin,
bad rates in one direction; an edit that breaks either is refused in a sentence. Knows no model.
"""

from __future__ import annotations

import signal
import threading
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from finmodel.errors import BadInput
from finmodel.records import Float32s, Float64s, Int64s
from risk.scorecard.bins import Bins, CategoryBins, Column, NumericBins, Texts, number_text, place
from risk.scorecard_recipe import ScorecardSpec

FEWEST = 30
"""Rows from which a missing, special or unseen bin speaks for itself; with fewer its WOE is 0."""
HALF = 0.5
"""A row: so much of each outcome is added where a bin holds one outcome alone."""
DIRECTIONS = {1: "ascending", -1: "descending", 0: "auto_asc_desc"}
"""optbinning's names of how the bad rate moves with the value."""


@dataclass(frozen=True, slots=True, eq=False)
class Binned:
    """A variable in bins; arrays follow the order of the bins."""

    name: str
    bins: Bins
    rows: Int64s
    bads: Int64s
    woe: Float64s
    """ln(bad share / good share), as `counted` has it for a bin that holds one outcome alone."""
    iv: Float64s
    """Each bin's part of the information value, Σ (bad share - good share) × WOE."""
    by_hand: bool = False

    @property
    def goods(self) -> Int64s:
        """Rows that stayed good."""
        return self.rows - self.bads

    @property
    def one_sided(self) -> npt.NDArray[np.bool_]:
        """Bins with rows whose outcomes are all bad, or all good."""
        found: npt.NDArray[np.bool_] = (self.rows > 0) & ((self.bads == 0) | (self.goods == 0))
        return found

    @property
    def bad_rate(self) -> Float64s:
        """NaN where a bin has no rows."""
        with np.errstate(invalid="ignore"):
            return np.asarray(self.bads / self.rows, dtype=np.float64)


def bin_variables(
    columns: Mapping[str, Column],
    labels: Float64s,
    spec: ScorecardSpec,
    directions: Mapping[str, int],
) -> dict[str, Binned]:
    """Every column in bins: by hand where the recipe says so, else as optbinning finds best."""
    return {
        name: _binned(name, column, labels, spec, directions.get(name, 0))
        for name, column in columns.items()
    }


def _binned(
    name: str, column: Column, labels: Float64s, spec: ScorecardSpec, direction: int
) -> Binned:
    by_hand = name in spec.cuts or name in spec.groups
    if column.dtype == object:
        groups = spec.groups.get(name) or _groups(cast(Texts, column), labels, spec)
        bins: Bins = CategoryBins(groups)
    else:
        special = spec.specials_of(name)
        numbers = cast(Float32s, column)
        cuts = spec.cuts.get(name)
        found = cuts if cuts is not None else _cuts(numbers, labels, special, spec, direction)
        bins = NumericBins(found, special)
    return counted(name, bins, column, labels, by_hand)


def counted(
    name: str, bins: Bins, column: Column, labels: Float64s, by_hand: bool = False
) -> Binned:
    """What became of the rows of each bin.

    A bin with b bads and g goods has a WOE of ln(b/B ÷ g/G), B and G being those of all rows. Where
    b or g is 0 half a row is added to what was seen and to what was to be expected (Haldane 1956
    for the odds; Norén, Hopstadius & Bate 2013 for a ratio to what is expected):

        ln((b + ½) / (nB/N + ½) ÷ (g + ½) / (nG/N + ½)),  n = b + g,  N = B + G.

    So it is finite, 0 without a row, and of the side that was seen however few the rows are. A bin
    of missing, special or unseen values with fewer than `FEWEST` rows has 0: as likely bad as
    anybody.
    """
    places = place(bins, column)
    rows = np.bincount(places, minlength=len(bins))
    bads = np.bincount(places, weights=labels, minlength=len(bins)).astype(np.int64)
    goods = rows - bads
    woe = _woe(bads, goods)
    woe[bins.ranges :][rows[bins.ranges :] < FEWEST] = 0.0
    iv = (bads / max(bads.sum(), 1) - goods / max(goods.sum(), 1)) * woe
    return Binned(name, bins, rows, bads, woe, iv, by_hand)


def _woe(bads: Int64s, goods: Int64s) -> Float64s:
    """(b,) WOE of each bin.

    >>> _woe(np.array([0, 30, 10]), np.array([20, 0, 60])).round(3).tolist()
    [-3.056, 4.78, -1.099]
    """
    half = np.where((bads == 0) | (goods == 0), HALF, 0.0)
    share = (bads + goods) / max((bads + goods).sum(), 1)
    of_bads = (bads + half) / (share * bads.sum() + half)
    of_goods = (goods + half) / (share * goods.sum() + half)
    return np.asarray(np.log(of_bads / of_goods), dtype=np.float64)


def half_rows(binned: Sequence[Binned]) -> tuple[Float64s, Float64s]:
    """(h, v) WOE and (h,) outcomes of the half rows that a regression on v variables is told too.

    For each bin of one outcome half a bad and half a good row, with a WOE of 0 in all other
    variables. Without them the greatest likelihood might lie at a coefficient without end (Albert
    & Anderson 1984 on separation). A bin whose WOE is 0 adds to no coefficient, and gets none.
    """
    told = [
        (column, woe)
        for column, one in enumerate(binned)
        for woe in one.woe[one.one_sided].tolist()
        if woe
    ]
    rows = np.zeros((2 * len(told), len(binned)))
    for number, (column, woe) in enumerate(told):
        rows[2 * number : 2 * number + 2, column] = woe
    return rows, np.tile([1.0, 0.0], len(told))


def require_edits_hold(
    binned: Mapping[str, Binned], spec: ScorecardSpec, directions: Mapping[str, int], where: str
) -> None:
    """Refuse bins by hand that hold too few rows; bins whose rates or WOE do not move one way.

    By hand each numeric variable moves one way, else each whose direction is declared. Points move
    as WOE does: coefficients are above 0.
    """
    for name, one in binned.items():
        numeric = isinstance(one.bins, NumericBins)
        place_of = f"{where}: scorecard.{'cuts' if numeric else 'groups'}.{name}"
        if one.by_hand:
            _require_rows(one, spec.min_bin_share, place_of)
        if numeric and (one.by_hand or directions.get(name)):
            _require_one_way(one, directions.get(name, 0), place_of)
        elif one.by_hand:
            _require_all_named(one, place_of)


def _require_rows(one: Binned, least: float, where: str) -> None:
    share = one.rows[: one.bins.ranges] / one.rows.sum()
    if share.min() < least:
        thin = int(share.argmin())
        raise BadInput(
            f"bin {one.bins.labels()[thin]} holds {share[thin]:.1%} of the rows, under {least:.0%}",
            where=where,
            remedy="merge it with a neighbour",
        )


def _require_one_way(one: Binned, direction: int, where: str) -> None:
    """Bad rates, then WOE: the two part only where a bin holds one outcome alone."""
    ordinary = slice(one.bins.ranges)
    told = [f"{rate:.2%}" for rate in one.bad_rate[ordinary]]
    if not _one_way(one.bad_rate[ordinary], direction):
        raise _not_one_way("bad rate", told, one, direction, where)
    if not _one_way(one.woe[ordinary], direction):
        told = [f"{woe:+.2f} (bad rate {rate})" for woe, rate in zip(one.woe, told, strict=False)]
        raise _not_one_way("WOE", told, one, direction, where)


def _one_way(values: Float64s, direction: int) -> bool:
    steps = np.diff(values)
    ways = {1: bool((steps >= 0).all()), -1: bool((steps <= 0).all())}
    return ways[direction] if direction else any(ways.values())


def _not_one_way(
    what: str, values: Sequence[str], one: Binned, direction: int, where: str
) -> BadInput:
    told = ", ".join(
        f"{value} in {label}" for value, label in zip(values, one.bins.labels(), strict=False)
    )
    wanted = {1: "does not rise", -1: "does not fall", 0: "neither only rises nor only falls"}
    merge = "; a bin of one outcome alone is best merged" if one.one_sided.any() else ""
    return BadInput(
        f"the {what} {wanted[direction]} from bin to bin: {told}",
        where=where,
        remedy=f"move or drop a cut so that it is monotone{merge}",
    )


def _require_all_named(one: Binned, where: str) -> None:
    unnamed = int(one.rows[-1])
    if unnamed:
        raise BadInput(
            f"{unnamed} rows have a category that stands in no group",
            where=where,
            remedy="put every category that occurs into a group",
        )


def _cuts(
    column: Float32s,
    labels: Float64s,
    special: tuple[float, ...],
    spec: ScorecardSpec,
    direction: int,
) -> tuple[float, ...]:
    ordinary = ~np.isnan(column) & ~np.isin(column, np.asarray(special, dtype=np.float32))
    x, y = column[ordinary].astype(np.float64), labels[ordinary]
    if len(x) == 0 or x.min() == x.max() or y.min() == y.max():
        return ()
    splits = _optimal(x, y, len(column), spec, ("numerical", DIRECTIONS[direction]))
    values = np.unique(column[ordinary])
    return tuple(_readable(float(split), values) for split in splits)


def _groups(column: Texts, labels: Float64s, spec: ScorecardSpec) -> tuple[tuple[str, ...], ...]:
    known = np.array([value is not None for value in column], dtype=np.bool_)
    x, y = column[known], labels[known]
    values = sorted(set(x.tolist()))
    if len(values) < 2 or y.min() == y.max():
        return (tuple(values) or ("",),)
    splits = _optimal(x, y, len(column), spec, ("categorical", "auto"))
    return tuple(tuple(sorted(map(str, group))) for group in splits)


def _optimal(
    x: Float64s | Texts,
    y: Float64s,
    rows: int,
    spec: ScorecardSpec,
    kind: tuple[str, str],
) -> list[Any]:
    from optbinning import OptimalBinning  # seconds to import, and only training needs it

    dtype, trend = kind
    least = spec.min_bin_share * rows
    if 2 * least > len(x):  # optbinning would refuse: no two bins can be so large
        return [] if dtype == "numerical" else [sorted(set(x.tolist()))]
    binning = OptimalBinning(
        dtype=dtype,
        solver="cp",
        monotonic_trend=trend,
        min_bin_size=least / len(x),
        max_n_bins=spec.max_bins,
        min_bin_n_event=1,
        min_bin_n_nonevent=1,
        time_limit=60,
    )
    with warnings.catch_warnings(), _ctrl_c_kept():
        warnings.simplefilter("ignore")  # of its own dependencies
        binning.fit(x, y)
    return list(binning.splits)


@contextmanager
def _ctrl_c_kept() -> Iterator[None]:
    """Put Python's answer to Ctrl-C back: OR-Tools' solver leaves the system's own, which kills."""
    answer = signal.getsignal(signal.SIGINT)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, answer)


def _readable(cut: float, values: Float32s) -> float:
    """The shortest decimal that parts the values as the cut does: 0.35 for 0.34721.

    >>> _readable(4999.5, np.float32([1, 4800, 5100])), _readable(0.5, np.float32([0, 1]))
    (5000.0, 0.5)
    """
    upper = int(np.searchsorted(values, cut, side="left"))
    below, above = values[max(upper - 1, 0)], values[min(upper, len(values) - 1)]
    for digits in range(1, 10):
        rounded = float(f"{cut:.{digits}g}")
        if below < np.float32(rounded) <= above:
            return rounded
    return float(number_text(float(above)))
