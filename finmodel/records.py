"""What flows between the stops: arrays on the hot road, small frozen records at the borders.

A `FeatureBatch` comes out of the feature store and goes into a scorer. This module does no I/O and
knows no library but numpy.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import IntEnum
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Float32s: TypeAlias = npt.NDArray[np.float32]
Float64s: TypeAlias = npt.NDArray[np.float64]
Int64s: TypeAlias = npt.NDArray[np.int64]
Times: TypeAlias = npt.NDArray[np.datetime64]


class ViewState(IntEnum):
    """What is known of one view of one customer, at one time: missing, stale and zero differ."""

    PRESENT = 0
    STALE = 1
    """Older than the view's time to live: the value is given, and policy says what it may do."""
    MISSING = 2
    """Nothing was ever written: its features are NaN."""
    FUTURE = 3
    """Only a later value is stored: it is withheld, its features are NaN."""


@dataclass(frozen=True, slots=True, eq=False)
class FeatureBatch:
    """n customers × f features of one Feast service as of one time, and how old each view is."""

    service: str
    as_of: datetime
    ids: npt.NDArray[np.generic]
    """(n,) entity keys: int64, or object (str)."""
    names: tuple[str, ...]
    """(f,) feature names, in the service's order."""
    matrix: Float32s
    """(n, f) C-contiguous values; NaN where there is none."""
    views: tuple[str, ...]
    """(v,) feature views, in the service's order."""
    ages_s: Float64s
    """(n, v) seconds from the view's event time to `as_of`; NaN where missing."""
    states: npt.NDArray[np.uint8]
    """(n, v) `ViewState` of each view."""
    offsets: Int64s
    """(n, v) offset of the event that made it; -1 where a batch made it or where missing."""
    ttls_s: Float64s
    """(v,) each view's time to live in seconds; inf where it has none."""

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True)
class Person:
    """A named person who may act, and in which roles."""

    name: str
    roles: frozenset[str]
    demo: bool = False
    """Made by the demo: whatever this person approves is recorded as 'demo'."""
    since: date | None = None
    """When they began in their work; None where nobody said."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a score is not better: a code, its weight in points, and a sentence in two languages."""

    code: str
    points: float
    zh: str
    en: str


TRAINERS = frozenset({"engineer", "analyst"})
"""Roles that may train a model."""
ROLES: tuple[str, ...] = (
    "agent",
    "supervisor",
    "script_editor",
    "analyst",
    "underwriter",
    "validator",
    "engineer",
    "auditor",
)
