"""Features of one stream view out of two sections of the same customer, told apart bit for bit.

Values, then pairs of sections come in; features as of the sections' own time go out, and which of
them differ. The kernels that serve do the arithmetic. Knows no store and no log.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from feature_store.packed_columns import joined
from feature_store.packed_kernels import DAMAGED, find
from feature_store.packed_rows import damaged
from feature_store.tile_columns import program_of, rules_of
from feature_store.tile_kernels import all_begin
from feature_store.tile_sections import HEAD_WORDS, TILES, read_sections, room_for
from feature_store.window_plan import WindowPlan
from feature_store.windows import windows_table
from finmodel.records import Float32s, Int64s

_BROKEN = "of a sampled customer does not hold together"


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """One customer's features by two sections."""

    served: Float32s
    recomputed: Float32s
    known: npt.NDArray[np.bool_]
    """(f,) which of them the log still says everything of."""

    @property
    def differ(self) -> npt.NDArray[np.bool_]:
        """(f,) which are known and not the same bits; no value is no value, whatever its bits."""
        same = self.served.view(np.uint32) == self.recomputed.view(np.uint32)
        same |= np.isnan(self.served) & np.isnan(self.recomputed)
        found: npt.NDArray[np.bool_] = self.known & ~same
        return found


class SectionFeatures:
    """One view's features out of sections of one schema."""

    def __init__(self, plan: WindowPlan, head: tuple[int, int]) -> None:
        program, windows = program_of(plan), tuple(one.window for one in plan.aggregates)
        self._plan, self._program = plan, (rules_of(plan, head), program.features, program.windows)
        self._room = room_for(program.capacity, program.width)
        self._places = np.repeat(np.arange(len(windows)), 2).reshape(-1, 2)
        self._windows = windows_table(windows)

    def compared(self, served: bytes, recomputed: bytes, since_us: float) -> Pair:
        """Features just behind the later clock, when windows hold the most.

        What was known before `since_us` may be gone from the log.
        """
        sections = joined([served, recomputed])
        as_of_us = 1 + int(max(sections.words[start + 1] for start in sections.starts[:-1]))
        matrix = np.empty((2, len(self._places)), np.float32)
        # Strided, as the reader's are: the kernel is compiled for that.
        clocks, offsets = np.empty(2, np.int64), np.empty((2, 2), np.int64)[:, 0]
        answer = matrix, self._places, clocks, offsets
        if read_sections(sections, self._program, as_of_us, self._room, answer) >= 0:
            raise damaged(_BROKEN)
        begins = all_begin(as_of_us, self._windows)
        # What was known before that bears on no window: see `window_frames.earliest_known`.
        return Pair(matrix[0], matrix[1], begins - 2 * self._plan.lateness_us >= since_us)


def sections_of(
    customers: Int64s, values: Sequence[bytes], plan: WindowPlan, head: tuple[int, int]
) -> dict[int, bytes]:
    """Each customer's section of a view as it is defined now, where the value has one.

    Damaged where a value does not hold together.
    """
    together, wanted = joined(values), rules_of(plan, head).head
    words, found = together.words, {}
    for place, customer in enumerate(customers.tolist()):
        at = find(together, place, wanted | TILES << 32)
        if at < 0 or int(words[at]) & 0xFFFFFFFF != wanted:
            if at == DAMAGED:
                raise damaged(_BROKEN)
            continue
        length = int(words[at]) >> 48 & 0xFFFF
        if length < HEAD_WORDS:
            raise damaged(_BROKEN)
        found[customer] = words[at : at + length].tobytes()
    return found
