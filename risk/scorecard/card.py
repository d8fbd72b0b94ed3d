"""A scorecard: a frozen, versioned table of points, and the arithmetic that reads it.

Columns come in, points and log-odds go out. The card as written (JSON) is all that is needed:
no binning library, no model and no registry is asked, and a reloaded card gives the same points.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

import msgspec
import numpy as np

from finmodel.errors import BadInput
from finmodel.manifest import Scaling
from finmodel.records import Float64s, Int64s
from risk.scaling import log_odds_at, points, points_per_log_odds
from risk.scorecard.bins import Bins, Column, place

WOE_SIGN: TypeAlias = Literal["ln(bad share / good share)"]
SIGN: WOE_SIGN = "ln(bad share / good share)"
"""A bin's share of all bads over its share of all goods: the riskier, the greater."""


class Variable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One variable of a card; `woe` and `points` follow the order of its bins."""

    name: str
    bins: Bins
    coefficient: float
    """Of the WOE, in calibrated log-odds of being bad; above 0."""
    woe: tuple[float, ...]
    points: tuple[float, ...]

    def __post_init__(self) -> None:
        if not len(self.woe) == len(self.points) == len(self.bins):
            raise ValueError(f"{self.name}: one woe and one number of points for each bin")


class Scorecard(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Points of every bin of every variable, and the scale that they are on.

    The points are the card: log-odds follow from their sum, so that rounding never parts the two.
    """

    name: str
    intercept: float
    """Calibrated log-odds of being bad where every WOE is 0."""
    scaling: Scaling
    decimals: int
    """Points are whole numbers of 10 ** -decimals; their sum is exact in any order."""
    base_points: float
    """Points of the intercept alone."""
    variables: tuple[Variable, ...]
    data_hash: str = ""
    """Of the rows that it was learnt from."""
    woe_sign: WOE_SIGN = SIGN
    format: Literal[1] = 1

    def __post_init__(self) -> None:
        names = [variable.name for variable in self.variables]
        if not names or len(names) != len(set(names)):
            raise ValueError("a card has variables, each once")
        if not 0 <= self.decimals <= 12:
            raise ValueError("decimals must be between 0 and 12")


def scaled(
    name: str,
    fitted: tuple[float, tuple[tuple[str, Bins, float, tuple[float, ...]], ...]],
    scaling: Scaling,
    decimals: int,
    data_hash: str = "",
) -> Scorecard:
    """A card out of an intercept and (name, bins, coefficient, WOE of each bin) of each variable.

    Points of a bin = -factor × coefficient × WOE, factor = pdo / ln 2 (Siddiqi, Credit Risk
    Scorecards, 2006); the base is the points of the intercept.
    """
    intercept, parts = fitted
    factor = points_per_log_odds(scaling)
    variables = tuple(
        Variable(
            name=one,
            bins=bins,
            coefficient=coefficient,
            woe=woe,
            points=tuple(round(-factor * coefficient * value, decimals) + 0.0 for value in woe),
        )
        for one, bins, coefficient, woe in parts
    )
    base = round(points(intercept, scaling), decimals)
    return Scorecard(name, intercept, scaling, decimals, base, variables, data_hash)


def points_of(card: Scorecard, columns: Mapping[str, Column]) -> Float64s:
    """(n,) points of n rows, given by column: float32, or text for categories.

    `risk.scorecard.columns` makes such columns out of whatever a data frame holds.
    """
    total: Int64s | int = _units(card, card.base_points)
    for variable in card.variables:
        if variable.name not in columns:
            raise BadInput(
                f"there is no column {variable.name!r}",
                where=f"scorecard {card.name}",
                remedy="give every variable of the card",
            )
        table = np.array([_units(card, value) for value in variable.points], dtype=np.int64)
        total = total + table[place(variable.bins, columns[variable.name])]
    return np.asarray(total, dtype=np.float64) / float(10**card.decimals)


def points_lost(card: Scorecard, columns: Mapping[str, Column]) -> Float64s:
    """(n, v) points that each variable takes away, of n rows; negative where it adds some.

    Against its neutral points, those of WOE 0: as likely bad as the average customer (Siddiqi,
    Credit Risk Scorecards, 2006, on adverse codes). WOE 0 has 0 points on this card.
    """
    lost = [
        -np.array(variable.points)[place(variable.bins, columns[variable.name])]
        for variable in card.variables
    ]
    return np.stack(lost, axis=1)


def log_odds_of(card: Scorecard, columns: Mapping[str, Column]) -> Float64s:
    """(n,) calibrated log-odds of being bad; affine in the points."""
    return log_odds_at(points_of(card, columns), card.scaling)


def encode(card: Scorecard) -> bytes:
    """The card as JSON."""
    return msgspec.json.format(msgspec.json.encode(card), indent=2)


def decode(data: bytes, where: str = "scorecard.json") -> Scorecard:
    """A card out of its JSON; BadInput where it is none, or of a format not known here."""
    try:
        return msgspec.json.decode(data, type=Scorecard)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadInput(
            f"it is no scorecard of format 1 ({error})",
            where=where,
            remedy="give the scorecard.json that training kept",
        ) from error


def _units(card: Scorecard, value: float) -> int:
    return round(value * float(10**card.decimals))
