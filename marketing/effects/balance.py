"""Whether chance decided who was treated: how far treated and control differ before the treatment.

Features and who was treated come in; each feature's standardised difference goes out, or a refusal
that says by how much they differ. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from finmodel.errors import BadInput
from finmodel.records import Float32s

NOTABLE = 0.1
"""Standard deviations; the customary line (Austin 2009)."""
FEWEST = 10
"""Values of a group, of which a difference of means says something."""
CHANCE = 0.001
"""Of one alarm in a trial without fault, over all features together (Bonferroni)."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One feature at baseline."""

    name: str
    treated: float
    control: float
    """Means of the values that are there."""
    sds: float
    """Their difference in pooled standard deviations, or that of being missing, if it is more."""
    alarm: bool
    """Beyond what chance and custom allow."""


def differences(
    matrix: Float32s, names: tuple[str, ...], treated: npt.NDArray[np.bool_]
) -> list[Difference]:
    """Each feature's difference, those that alarm and then the largest first.

    An alarm needs more than a tenth of a standard deviation and more than chance gives so many
    values and features: small trials differ by chance, large ones by nothing that matters. A value
    that most customers lack is a small trial of its own.
    """
    z = float(-ndtri(CHANCE / 2 / max(len(names), 1)))
    rows = []
    for place, name in enumerate(names):
        column = matrix[:, place].astype(np.float64)
        gone = np.isnan(column)
        one, two = column[treated & ~gone], column[~treated & ~gone]
        sds = _standardised(one, two)
        missing = _standardised(gone[treated].astype(float), gone[~treated].astype(float))
        lines = _by_chance(z, one, two), _by_chance(z, gone[treated], gone[~treated])
        alarms = [
            abs(d) > max(NOTABLE, line) for d, line in zip((sds, missing), lines, strict=True)
        ]
        worse = missing if abs(missing) > abs(sds) or alarms == [False, True] else sds
        means = [float(part.mean()) if part.size else np.nan for part in (one, two)]
        rows.append(Difference(name, means[0], means[1], worse, any(alarms)))
    return sorted(rows, key=lambda row: (not row.alarm, -abs(row.sds)))


def require_randomised(
    matrix: Float32s, names: tuple[str, ...], treated: npt.NDArray[np.bool_], where: str
) -> list[Difference]:
    """The differences; BadInput where they are not of chance."""
    found = differences(matrix, names, treated)
    alarms = [row for row in found if row.alarm]
    if alarms:
        told = ", ".join(f"{row.name} by {row.sds:+.2f} sd" for row in alarms[:3])
        raise BadInput(
            f"treated and control differ before the treatment: {told}",
            where=where,
            remedy="randomise who is treated; or say `observational: true`, and read the effects"
            " as differences between those who were chosen, not as what the treatment did",
        )
    return found


def _by_chance(z: float, one: npt.NDArray[Any], two: npt.NDArray[Any]) -> float:
    """How far so many values of both groups differ by chance; anything, where they are few."""
    n, m = len(one), len(two)
    return z * float(np.sqrt(1 / n + 1 / m)) if min(n, m) >= FEWEST else np.inf


def _standardised(one: npt.NDArray[np.float64], two: npt.NDArray[np.float64]) -> float:
    if not one.size or not two.size:
        return 0.0
    pooled = np.sqrt((one.var() + two.var()) / 2.0)
    difference = one.mean() - two.mean()
    if pooled > 0.0:
        return float(difference / pooled)
    return 0.0 if difference == 0.0 else float(np.sign(difference) * np.inf)
