"""Whether a file's WOE have the sign that was declared, by what became of the rows.

WOE as a file has them, turned to ours, and what the rows say of the same bins come in; silence or a
sentence goes out. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from finmodel.errors import BadInput
from finmodel.records import Float64s
from risk.importing.written import SIGNS, Sign
from risk.scorecard.binning import Binned

AGAINST = -0.5
"""A correlation of a variable's WOE with those of the rows below this is no chance."""
SAYS_SOMETHING = 0.02
"""IV from which a variable's direction is believed (Siddiqi 2006: useless below)."""


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """The WOE that a file tells of one variable's ordinary bins, beside its rows."""

    binned: Binned
    woe: Float64s
    """(ranges,) by our sign, if the declared one holds; NaN where the file has none."""


def require_sign(told: Sequence[Told], declared: Sign, where: str) -> None:
    """Refuse WOE that run against the rows: all of them, or one variable's."""
    known = [one for one in told if not np.isnan(one.woe).any()]
    against = {one.binned.name: _covariance(one) for one in known}
    other: Sign = "good/bad" if declared == "bad/good" else "bad/good"
    if sum(against.values()) < 0.0:
        raise BadInput(
            f"its WOE are of the other sign: on the recipe's rows they run as {SIGNS[other]}, and"
            f" {SIGNS[declared]} is declared",
            where=where,
            remedy=f"say --woe {other} if that is what they are, or name the right --format",
        )
    for one in known:
        if _correlation(one) < AGAINST and one.binned.iv.sum() >= SAYS_SOMETHING:
            raise BadInput(
                "its WOE run against its bad rates on the recipe's rows, unlike the others'",
                where=f"{where}: {one.binned.name}",
                remedy="turn the sign of that variable's WOE, or look at its bins",
            )


def _covariance(one: Told) -> float:
    """Of the two WOE over the rows of the ordinary bins."""
    ordinary = slice(one.binned.bins.ranges)
    rows = one.binned.rows[ordinary]
    share, seen = rows / max(rows.sum(), 1), one.binned.woe[ordinary]
    return float((share * one.woe * seen).sum() - (share @ one.woe) * (share @ seen))


def _correlation(one: Told) -> float:
    """0 where either is constant."""
    seen = one.binned.woe[: one.binned.bins.ranges]
    spreads = _covariance(Told(one.binned, seen)) * _variance(one)
    return _covariance(one) / float(np.sqrt(spreads)) if spreads > 0.0 else 0.0


def _variance(one: Told) -> float:
    rows = one.binned.rows[: one.binned.bins.ranges]
    share = rows / max(rows.sum(), 1)
    return float((share * one.woe**2).sum() - (share @ one.woe) ** 2)
