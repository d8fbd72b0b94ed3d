"""Rows to learn from: one matrix, what became of each row, and who was treated with what.

Made from a Feast service or from a table; what comes after does not know from which.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
import numpy.typing as npt

from finmodel.clock import micros
from finmodel.errors import BadInput
from finmodel.manifest import TableContract
from finmodel.records import Float32s, Float64s, Int64s
from marketing.effects.uplift import Given
from marketing.effects.uplift_metrics import Trial
from marketing.labels import Parts, parted
from marketing.recipe import Split

CONTROL = 0
DAY = np.timedelta64(1, "D")


@dataclass(frozen=True, slots=True, eq=False)
class Treatments:
    """Who was treated with what, by chance or not."""

    names: tuple[str, ...]
    given: npt.NDArray[np.int8]
    """(n,) 0 for control, else the place of the treatment's name, counted from 1."""


@dataclass(frozen=True, eq=False)
class Frame:
    """n rows × f features with what became of them."""

    where: str
    """File or service, for sentences."""
    ids: npt.NDArray[np.generic]
    names: tuple[str, ...]
    matrix: Float32s
    labels: Float64s
    """(n,) 1.0 yes, 0.0 no."""
    at_us: Int64s | None
    """(n,) as of when, microseconds since 1970; None where there is no time."""
    ends_us: Int64s | None
    """(n,) until when the label knows of the customer."""
    categoricals: tuple[str, ...] = ()
    service: str = ""
    plan: dict[str, Any] = field(default_factory=dict)
    table: TableContract | None = None
    treatments: Treatments | None = None
    zone: str = "UTC"
    """Where the days of a split begin."""
    notes: tuple[str, ...] = ()
    """What a person must know of rows that are not here."""

    def __len__(self) -> int:
        return len(self.labels)

    @cached_property
    def data_hash(self) -> str:
        """SHA-256 over everything that the model learns from, in its order."""
        seen = sha256(msgspec.json.encode([self.names, self.plan]))
        seen.update("\n".join(map(str, self.ids)).encode())
        told = self.treatments
        for part in (self.at_us, self.ends_us, self.matrix, self.labels, told and told.given):
            if part is not None:
                seen.update(np.ascontiguousarray(part).tobytes())
        return seen.hexdigest()

    @property
    def is_timed(self) -> bool:
        """Whether later rows can judge."""
        return self.at_us is not None and bool(self.at_us.min() < self.at_us.max())

    def parts(self, split: Split) -> Parts:
        """Which rows teach, steer and judge; those whose label tells of a later part are purged."""
        if self.at_us is None or self.ends_us is None or not self.is_timed:
            return _at_random(len(self), split)
        borders = _borders(self.at_us, split, self.zone)
        return parted(self.at_us, self.ends_us, borders, f"{self.where}: split")

    def given(self, rows: Int64s, treatment: int | None = None) -> Given:
        """Some rows as a trial of one treatment against control; of all treatments if none."""
        told = self.treatments
        if told is None:
            raise BadInput("nobody is known to be treated", where=self.where, remedy="tell who was")
        if treatment is not None:
            rows = rows[np.isin(told.given[rows], (CONTROL, treatment))]
        trial = Trial(told.given[rows] != CONTROL, self.labels[rows])
        matrix = np.ascontiguousarray(self.matrix[rows])
        return Given(matrix, self.names, trial, self.categoricals)


def require_both(labels: Float64s, where: str) -> None:
    """BadInput where all became of the same."""
    if labels.size == 0 or labels.min() == labels.max():
        told = "there is no row" if labels.size == 0 else f"every label is {labels[0]:g}"
        raise BadInput(
            f"{told}: nothing can be learnt", where=where, remedy="look at other rows, or events"
        )


def _borders(at_us: Int64s, split: Split, zone: str) -> tuple[int, int]:
    if split.valid_from is not None and split.oot_from is not None:
        return midnight_us(split.valid_from, zone), midnight_us(split.oot_from, zone)
    ordered = np.sort(at_us)
    oot = int(ordered[int(len(ordered) * (1.0 - split.oot_share))])
    return int(ordered[int(len(ordered) * (1.0 - split.oot_share - split.valid_share))]), oot


def midnight_us(day: dt.date, zone: str) -> int:
    """When a day begins in a zone, in microseconds since 1970.

    >>> midnight_us(dt.date(1970, 1, 2), "Asia/Shanghai") // 3_600_000_000
    16
    """
    return micros(dt.datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)))


def _at_random(count: int, split: Split) -> Parts:
    """Drawn parts; whoever judges by the last may not call it out of time."""
    order = np.random.default_rng(split.seed).permutation(count)
    cuts = [int(count * (1.0 - split.oot_share - split.valid_share))]
    cuts.append(int(count * (1.0 - split.oot_share)))
    train, valid, test = (np.sort(part) for part in np.split(order, cuts))
    return Parts(train, valid, test)
