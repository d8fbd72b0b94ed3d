"""A written scorecard made into one of ours, on the rows that will judge it.

Written bins, a training frame and a scale come in; a card whose points are the file's, and what a
person should know of it, go out. What the rows contradict is refused: an unknown variable, a sign
of WOE that is not the declared one, missing values and categories without a bin, points that rise
with risk.
"""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import numpy as np

from finmodel.errors import BadInput
from finmodel.manifest import Scaling
from finmodel.metrics import auc
from finmodel.records import Float64s, Int64s
from risk.frames.frame import TrainingFrame
from risk.importing.signs import Told, require_sign
from risk.importing.tiling import Tiled, tiled
from risk.importing.written import SIGN_OF, SIGNS, Sign, WrittenCard
from risk.scaling import log_odds_at, points_per_log_odds
from risk.scorecard.binning import Binned, counted
from risk.scorecard.bins import CategoryBins, Column, NumericBins, Texts
from risk.scorecard.card import Scorecard, Variable, points_of
from risk.scorecard.columns import columns_of

_FRACTION = re.compile(r"(?<=\d\.)\d+")
LIKE = 1e-6
"""Points this near to each other are the same."""
MOST_LEFT_OUT = 0.05
"""Of the rows; where more have a category in no bin, somebody must say that it is meant."""
NAMED = 5
"""So many of such categories are named; the others are counted."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a person says of the file beside it."""

    woe: Sign | None = None
    """The sign of its WOE; as its library computes it, if None."""
    missing_neutral: bool = False
    """Missing values without a bin get the points of the average customer."""
    left_out: bool = False
    """Categories without a bin are meant to have none, however many rows have them."""


@dataclass(frozen=True, slots=True, eq=False)
class Read:
    """A card, what the rows say of its bins, and what is told beside it."""

    card: Scorecard
    binned: dict[str, Binned]
    sign: str
    """What the file's WOE are, or that it has none."""
    notes: tuple[str, ...]


def card_of(
    written: WrittenCard,
    frame: TrainingFrame,
    about: tuple[str, Scaling, Mapping[str, tuple[float, ...]]],
    asked: Asked = Asked(),
) -> Read:
    """The card of a file; `about` is its model's name, its scale, and special values by variable.

    BadInput where the file and the rows do not fit.
    """
    name, scaling, specials = about
    _require_known(written, frame)
    _require_scale(written, scaling)
    told = [_tiled(written, one, frame, specials) for one in written.variables]
    columns = columns_of(frame, written.variables)
    binned = {
        one.name: counted(one.name, one.bins, columns[one.name], frame.labels) for one in told
    }
    sign = asked.woe or SIGN_OF[written.form]
    require_sign([_woe(one, binned[one.name], sign) for one in told], sign, written.where)
    notes = _of_the_digits(written)
    parts = [
        _variable(one, binned[one.name], (sign, scaling, written.decimals), asked, written.where)
        for one in told
    ]
    for one, (_, _, said) in zip(told, parts, strict=True):
        left_out = _left_out(one, columns[one.name], asked, written.where)
        notes += [f"{one.name}: {what}" for what in (*one.notes, *said, *left_out)]
    base = round(written.base_points + sum(neutral for _, neutral, _ in parts), written.decimals)
    card = Scorecard(
        name=name,
        intercept=float(log_odds_at(np.array([base]), scaling)[0]),
        scaling=scaling,
        decimals=written.decimals,
        base_points=base,
        variables=tuple(variable for variable, _, _ in parts),
    )
    _require_better(card, frame, points_of(card, columns), written.where)
    has_woe = any(one.woe is not None for one in written.bins)
    return Read(card, binned, SIGNS[sign] if has_woe else "not in the file", tuple(notes))


