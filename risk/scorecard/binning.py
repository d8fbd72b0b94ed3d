"""Bins of a variable, learnt by optbinning or given by hand, with what became of each bin's rows.

A column and its labels come in; bins, counts, WOE and IV go out. At least so many rows in a bin,
bad rates in one direction; an edit that breaks either is refused in a sentence. Knows no model.
"""

from __future__ import annotations

import signal
import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from finmodel.errors import BadInput
from finmodel.records import Float32s, Float64s, Int64s
from risk.scorecard.bins import Bins, CategoryBins, Column, NumericBins, Texts, number_text, place
from risk.scorecard_recipe import ScorecardSpec

FEWEST = 30
"""Rows from which a missing, special or unseen bin speaks for itself; with fewer its WOE is 0."""
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
    """ln(bad share / good share); 0 where a bin cannot speak for itself."""
    iv: Float64s
    """Each bin's part of the information value, Σ (bad share - good share) × WOE."""
    by_hand: bool = False

    @property
    def goods(self) -> Int64s:
        """Rows that stayed good."""
        return self.rows - self.bads

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

    A bin without goods or without bads, or a bin of missing, special or unseen values with fewer
    than `FEWEST` rows, has a WOE of 0: as likely bad as anybody.
    """
    places = place(bins, column)
    rows = np.bincount(places, minlength=len(bins))
    bads = np.bincount(places, weights=labels, minlength=len(bins)).astype(np.int64)
    goods = rows - bads
    bad_share, good_share = bads / max(bads.sum(), 1), goods / max(goods.sum(), 1)
    speaks = (bads > 0) & (goods > 0)
    speaks[bins.ranges :] &= rows[bins.ranges :] >= FEWEST
    woe = np.zeros(len(bins))
    woe[speaks] = np.log(bad_share[speaks] / good_share[speaks])
    iv = (bad_share - good_share) * woe
    return Binned(name, bins, rows, bads, woe, iv, by_hand)


def require_edits_hold(
    binned: Mapping[str, Binned], spec: ScorecardSpec, directions: Mapping[str, int], where: str
) -> None:
    """Refuse bins by hand that hold too few rows, or whose bad rates do not move one way."""
    for name, one in binned.items():
        if not one.by_hand:
            continue
        numeric = isinstance(one.bins, NumericBins)
        place_of = f"{where}: scorecard.{'cuts' if numeric else 'groups'}.{name}"
        _require_rows(one, spec.min_bin_share, place_of)
        if numeric:
            _require_one_way(one, directions.get(name, 0), place_of)
        else:
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
    rates = one.bad_rate[: one.bins.ranges]
    steps = np.diff(rates)
    ways = {1: (steps >= 0).all(), -1: (steps <= 0).all()}
    if ways[direction] if direction else any(ways.values()):
        return
    told = ", ".join(
        f"{rate:.2%} in {label}" for rate, label in zip(rates, one.bins.labels(), strict=False)
    )
    wanted = {1: "does not rise", -1: "does not fall", 0: "neither only rises nor only falls"}
    raise BadInput(
        f"the bad rate {wanted[direction]} from bin to bin: {told}",
        where=where,
        remedy="move or drop a cut so that it is monotone",
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
