"""The bins of one variable: where each value falls, and what each bin is called.

A column of float32 or of text comes in, the place of each row's bin goes out. Missing values,
special values and categories never seen have bins of their own. Knows no outcome and no points.
"""

from __future__ import annotations

from typing import TypeAlias, cast

import msgspec
import numpy as np
import numpy.typing as npt

from finmodel.records import Float32s, Int64s

Texts: TypeAlias = npt.NDArray[np.object_]
"""(n,) text, None where there is none."""
Column: TypeAlias = Float32s | Texts

MISSING, UNSEEN = "缺失 missing", "未见 unseen"


class NumericBins(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="numeric"):
    """Ranges from one cut up to the next, then one bin for each special value, then missing.

    Values and cuts are compared as float32, so that it does not matter how a number was stored.
    """

    cuts: tuple[float, ...]
    """Ascending; a value equal to a cut lies above it."""
    special: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        cuts = np.asarray(self.cuts, dtype=np.float32)
        if not np.isfinite(cuts).all() or (np.diff(cuts) <= 0).any():
            raise ValueError("cuts must be finite and ascending")
        if len(np.unique(np.asarray(self.special, dtype=np.float32))) < len(self.special):
            raise ValueError("special values: each once (as single precision)")

    def __len__(self) -> int:
        return self.ranges + len(self.special) + 1

    @property
    def ranges(self) -> int:
        """How many bins hold ordinary values; they come first."""
        return len(self.cuts) + 1

    @property
    def missing(self) -> int:
        """Place of the bin of missing values."""
        return len(self) - 1

    def place(self, column: Float32s) -> Int64s:
        """(n,) place of each value's bin.

        >>> NumericBins((1.0, 2.0), (-9.0,)).place(np.float32([0, 1, 2, -9, np.nan])).tolist()
        [0, 1, 2, 3, 4]
        """
        cuts = np.asarray(self.cuts, dtype=np.float32)
        places = np.searchsorted(cuts, column, side="right").astype(np.int64)
        for number, value in enumerate(self.special):
            places[column == np.float32(value)] = self.ranges + number
        places[np.isnan(column)] = self.missing
        return places

    def labels(self) -> tuple[str, ...]:
        """What each bin is called.

        >>> NumericBins((0.5,), (-1.0,)).labels()
        ('(-∞, 0.5)', '[0.5, +∞)', '特殊值 special -1', '缺失 missing')
        """
        edges = ["-∞", *(number_text(cut) for cut in self.cuts), "+∞"]
        ranges = [
            f"{'[' if place else '('}{edges[place]}, {edges[place + 1]})"
            for place in range(self.ranges)
        ]
        special = [f"特殊值 special {number_text(value)}" for value in self.special]
        return (*ranges, *special, MISSING)


class CategoryBins(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="categorical"):
    """Groups of categories, then missing, then whatever was never seen."""

    groups: tuple[tuple[str, ...], ...]

    def __post_init__(self) -> None:
        named = [name for group in self.groups for name in group]
        if not named or len(named) != len(set(named)) or not all(self.groups):
            raise ValueError("each category stands in exactly one group, and no group is empty")

    def __len__(self) -> int:
        return self.ranges + 2

    @property
    def ranges(self) -> int:
        """How many bins hold known categories; they come first."""
        return len(self.groups)

    @property
    def missing(self) -> int:
        """Place of the bin of missing values; the next is that of unseen ones."""
        return self.ranges

    def place(self, column: Texts) -> Int64s:
        """(n,) place of each category's bin.

        >>> jobs = np.array(["c", "a", None, "z"], dtype=object)
        >>> CategoryBins((("a", "b"), ("c",))).place(jobs).tolist()
        [1, 0, 2, 3]
        """
        of: dict[object, int] = {
            name: place for place, group in enumerate(self.groups) for name in group
        }
        of[None] = self.missing
        unseen = self.missing + 1
        return np.fromiter((of.get(value, unseen) for value in column), np.int64, len(column))

    def labels(self) -> tuple[str, ...]:
        """What each bin is called.

        >>> CategoryBins((("a", "b"),)).labels()
        ('a | b', '缺失 missing', '未见 unseen')
        """
        return (*(" | ".join(group) for group in self.groups), MISSING, UNSEEN)


Bins: TypeAlias = NumericBins | CategoryBins


def place(bins: Bins, column: Column) -> Int64s:
    """(n,) place of each row's bin, whichever kind of bins it is."""
    if isinstance(bins, NumericBins):
        return bins.place(cast(Float32s, column))
    return bins.place(cast(Texts, column))


def number_text(value: float) -> str:
    """A float32 as people read it: the shortest decimal that is no other float32.

    >>> number_text(np.float32(0.1)), number_text(120000.0), number_text(-9999.0)
    ('0.1', '120000', '-9999')
    """
    text = np.format_float_positional(np.float32(value), unique=True, trim="-")
    return "0" if text == "-0" else text
