"""A version's first decisions in the build sample's stead, where none was kept.

A series of decisions and a version come in, its reference goes out. What was imported comes first,
with the features that were brought; a feature that was not is that of the first decisions that
have it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from msgspec.structs import replace

from finmodel.audit_side import Piece
from finmodel.decision_log import FACTS
from finmodel.decision_series import Series
from finmodel.errors import BadInput
from finmodel.records import Float32s, Float64s
from risk.monitor.reference import BuildSample, FeatureThen, Reference, reference_of
from risk.monitor.scan import Asked

FIRST_ROWS = 20_000
"""So many first decisions stand for the build sample where none was kept."""
_BUILT_OF = ("vector", "raw", "points", "contributions")


@dataclass(slots=True)
class _First:
    """What was found, up to `FIRST_ROWS` decisions and as many values of each feature."""

    names: tuple[str, ...] | None
    points: list[Float64s] = field(default_factory=list)
    values: dict[str, list[Float32s]] = field(default_factory=dict)
    contributions: list[Float64s] = field(default_factory=list)

    def take(self, piece: Piece, rows: npt.NDArray[np.bool_]) -> None:
        """Some decisions of a piece."""
        first = np.flatnonzero(rows)[:FIRST_ROWS]
        vector = piece.columns["vector"][first]
        names = piece.features
        if names is None:
            names = self.names or tuple(f"feature_{place}" for place in range(vector.shape[1]))
            self.names = names
        if len_of(self.points) < FIRST_ROWS:
            self.points.append(piece.columns["points"][first])
        for place, name in enumerate(names):
            if not self.known((name,)):
                self.values.setdefault(name, []).append(vector[:, place])
        if "contributions" in piece.sampled:
            self.contributions.append(piece.sampled["contributions"][rows[piece.sample]])

    def features(self) -> tuple[str, ...]:
        """The vector's, where that is known; else all that were brought."""
        return self.names or tuple(self.values)

    def known(self, names: tuple[str, ...]) -> bool:
        """Whether there are enough values of all these features."""
        return all(len_of(self.values.get(name, [])) >= FIRST_ROWS for name in names)

    def enough(self, names: tuple[str, ...] | None) -> bool:
        """Whether nothing is wanted of decisions that have these features; None for all."""
        told = self.features() if names is None else names
        return len_of(self.points) >= FIRST_ROWS and self.known(told)


def first_decisions(
    series: Series, of: tuple[str, int], names: tuple[str, ...] | None
) -> Reference:
    """A reference of a version's first decisions; BadInput where there is none.

    `names` are the version's features, where they are known.
    """
    asked, found = Asked(*of, (0, 2**62)), _First(names)
    for piece in _unread(series, found):
        codes = [code for code, body in piece.bodies.items() if asked.wants(body)]
        by_model = ~np.isnan(piece.columns["points"])
        if "raw" in piece.columns:
            by_model &= ~np.isnan(piece.columns["raw"])
        rows = np.isin(piece.columns[FACTS], codes) & by_model
        if rows.any():
            found.take(piece, rows)
    if not found.points:
        raise BadInput(
            "the audit log has no decision of it",
            where=f"{of[0]} version {of[1]}",
            remedy="name a version that decided, or wait for its first decisions",
        )
    return _reference(found)


def _unread(series: Series, found: _First) -> Iterator[Piece]:
    """Pieces, as long as something is wanted of them."""
    for number in series.numbers:
        if not found.enough(series.features_of(number)):
            yield from series.pieces(number, _BUILT_OF)


def _reference(found: _First) -> Reference:
    points = np.concatenate(found.points)[:FIRST_ROWS]
    sample = f"no build sample was kept: the first {len(points):,} decisions"
    bare = reference_of(BuildSample((), np.empty((len(points), 0), np.float32), points, None),
                        sample)  # fmt: skip
    contributions = np.concatenate(found.contributions) if found.contributions else None
    if contributions is not None and not len(contributions):
        contributions = None
    features = []
    for place, name in enumerate(found.features()):
        mean = None if contributions is None else float(contributions[:, place].mean())
        features.append(_feature(name, found.values.get(name, []), mean))
    return replace(bare, features=tuple(features))


def _feature(name: str, values: list[Float32s], contribution: float | None) -> FeatureThen:
    """One feature of the first decisions that have it; of none, no row is counted."""
    told = np.concatenate(values)[:FIRST_ROWS] if values else np.empty(0, np.float32)
    matrix, points = told[:, None], np.zeros(len(told))
    if not len(told):
        matrix, points = np.full((1, 1), np.nan, np.float32), np.zeros(1)
    (feature,) = reference_of(BuildSample((name,), matrix, points, None), "").features
    if not len(told):
        feature = replace(feature, counts=(0,) * len(feature.bins))
    return replace(feature, contribution=contribution)


def len_of(parts: list[Float32s] | list[Float64s]) -> int:
    """Rows of all parts."""
    return sum(map(len, parts))
