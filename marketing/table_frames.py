"""The rows of a recipe on a table of one's own: its columns, its label, its time, who was treated.

A recipe comes in; a frame goes out, and the contract by which the same columns are read later.
Columns are features only where the recipe names them.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from finmodel.errors import BadInput, NotFound
from finmodel.manifest import TableContract
from finmodel.records import Float64s, Int64s
from finmodel.settings import Settings
from finmodel.table_columns import times_of
from finmodel.table_contract import learnt, matrix_of, require_columns
from finmodel.table_files import as_text, read_table
from marketing.frame import CONTROL, Frame, Treatments, require_both
from marketing.recipe import MarketingRecipe, RowOrder, Table, Treated

DATA = "data:"
"""Begins a path under FINMODEL_DATA: data that may not ship."""
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
ROW = "row"
"""The id of a row is its place in the file, counted from 1."""


def load_table(recipe: MarketingRecipe, settings: Settings) -> Frame:
    """The frame of a recipe that names a table."""
    table, column = recipe.source.table, recipe.label.column
    assert table is not None
    assert column is not None
    path = path_of(recipe, table, settings)
    where = str(path)
    read = read_table(path, _as_words(table, column.name), table.separator, table.encoding)
    require_columns(read, (column.name, *table.features, *_time_columns(table)), where)
    require_columns(read, recipe.audit_only, where)
    read, treatments = _treated(read, table.treatment, where)
    at_us = _times(read, table, where)
    labels = (as_text(read[column.name]) == str(column.yes)).to_numpy().astype(np.float64)
    require_both(labels, f"{where}: column {column.name!r}")
    contract = TableContract(
        entity=ROW,
        features=table.features,
        special_values=dict(table.special_values),
        separator=table.separator,
        encoding=table.encoding,
    )
    blank = Frame(where, read.index.to_numpy() + 1, table.features, _none(), labels, at_us, at_us)
    train = blank.parts(recipe.split).train
    contract = learnt(read.iloc[train], contract, table.categoricals, where)
    return Frame(
        where=where,
        ids=read.index.to_numpy() + 1,
        names=contract.features,
        matrix=matrix_of(read, contract, where),
        labels=labels,
        at_us=at_us,
        ends_us=at_us,
        categoricals=tuple(contract.categories),
        table=contract,
        treatments=treatments,
    )


def path_of(recipe: MarketingRecipe, table: Table, settings: Settings) -> Path:
    """The table's file; NotFound where data that may not ship are not here."""
    if not table.path.startswith(DATA):
        return recipe.folder / table.path
    path = settings.data / table.path.removeprefix(DATA)
    if not path.is_file():
        raise NotFound(
            "these data may not ship, and they are not here",
            where=str(path),
            remedy="put the file there, or say where it is: FINMODEL_DATA",
        )
    return path


def dates_in_order(months: Int64s, days: Int64s, first_year: int) -> Int64s:
    """(n,) microseconds since 1970 of rows in order of date: a year more when the month goes back.

    >>> at = dates_in_order(np.array([11, 12, 1]), np.array([3, 1, 2]), 2008)
    >>> at.astype("M8[us]").astype("M8[D]").astype(str).tolist()
    ['2008-11-03', '2008-12-01', '2009-01-02']
    """
    years = first_year + np.concatenate([[0], np.cumsum(np.diff(months) < 0)])
    starts = ((years - 1970) * 12 + months - 1).astype("M8[M]").astype("M8[D]")
    at_us: Int64s = (starts + (days - 1)).astype("M8[us]").astype(np.int64)
    return at_us


def _none() -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    return np.empty((0, 0), np.float32)


def _as_words(table: Table, label: str) -> tuple[str, ...]:
    treated = (table.treatment.column,) if table.treatment else ()
    return (*table.categoricals, label, *treated)


def _time_columns(table: Table) -> tuple[str, ...]:
    if table.time is None:
        return ()
    return (table.time,) if isinstance(table.time, str) else (table.time.month, table.time.day)


def _times(read: pd.DataFrame, table: Table, where: str) -> Int64s | None:
    if table.time is None:
        return None
    if isinstance(table.time, str):
        return times_of(read, table.time, where).astype(np.int64)
    return _by_order(read, table.time, where)


def _by_order(read: pd.DataFrame, order: RowOrder, where: str) -> Int64s:
    names = {name: str(number) for number, name in enumerate(_MONTHS, 1)}
    words = as_text(read[order.month]).astype("string").str.lower()
    numbers: dict[str, Float64s] = {}
    for name, column, most in (
        (order.month, words.replace(names), 12),
        (order.day, read[order.day], 31),
    ):
        number = pd.to_numeric(column, errors="coerce").to_numpy(np.float64, na_value=np.nan)
        wrong = np.flatnonzero(~((number >= 1) & (number <= most)))
        if wrong.size:
            raise BadInput(
                f"{str(read[name].iloc[wrong[0]])[:40]!r} is not from 1 to {most}",
                where=f"{where}: column {name!r}, row {int(read.index[wrong[0]]) + 1}",
                remedy="mend it, or name a column of times",
            )
        numbers[name] = number
    months, days = (numbers[name].astype(np.int64) for name in (order.month, order.day))
    return dates_in_order(months, days, order.first_year)


def _treated(
    read: pd.DataFrame, told: Treated | None, where: str
) -> tuple[pd.DataFrame, Treatments | None]:
    """Rows of the trial's groups alone, and what each was given."""
    if told is None:
        return read, None
    require_columns(read, (told.column,), where)
    groups = as_text(read[told.column])
    given = np.full(len(read), -1, np.int8)
    for place, value in enumerate((told.control, *told.treatments.values())):
        rows = (groups == value).to_numpy()
        if not rows.any():
            raise BadInput(
                f"no row is {value!r}",
                where=f"{where}: column {told.column!r}",
                remedy="name its values as they stand there",
            )
        given[rows] = CONTROL + place
    kept = given >= CONTROL
    return read[kept], Treatments(tuple(told.treatments), given[kept])
