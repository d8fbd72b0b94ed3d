"""Columns as a scorecard reads them, whatever they were stored as.

A data frame, or a training frame's matrix, comes in; float32 and text go out. The same number as
int, float32, float64, a nullable type or an object falls into the same bin.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from finmodel.errors import BadInput
from finmodel.records import Float32s, Int64s
from finmodel.table_files import as_text
from risk.frames.frame import TrainingFrame
from risk.scorecard.bins import Column, NumericBins, Texts
from risk.scorecard.card import Scorecard


def columns_for(card: Scorecard, frame: pd.DataFrame, where: str = "rows") -> dict[str, Column]:
    """The card's columns out of a data frame; BadInput names what is absent or no number."""
    columns: dict[str, Column] = {}
    for variable in card.variables:
        if variable.name not in frame:
            raise BadInput(f"there is no column {variable.name!r}", where=where, remedy="give it")
        column = frame[variable.name]
        is_numeric = isinstance(variable.bins, NumericBins)
        columns[variable.name] = _numbers(column, where) if is_numeric else texts(column)
    return columns


def columns_of(
    frame: TrainingFrame, names: Iterable[str], rows: Int64s | None = None
) -> dict[str, Column]:
    """Columns of a training frame: special values as they stand, categories as text."""
    categories = {} if frame.table is None else frame.table.categories
    matrix = frame.matrix if frame.as_written is None else frame.as_written
    columns: dict[str, Column] = {}
    for name in names:
        column = matrix[:, frame.names.index(name)]
        column = np.ascontiguousarray(column if rows is None else column[rows])
        columns[name] = _decoded(column, categories, name)
    return columns


def texts(column: pd.Series) -> Texts:
    """(n,) text of each value, None where it is missing; 1, 1.0 and '1' are the same."""
    codes, values = pd.factorize(column)
    known = as_text(pd.Series(values, dtype=object)).tolist()
    return _taken([*known, None], np.asarray(codes, dtype=np.int64))


def _decoded(column: Float32s, categories: Mapping[str, tuple[str, ...]], name: str) -> Column:
    if name not in categories:
        return column
    codes = np.where(np.isnan(column), -1, column).astype(np.int64)
    return _taken([*categories[name], None], codes)


def _taken(known: list[str | None], codes: Int64s) -> Texts:
    """The text of each code; -1 is the last one, None."""
    found: Texts = np.array(known, dtype=object)[codes]
    return found


def _numbers(column: pd.Series, where: str) -> Float32s:
    number = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    wrong = np.isnan(number) & column.notna().to_numpy()
    if wrong.any():
        row = int(wrong.argmax())
        raise BadInput(
            f"{str(column.iloc[row])[:40]!r} is not a number",
            where=f"{where}: column {column.name!r}, row {row + 1}",
            remedy="give numbers, or nothing where the value is missing",
        )
    with np.errstate(over="ignore"):
        return number.astype(np.float32)
