"""What every writer of packed rows can do, whatever it writes into."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy.typing as npt

from feature_store.packed_catalog import Features
from feature_store.packed_columns import ViewColumns
from feature_store.packed_counting import Part
from feature_store.packed_keys import Place
from feature_store.packed_merge import Written
from feature_store.packed_rows import Row
from feature_store.rebuild_mark import Rebuild
from feature_store.tile_columns import EventColumns, Fates
from feature_store.vectors import Scoring
from feature_store.window_plan import WindowPlan


class OnlineWriter(Protocol):
    """The one way into a project's rows; each method says itself what it promises."""

    def write_columns(
        self, join_key: str, ids: Sequence[Any] | npt.NDArray[Any], columns: Sequence[ViewColumns]
    ) -> Written:
        """Store rows of Float32 views from arrays."""
        ...

    def write_rows(
        self, place: Place, keys: Sequence[bytes], view: tuple[str, Features], rows: Sequence[Row]
    ) -> Written:
        """Store rows of any types of one view."""
        ...

    def write_events(self, join_key: str, plan: WindowPlan, events: EventColumns) -> Fates:
        """Count events of one partition in their customers' tiles, each once."""
        ...

    def write_parts(
        self, join_key: str, parts: Sequence[Part], scoring: Scoring | None = None
    ) -> list[Fates]:
        """Count events of views and partitions, each once, and score whoever had new ones."""
        ...

    def position(self, plan: WindowPlan, topic: int, partition: int) -> int:
        """The offset from which a partition of a view's topic is still to be counted."""
        ...

    def counted(self) -> dict[tuple[int, int], int]:
        """By topic number and partition, how far the view that is farthest was counted."""
        ...

    def rebuilding(self) -> Rebuild | None:
        """The mark of a store that is not whole, which no reader reads."""
        ...

    def mark(self, mark: Rebuild | None, views: Mapping[str, Features] | None = None) -> None:
        """Give a store its mark, and enter views in the same step; or take it away."""
        ...

    def apply(self, keep: Mapping[str, Features], drop: Sequence[str]) -> None:
        """Enter views and their schemas, and retire dropped ones."""
        ...

    def clear(self) -> None:
        """Remove everything of the project."""
        ...
