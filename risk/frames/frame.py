"""Rows to learn from: one matrix, its labels, and what is known beside the features.

Made from a Feast service or from a lender's table; what comes after does not know from which.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import sha256
from itertools import pairwise
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pandas as pd

from finmodel.errors import BadInput
from finmodel.manifest import TableContract
from finmodel.records import Float32s, Float64s, Times
from finmodel.table_files import as_text
from risk.labels.fates import CohortCount


@dataclass(frozen=True, slots=True, eq=False)
class Followed:
    """Of a label that is a rule: every row that was looked at, also those that teach nothing."""

    cohorts: tuple[CohortCount, ...]
    excluded: dict[str, int]
    """Rows by the exclusion that left them out."""
    aside_ids: npt.NDArray[np.generic]
    aside_matrix: Float32s
    """(m, f) features of the indeterminate: for band tables, never taught nor judged."""
    aside_times: Times
    aside_as_written: Float32s | None = None
    """The same with their special values; None where there are none."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person must know beside the figures."""
        late = [one for one in self.cohorts if one.not_mature]
        told = [f"{len(self.aside_ids)} rows are indeterminate"] if len(self.aside_ids) else []
        told += [f"{rows} rows excluded: {why}" for why, rows in self.excluded.items() if rows]
        if late:
            rows = sum(one.not_mature for one in late)
            told.append(f"{rows} rows not mature: {late[0].cohort} to {late[-1].cohort}")
        return tuple(told)


@dataclass(frozen=True, eq=False)
class TrainingFrame:
    """n rows × f features with their outcome."""

    where: str
    """File or service, for sentences."""
    ids: npt.NDArray[np.generic]
    names: tuple[str, ...]
    matrix: Float32s
    labels: Float64s
    """(n,) 1.0 bad, 0.0 good."""
    times: Times | None
    """(n,) time of decision; None where there is none."""
    audit: dict[str, npt.NDArray[np.object_]]
    """Group of each row, by audit-only attribute."""
    categoricals: tuple[str, ...] = ()
    service: str = ""
    plan: dict[str, Any] = field(default_factory=dict)
    table: TableContract | None = None
    followed: Followed | None = None
    """Where the label is a rule."""
    as_written: Float32s | None = None
    """The matrix with its special values; None where there are none."""

    def __len__(self) -> int:
        return len(self.labels)

    @cached_property
    def data_hash(self) -> str:
        """SHA-256 over everything that the model learns from, in its order."""
        seen = sha256(msgspec.json.encode([self.names, self.plan]))
        seen.update("\n".join(map(str, self.ids)).encode())
        if self.times is not None:
            seen.update(self.times.astype("datetime64[us]").tobytes())
        seen.update(np.ascontiguousarray(self.matrix).tobytes())
        seen.update(self.labels.tobytes())
        return seen.hexdigest()


def aside_of(frame: TrainingFrame) -> TrainingFrame | None:
    """The indeterminate as rows of the same features, with NaN for a label; None without any."""
    told = frame.followed
    if told is None or not len(told.aside_ids):
        return None
    return replace(
        frame,
        ids=told.aside_ids,
        matrix=told.aside_matrix,
        labels=np.full(len(told.aside_ids), np.nan),
        times=told.aside_times,
        audit={},
        followed=None,
        as_written=told.aside_as_written,
    )


def matrix_in(joined: pd.DataFrame, names: tuple[str, ...]) -> Float32s:
    """(n, f) features out of a joined frame, in the model's order."""
    return np.ascontiguousarray(joined[list(names)].to_numpy(dtype=np.float32))


def labels_of(column: pd.Series, where: str) -> Float64s:
    """(n,) labels as 0.0 and 1.0; both must occur."""
    label = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    wrong = np.flatnonzero(~np.isin(label, (0.0, 1.0)))
    place = f"{where}: column {column.name!r}"
    if wrong.size:
        seen = "empty" if pd.isna(column.iloc[wrong[0]]) else repr(str(column.iloc[wrong[0]])[:40])
        raise BadInput(
            f"a label is {seen}", where=f"{place}, row {wrong[0] + 1}", remedy="write 0 or 1"
        )
    if label.size == 0 or label.min() == label.max():
        raise BadInput("the label is constant", where=place, remedy="give goods and bads together")
    return label


def groups_of(
    frame: pd.DataFrame, attributes: tuple[str, ...], bands: dict[str, tuple[float, ...]]
) -> dict[str, npt.NDArray[np.object_]]:
    """Group of each row by attribute: its value, or the band that a number falls into."""
    return {name: _groups(frame[name], bands.get(name)) for name in attributes}


def _groups(column: pd.Series, edges: tuple[float, ...] | None) -> npt.NDArray[np.object_]:
    if edges is None:
        return as_text(column).fillna("missing").to_numpy(dtype=object)
    number = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    ordered = sorted(edges)
    names = [f"< {ordered[0]:g}"]
    names += [f"{a:g} to {b:g}" for a, b in pairwise(ordered)]
    names += [f"≥ {ordered[-1]:g}", "missing"]
    place = np.where(np.isnan(number), len(names) - 1, np.searchsorted(ordered, number, "right"))
    return np.array(names, dtype=object)[place]
