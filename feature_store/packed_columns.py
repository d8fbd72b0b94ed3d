"""Rows of a view as arrays, checked, and built into sections without a Python loop.

Float32 columns of one view come in, words come out. Knows no map.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from feature_store import packed_kernels as kernels
from feature_store.packed_rows import CREATED, MAX_WORDS, STREAM, damaged
from feature_store.plan import FeaturePlan
from finmodel.errors import BadInput
from finmodel.records import Float32s, Int64s


@dataclass(frozen=True, slots=True, eq=False)
class ViewColumns:
    """n rows of one view, all of it Float32, as arrays; NaN is null."""

    view: str
    features: tuple[FeaturePlan, ...]
    event_us: Int64s
    """(n,) event times, microseconds since 1970."""
    values: Float32s
    """(n, f), in the order of `features`."""
    created_us: Int64s | None = None
    """(n,) created times, or None where rows have none."""
    offsets: Int64s | None = None
    """(n,) offset of the event that made each row, or None where a batch made them."""
    topic: int = 0
    """Topic id of those events."""
    partitions: npt.NDArray[Any] | None = None
    """(n,) partition of those events; 0 if not given."""


def checked(view: ViewColumns, n: int) -> ViewColumns:
    """The same view with contiguous arrays; BadInput if they do not fit n ids and the features."""
    where = f"view {view.view}"
    other = sorted({feature.dtype for feature in view.features} - {"Float32"})
    if other:
        raise BadInput(
            f"it has {other[0]} features, and columns hold Float32",
            where=where,
            remedy="declare them Float32, or write it with feast materialize",
        )
    if len(view.features) > MAX_WORDS:
        raise BadInput("it has too many features", where=where, remedy="split it")
    values = np.ascontiguousarray(view.values, dtype=np.float32)
    if values.shape != (n, len(view.features)):
        raise BadInput(
            f"its values are {values.shape}, and {n} ids × {len(view.features)} features need"
            f" {(n, len(view.features))}",
            where=where,
            remedy="give one row for each id",
        )
    return replace(
        view,
        values=values,
        event_us=_int64s(view.event_us, n, f"{where}: event times"),
        created_us=_optional(view.created_us, n, f"{where}: created times"),
        offsets=_optional(view.offsets, n, f"{where}: offsets"),
        partitions=_optional(view.partitions, n, f"{where}: partitions"),
    )


def _optional(values: npt.NDArray[Any] | None, n: int, where: str) -> Int64s | None:
    return None if values is None else _int64s(values, n, where)


def _int64s(values: npt.NDArray[Any], n: int, where: str) -> Int64s:
    if values.shape != (n,) or values.dtype.kind not in "iu":
        raise BadInput("they are not one whole number for each id", where=where, remedy="give them")
    return np.ascontiguousarray(values, dtype=np.int64)


def built(view: ViewColumns, head: tuple[int, int], rows: npt.NDArray[Any]) -> kernels.Sections:
    """The sections of some rows of a checked view, under its id and schema number."""
    nothing = np.empty(0, np.int64)
    flags = CREATED * (view.created_us is not None) | STREAM * (view.offsets is not None)
    stream = np.full(len(rows), view.topic, np.int64)
    if view.partitions is not None:
        stream |= view.partitions[rows] << 32
    ingredients = kernels.Built(
        view_id=head[0],
        schema_no=head[1],
        flags=flags,
        event_us=view.event_us[rows],
        created_us=nothing if view.created_us is None else view.created_us[rows],
        stream=stream,
        offsets=nothing if view.offsets is None else view.offsets[rows],
        values=view.values[rows],
    )
    width = len(view.features)
    most = 5 + (width + 63) // 64 + (width + 1) // 2
    out = np.empty(most * len(rows), np.int64)
    starts = np.empty(len(rows) + 1, np.int64)
    kernels.build(ingredients, out, starts)
    words = out[: starts[-1]]
    words.flags.writeable = False
    return kernels.Sections(words, starts)


def joined(values: Sequence[bytes]) -> kernels.Sections:
    """Customers' values back to back; Damaged where one is not whole words."""
    starts = np.zeros(len(values) + 1, np.int64)
    np.cumsum(np.fromiter(map(len, values), np.int64, len(values)), out=starts[1:])
    if (starts & 7).any():
        raise damaged("is not whole words")
    return kernels.Sections(np.frombuffer(b"".join(values), "<i8"), starts >> 3)


def answer_for(n: int, columns: int, views: int) -> kernels.Answer:
    """Arrays for the features of n customers, to be filled."""
    return kernels.Answer(
        matrix=np.empty((n, columns), np.float32),
        ages_s=np.empty((n, views), np.float64),
        states=np.empty((n, views), np.uint8),
        offsets=np.empty((n, views), np.int64),
    )
