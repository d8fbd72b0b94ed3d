"""All decisions as one series: those that a lender brought, then those of our own log.

Two folders come in; pieces of columns come out, imported ones and logged ones alike, each decision
in exactly one place. It judges nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from finmodel.audit_segments import MARK_NAME
from finmodel.audit_side import Piece, pieces_of, segments_of
from finmodel.decision_log import LAYOUT
from finmodel.imported_files import Load, loads_of, name_at, piece_of


@dataclass(frozen=True)
class Series:
    """The decisions of a lender, as they lie at the first look."""

    audit: Path
    imported: Path | None = None

    @cached_property
    def loads(self) -> list[Load]:
        """What was imported, the first load first."""
        return [] if self.imported is None else loads_of(self.imported)

    @property
    def numbers(self) -> list[int]:
        """Numbers of all parts: imported ones by the time at which they begin, then the log's."""
        begins = {
            number: begin
            for load in self.loads
            for number, begin in zip(load.parts, load.begins_us, strict=True)
        }
        if self.loads and not (self.audit / MARK_NAME).exists():
            return sorted(begins, key=lambda number: begins[number])
        return sorted(begins, key=lambda number: begins[number]) + segments_of(self.audit)

    def pieces(self, number: int, only: Collection[str] | None = None) -> list[Piece]:
        """The decisions of a part: all columns that are read of it, or only those named."""
        if number > 0:
            return pieces_of(self.audit, number, LAYOUT, only)
        assert self.imported is not None
        return [piece_of(self.imported, self._load(number), number, only)]

    def imported_name(self, place: int) -> str:
        """The name of the imported decision at a place."""
        assert self.imported is not None
        return name_at(self.imported, self.loads, place)

    def features_of(self, number: int) -> tuple[str, ...] | None:
        """The features that were brought with a part; None where all of the vector was logged."""
        return None if number > 0 else self._load(number).meaning.features

    def _load(self, number: int) -> Load:
        return next(one for one in self.loads if number in one.parts)

    def every(self, only: Collection[str]) -> Iterator[Piece]:
        """All pieces with some of their columns, part by part."""
        for number in self.numbers:
            yield from self.pieces(number, only)


def imported_versions(series: Series) -> dict[str, set[int]]:
    """Versions of each model whose decisions were imported."""
    found: dict[str, set[int]] = {}
    for load in series.loads:
        for body in load.meaning.bodies.values():
            found.setdefault(body["model"], set()).add(body["version"])
    return found
