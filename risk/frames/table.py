"""A lender's table made into features by its recipe alone.

Special values and unseen categories become missing; dates, text and empty columns are refused as
features with a sentence that names the column and the first row. What was learnt (the order of the
categories) is the table's contract, and the same contract reads the files that are scored later.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

import msgspec
import numpy as np
import pandas as pd

from finmodel.errors import BadInput
from finmodel.manifest import TableContract
from finmodel.records import Float32s, Float64s
from risk.frames.columns import ids_of, times_of
from risk.frames.file import as_text, read_table
from risk.frames.followed import followed_rows
from risk.frames.frame import Followed, TrainingFrame, groups_of, labels_of
from risk.frames.split import Parts, split_by_time
from risk.labels.fates import Labels
from risk.labels.rule import LabelRule
from risk.recipe import Recipe, Table

EVERY_COLUMN = "all"
"""Key of special values that hold in every numeric column."""
_DAY = r"^(\d{4})[-/]?(\d{1,2})[-/]?(\d{1,2})(?:$|[ T])"


def load_table(recipe: Recipe) -> TrainingFrame:
    """The training frame of a recipe that names a table."""
    table = recipe.source.table
    assert table is not None
    path = recipe.folder / table.path
    text = (table.entity, *table.categoricals)
    frame = read_table(path, text, table.separator, table.encoding)
    where = str(path)
    followed = None
    if isinstance(recipe.label, LabelRule):
        frame, followed = followed_rows(recipe, recipe.label, frame)
    _require_columns(frame, _named_columns(recipe, table), where)
    ids = ids_of(frame, table.entity, where)
    labels = labels_of(frame[recipe.label_column], where)
    times = None if table.time is None else times_of(frame, table.time, where)
    parts = split_by_time(times, recipe.split, labels, where)
    contract = _learn_contract(frame, recipe, table, parts, where)
    return TrainingFrame(
        where=where,
        ids=ids,
        names=contract.features,
        matrix=matrix_of(frame, contract, where),
        labels=labels,
        times=times,
        audit=groups_of(frame, recipe.audit_only, recipe.audit_bands),
        categoricals=tuple(contract.categories),
        table=contract,
        followed=None if followed is None else _kept_aside(recipe, contract, *followed),
        as_written=_as_written(frame, contract, where),
    )


def _kept_aside(
    recipe: Recipe, contract: TableContract, labels: Labels, aside: pd.DataFrame
) -> Followed:
    """What became of every row, and the features of the indeterminate."""
    table = recipe.source.table
    assert table is not None
    assert table.time is not None
    where = str(recipe.folder / table.path)
    return Followed(
        cohorts=tuple(labels.by_cohort()),
        excluded=labels.excluded,
        aside_ids=aside[table.entity].to_numpy(dtype=object),
        aside_matrix=matrix_of(aside, contract, where),
        aside_times=times_of(aside, table.time, where),
        aside_as_written=_as_written(aside, contract, where),
    )


def matrix_of(frame: pd.DataFrame, contract: TableContract, where: str) -> Float32s:
    """(n, f) features of a table's rows, as the contract reads them."""
    _require_columns(frame, contract.features, where)
    matrix = np.empty((len(frame), len(contract.features)), dtype=np.float32)
    for place, name in enumerate(contract.features):
        categories = contract.categories.get(name)
        if categories is not None:
            matrix[:, place] = _codes(frame[name], categories)
        else:
            special = contract.special_values.get(name, ())
            matrix[:, place] = _numbers(frame[name], special, where)
    return matrix


def _as_written(frame: pd.DataFrame, contract: TableContract, where: str) -> Float32s | None:
    """A scorecard gives special values bins of their own; the trees take them as missing."""
    if not contract.special_values:
        return None
    return matrix_of(frame, msgspec.structs.replace(contract, special_values={}), where)