def _require_known(written: WrittenCard, frame: TrainingFrame) -> None:
    for one in written.bins:
        if one.variable not in frame.names:
            near = difflib.get_close_matches(one.variable, frame.names, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise BadInput(
                f"{one.variable!r} is no feature of {frame.service or frame.where}",
                where=f"{written.where} {one.place}",
                remedy=f"name the variable as the recipe's data do{hint}",
            )


def _require_scale(written: WrittenCard, scaling: Scaling) -> None:
    if written.scaling not in (None, scaling):
        was = written.scaling
        assert was is not None
        raise BadInput(
            f"its points are on another scale than the recipe's ({was.base_points:g} at"
            f" {was.base_odds:g}:1, {was.pdo:g} to double)",
            where=written.where,
            remedy=f"write into the recipe: scaling: {{base_points: {was.base_points:g},"
            f" base_odds: {was.base_odds:g}, pdo: {was.pdo:g}}}",
        )


def _of_the_digits(written: WrittenCard) -> list[str]:
    """optbinning rounds what its table shows, to two decimals if nobody says otherwise."""
    digits = {len(one) for bin_ in written.bins for one in _FRACTION.findall(bin_.label)}
    if written.form != "optbinning" or digits != {2}:
        return []
    return ["every cut has two decimals: if optbinning rounded them, show_digits=8 writes them all"]


def _tiled(
    written: WrittenCard,
    name: str,
    frame: TrainingFrame,
    specials: Mapping[str, tuple[float, ...]],
) -> Tiled:
    bins = [one for one in written.bins if one.variable == name]
    known = None if name in frame.categoricals else (specials.get(name, ()), _taken(name, frame))
    found = tiled(name, bins, written.form, known, written.where)
    _require_one_missing(found, frame, written.where)
    return found


def _taken(name: str, frame: TrainingFrame) -> tuple[float, ...]:
    """Special values that the recipe's table takes as missing."""
    return () if frame.table is None else frame.table.special_values.get(name, ())


def _require_one_missing(found: Tiled, frame: TrainingFrame, where: str) -> None:
    """What the table takes as missing cannot have other points than what is missing."""
    taken = _taken(found.name, frame)
    if not isinstance(found.bins, NumericBins) or not taken:
        return
    missing = found.written[found.bins.missing]
    for value, own in zip(found.bins.special, found.written[found.bins.ranges :], strict=False):
        is_taken = value in {float(np.float32(one)) for one in taken}
        alike = own is None or (missing is not None and abs(own.points - missing.points) <= LIKE)
        if is_taken and not alike:
            raise BadInput(
                f"{value:g} has points of its own, and the recipe's table takes it as missing",
                where=f"{where}: {found.name}",
                remedy="move it from source.table.special_values to scorecard.special_values",
            )


def _woe(one: Tiled, binned: Binned, sign: Sign) -> Told:
    """WOE of the ordinary bins by our sign, as the file has them; NaN where it has none."""
    turn = 1.0 if sign == "bad/good" else -1.0
    said = [None if bin_ is None else bin_.woe for bin_ in one.written[: one.bins.ranges]]
    return Told(binned, np.array([np.nan if woe is None else turn * woe for woe in said]))


def _variable(
    one: Tiled,
    binned: Binned,
    how: tuple[Sign, Scaling, int],
    asked: Asked,
    where: str,
) -> tuple[Variable, float, list[str]]:
    """A variable whose WOE of 0 has 0 points, what that took off its points, and notes."""
    sign, scaling, decimals = how
    factor = points_per_log_odds(scaling)
    ordinary = slice(one.bins.ranges)
    written = np.array([np.nan if bin_ is None else bin_.points for bin_ in one.written])
    woe = _woe(one, binned, sign).woe
    slope, neutral = _line(woe, written, binned.rows, -factor)
    neutral = round(neutral, decimals)
    filled, notes = _filled(one, written, neutral, binned.rows, asked, where)
    points = tuple(round(value - neutral, decimals) + 0.0 for value in filled.tolist())
    coefficient = -slope / factor
    own = np.array(points) / slope if slope else np.zeros(len(points))
    if not np.isnan(woe).any():
        own[ordinary] = woe
    if coefficient < 0.0:
        notes.append("its points rise with its WOE: its coefficient has the wrong sign")
    found = Variable(one.name, one.bins, coefficient, tuple((own + 0.0).tolist()), points)
    return found, neutral, notes


def _line(woe: Float64s, points: Float64s, rows: Int64s, of_log_odds: float) -> tuple[float, float]:
    """Points for one unit of WOE, and the points of WOE 0.

    Without WOE in the file a unit is one of log-odds, and 0 is the mean of the rows.
    """
    ordinary = points[: len(woe)]
    if np.isnan(woe).any():
        known = ~np.isnan(points)
        share = rows[known] / max(rows[known].sum(), 1)
        return of_log_odds, float((share * points[known]).sum())
    if np.ptp(woe) == 0.0:
        return 0.0, float(ordinary.mean())
    centred = woe - woe.mean()
    slope = float((centred @ ordinary) / (centred @ centred))
    return slope, float(ordinary.mean() - slope * woe.mean())


def _filled(
    one: Tiled, points: Float64s, neutral: float, rows: Int64s, asked: Asked, where: str
) -> tuple[Float64s, list[str]]:
    """Points of every bin: missing values without one are neutral, if nobody or the person says so.

    What the recipe takes as missing, and a category in no bin, get the points of missing values.
    """
    filled, missing, notes = points.copy(), one.bins.missing, []
    untold = np.isnan(points[one.bins.ranges : missing + 1])
    if np.isnan(points[missing]):
        valueless = int(rows[one.bins.ranges : missing + 1][untold].sum())
        if valueless and not asked.missing_neutral:
            raise BadInput(
                f"{valueless} of {rows.sum()} rows have no value, and it has no bin for them",
                where=f"{where}: {one.name}",
                remedy="add a row 'missing' with its points, or say --missing-neutral: they get"
                " those of the average customer",
            )
        filled[missing] = neutral
        notes.append(f"no bin for missing values: they get {neutral:g}, the average's points")
    if untold[:-1].any():
        notes.append("special values have no bin: they get the points of missing values")
    if isinstance(one.bins, CategoryBins) and np.isnan(points[-1]):
        notes.append("no bin for other categories: they get the points of missing values")
    filled[np.isnan(filled)] = filled[missing]
    return filled, notes


def _left_out(one: Tiled, column: Column, asked: Asked, where: str) -> list[str]:
    """Which categories of the rows are in no bin; BadInput where many rows have them."""
    if not isinstance(one.bins, CategoryBins) or one.others:
        return []
    unseen = column[one.bins.place(cast(Texts, column)) == one.bins.missing + 1]
    if not len(unseen):
        return []
    names = [repr(name) for name, _ in Counter(unseen.tolist()).most_common()]
    more = [f"{len(names) - NAMED} more"] if len(names) > NAMED else []
    said = f"{len(unseen)} of {len(column)} rows are of categories in no bin: "
    said += ", ".join([*names[:NAMED], *more])
    if len(unseen) > MOST_LEFT_OUT * len(column) and not asked.left_out:
        raise BadInput(
            said,
            where=f"{where}: {one.name}",
            remedy="give each a bin with its points, or say --categories-left-out if none is meant",
        )
    return [said]


def _require_better(card: Scorecard, frame: TrainingFrame, points: Float64s, where: str) -> None:
    found = auc(frame.labels, log_odds_at(points, card.scaling))
    if found < 0.5:
        raise BadInput(
            f"its points rise with risk: their AUC on the recipe's rows is {found:.3f}",
            where=where,
            remedy="export points of which more is better (optbinning: scaling_method='pdo_odds')",
        )
