"""Samples side by side in rows of one length, with little left empty.

Samples' lengths come in, who shares a row goes out: best-fit-decreasing, which keeps every sample
whole. Pure.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fine_tune.lessons.samples import Int32s, Sample
from finmodel.errors import BadInput


@dataclass(frozen=True, slots=True, eq=False)
class Pack:
    """Samples one after the other: what one step of the model reads."""

    samples: tuple[Sample, ...]
    begins: tuple[int, ...]
    """(samples + 1,) where each begins, and where the last ends."""

    def __len__(self) -> int:
        return self.begins[-1]

    def column(self, name: str) -> Int32s:
        """(n,) `token`, `position` or `learnt` of all samples."""
        found: Int32s = np.concatenate([getattr(one, name) for one in self.samples])
        return found


def pack_of(samples: Sequence[Sample]) -> Pack:
    """Samples in this order."""
    begins = np.cumsum([0, *map(len, samples)]).tolist()
    return Pack(tuple(samples), tuple(begins))


def best_fit(lengths: Sequence[int], room: int) -> list[list[int]]:
    """Places of samples by row, longest first, each into the fullest row that has room.

    >>> best_fit([5, 4, 3, 3, 2], 8)
    [[0, 2], [1, 3], [4]]
    """
    if lengths and max(lengths) > room:
        raise BadInput(
            f"a sample has {max(lengths)} tokens, a row {room}",
            where="length",
            remedy="give the recipe a greater `length`",
        )
    rows: list[list[int]] = []
    spare: list[tuple[int, int]] = []  # what is left of a row, and its number
    for place in sorted(range(len(lengths)), key=lambda one: (-lengths[one], one)):
        at = bisect_left(spare, (lengths[place], -1))
        if at == len(spare):
            left, row = room, len(rows)
            rows.append([])
        else:
            left, row = spare.pop(at)
        rows[row].append(place)
        insort(spare, (left - lengths[place], row))
    return rows


def padding_share(lengths: Sequence[int], rows: Sequence[Sequence[int]], room: int) -> float:
    """The part of all rows that holds no token.

    >>> padding_share([5, 3], [[0], [1]], 8)
    0.5
    """
    return 1.0 - sum(lengths) / (room * len(rows)) if rows else 0.0