def _learn_contract(
    frame: pd.DataFrame, recipe: Recipe, table: Table, parts: Parts, where: str
) -> TableContract:
    apart = {table.entity, recipe.label_column, table.time, *table.exclude, *recipe.audit_only}
    features = tuple(str(name) for name in frame.columns if name not in apart)
    if not features:
        raise BadInput("no column is left as a feature", where=where, remedy="exclude fewer")
    seen = frame.iloc[parts.train]
    for name in features:
        _require_feature(seen[name], name in table.categoricals, where)
    contract = TableContract(
        entity=table.entity,
        features=features,
        categories={
            name: tuple(sorted(as_text(seen[name]).dropna().unique()))
            for name in features
            if name in table.categoricals
        },
        special_values=_special_values(features, table, where),
        separator=table.separator,
        encoding=table.encoding,
    )
    empty = np.isnan(matrix_of(seen, contract, where)).all(axis=0)
    if empty.any():
        raise BadInput(
            "every value is missing",
            where=f"{where}: column {features[int(empty.argmax())]!r}",
            remedy="exclude it",
        )
    return contract


def _special_values(
    features: tuple[str, ...], table: Table, where: str
) -> dict[str, tuple[float, ...]]:
    numeric = [name for name in features if name not in table.categoricals]
    for name in table.special_values:
        if name != EVERY_COLUMN and name not in numeric:
            raise BadInput(
                "special values stand only for numeric features",
                where=f"{where}: column {name!r}",
                remedy="take it out of special_values",
            )
    everywhere = table.special_values.get(EVERY_COLUMN, ())
    special = {name: everywhere + table.special_values.get(name, ()) for name in numeric}
    return {name: values for name, values in special.items() if values}


def _named_columns(recipe: Recipe, table: Table) -> list[str]:
    special = [name for name in table.special_values if name != EVERY_COLUMN]
    time = [table.time] if table.time else []
    return [
        table.entity,
        recipe.label_column,
        *time,
        *table.exclude,
        *table.categoricals,
        *special,
        *table.own_repayments,
        *recipe.audit_only,
        *recipe.monotone,
    ]


def _require_columns(frame: pd.DataFrame, names: Iterable[str], where: str) -> None:
    known = [str(name) for name in frame.columns]
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.0)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise BadInput(f"there is no column {name!r}", where=where, remedy=f"give it{hint}")


def _require_feature(column: pd.Series, is_categorical: bool, where: str) -> None:
    if is_categorical or not _is_date(column):
        return
    raise BadInput(
        "it holds dates, and a date is no feature: it only ever grows",
        where=f"{where}: column {column.name!r}",
        remedy="exclude it, turn it into a number of days, or name it as the time",
    )


def _is_date(column: pd.Series) -> bool:
    kinds = pd.api.types
    if kinds.is_datetime64_any_dtype(column) or kinds.is_timedelta64_dtype(column):
        return True
    if kinds.is_numeric_dtype(column) and not _may_be_days(column):
        return False
    parts = as_text(column).dropna().astype(str).str.extract(_DAY)
    if parts.empty or parts.isna().any(axis=None):
        return False
    days = parts.astype(int)
    in_range = days[0].between(1900, 2200) & days[1].between(1, 12) & days[2].between(1, 31)
    return bool(in_range.all())


def _may_be_days(column: pd.Series) -> bool:
    return bool(column.min() >= 19_000_101 and column.max() <= 22_001_231)


def _numbers(column: pd.Series, special: tuple[float, ...], where: str) -> Float32s:
    number: Float64s = pd.to_numeric(column, errors="coerce").to_numpy(
        dtype=np.float64, na_value=np.nan
    )
    wrong = np.isnan(number) & column.notna().to_numpy()
    with np.errstate(over="ignore"):
        narrow = number.astype(np.float32)
    wrong |= np.isinf(narrow)
    if wrong.any():
        row = int(wrong.argmax())
        raise BadInput(
            f"{str(column.iloc[row])[:40]!r} is not a number",
            where=f"{where}: column {column.name!r}, row {int(column.index[row]) + 1}",
            remedy="name the column under categoricals, or exclude it",
        )
    narrow[np.isin(number, special)] = np.nan
    return narrow


def _codes(column: pd.Series, categories: tuple[str, ...]) -> Float32s:
    codes = pd.Categorical(as_text(column), categories=list(categories)).codes
    return np.where(codes < 0, np.nan, codes).astype(np.float32)
