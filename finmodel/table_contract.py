"""A lender's table as numbers, by a contract that is learnt once and reads every later file.

A frame as it was read comes in, a matrix goes out: special values and unseen categories are
missing; dates, text and empty columns are refused as features, with the column and the first row.
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
from finmodel.table_files import as_text

_DAY = r"^(\d{4})[-/]?(\d{1,2})[-/]?(\d{1,2})(?:$|[ T])"


def learnt(
    seen: pd.DataFrame, blank: TableContract, categoricals: Iterable[str], where: str
) -> TableContract:
    """A contract with the order of its categories, from the rows that teach."""
    named = frozenset(categoricals)
    for name in blank.features:
        _require_feature(seen[name], name in named, where)
    categories = {
        name: tuple(sorted(as_text(seen[name]).dropna().unique()))
        for name in blank.features
        if name in named
    }
    contract = msgspec.structs.replace(blank, categories=categories)
    empty = np.isnan(matrix_of(seen, contract, where)).all(axis=0)
    if empty.any():
        raise BadInput(
            "every value is missing",
            where=f"{where}: column {contract.features[int(empty.argmax())]!r}",
            remedy="exclude it",
        )
    return contract


def matrix_of(frame: pd.DataFrame, contract: TableContract, where: str) -> Float32s:
    """(n, f) features of a table's rows, as the contract reads them."""
    require_columns(frame, contract.features, where)
    matrix = np.empty((len(frame), len(contract.features)), dtype=np.float32)
    for place, name in enumerate(contract.features):
        categories = contract.categories.get(name)
        if categories is not None:
            matrix[:, place] = _codes(frame[name], categories)
        else:
            special = contract.special_values.get(name, ())
            matrix[:, place] = _numbers(frame[name], special, where)
    return matrix


def require_columns(frame: pd.DataFrame, names: Iterable[str], where: str) -> None:
    """BadInput for the first column that is not there, with the nearest that is."""
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
