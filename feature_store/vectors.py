"""Feature vectors out of customers' values: plain rows and windows over tiles, in one matrix.

A plan and a map's catalog make a reader, once; values come in, arrays go out. Serving reads with
it and so does the stream, when it scores what it has just counted. Knows no map and no model.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import numpy as np

from feature_store import packed_kernels as kernels
from feature_store.packed_catalog import Catalog
from feature_store.packed_columns import ViewColumns, answer_for
from feature_store.packed_rows import damaged
from feature_store.packed_tables import tables_of
from feature_store.plan import FeaturePlan, ServicePlan
from feature_store.tile_reading import TileView, fill, tile_views
from finmodel.clock import micros
from finmodel.records import Float32s


class VectorReader(NamedTuple):
    """What the kernels follow to read a plan's vectors out of one map's values."""

    tables: kernels.Tables
    windows: tuple[TileView, ...]


def reader_of(plan: ServicePlan, catalog: Catalog) -> VectorReader:
    """A plan's reader, as long as the catalog stands."""
    return VectorReader(tables_of(plan, catalog), tile_views(plan, catalog))


def read_vectors(values: kernels.Sections, reader: VectorReader, as_of_us: int) -> kernels.Answer:
    """The plan's features of each value as of a time; Damaged where one does not hold together."""
    tables, n = reader.tables, len(values.starts) - 1
    answer = answer_for(n, int(tables.columns[-1]), len(tables.ttl_us))
    sizes = np.diff(values.starts) << 3
    bad = kernels.read(values.words, sizes, as_of_us, tables, answer)
    if bad >= 0:
        raise damaged(f"(of id {bad} in this call) does not hold together")
    fill(reader.windows, values, as_of_us, answer)
    return answer


@dataclass(frozen=True, slots=True, eq=False)
class Scoring:
    """What is made of a customer's vector whenever new events of it were counted."""

    plan: ServicePlan
    """The vector."""
    view: str
    """Under which the scores are stored beside what they came from."""
    names: tuple[str, ...]
    """One of each score."""
    score: Callable[[Float32s], Float32s]
    """(n, f) vectors to (n, s) scores."""
    clock: Callable[[], datetime]
    """Vectors are as of this time."""

    @property
    def schema(self) -> tuple[str, tuple[FeaturePlan, ...]]:
        """The scores' view and its features."""
        return self.view, tuple(FeaturePlan(name, "Float32") for name in self.names)

    def rows(self, values: kernels.Sections, catalog: Catalog) -> ViewColumns:
        """The scores of each value, as rows of the view."""
        as_of_us = micros(self.clock())
        answer = read_vectors(values, reader_of(self.plan, catalog), as_of_us)
        times = np.full(len(answer.matrix), as_of_us, np.int64)
        return ViewColumns(*self.schema, times, self.score(answer.matrix))
