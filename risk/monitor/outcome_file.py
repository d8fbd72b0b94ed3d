"""A lender's file of outcomes, row by row: what can be read of it, and why the rest cannot.

A data frame of application_id, observed_at, and bad or dpd (fpd beside them) comes in; columns and
refusals by row go out. A fault of one row never hides the others; a missing column is BadInput.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from finmodel.clock import ZONED
from finmodel.errors import BadInput
from finmodel.outcomes import UNKNOWN, refuse
from finmodel.records import Float64s, Int64s

TEXT = ("application_id", "observed_at")
MOST_DAYS = 10_000


@dataclass(frozen=True, slots=True, eq=False)
class Read:
    """n rows as they could be read; where a row is refused its values mean nothing."""

    application_id: list[str]
    observed_us: Int64s
    bad: npt.NDArray[np.int8]
    dpd: npt.NDArray[np.int32]
    fpd: npt.NDArray[np.int32]
    refused: dict[int, str]


def read_outcomes(rows: pd.DataFrame, where: str) -> Read:
    """Each row's values, or why it has none."""
    _require_columns(rows, where)
    refused: dict[int, str] = {}
    ids = rows["application_id"].astype(object)
    texts = ["" if pd.isna(one) else str(one).strip() for one in ids]
    refuse(refused, np.array([not text for text in texts]), "it has no application_id")
    observed = _times(rows["observed_at"], refused)
    bad = _numbers(rows, "bad", 1, refused)
    dpd = _numbers(rows, "dpd", MOST_DAYS, refused)
    fpd = _numbers(rows, "fpd", MOST_DAYS, refused)
    nothing = (bad == UNKNOWN) & (dpd == UNKNOWN) & (fpd == UNKNOWN)
    refuse(refused, nothing, "it says neither bad nor dpd nor fpd")
    return Read(texts, observed, bad.astype(np.int8), dpd, fpd, refused)


def _require_columns(rows: pd.DataFrame, where: str) -> None:
    for name in TEXT:
        if name not in rows:
            raise BadInput(f"there is no column {name!r}", where=where, remedy="give it")
    if not {"bad", "dpd"} & set(rows):
        raise BadInput(
            "there is neither a column 'bad' nor 'dpd'",
            where=where,
            remedy="give bad (1 or 0) or dpd (days past due)",
        )


def _times(column: pd.Series, refused: dict[int, str]) -> Int64s:
    """(n,) microseconds since 1970; a time without its zone is none."""
    # A Parquet file's times come with their zone, and are written so that it can be seen.
    texts = column.astype(object).map(_text)
    times = pd.to_datetime(texts, format="ISO8601", utc=True, errors="coerce")
    zoned = texts.str.contains(ZONED).to_numpy(bool)
    wrong = times.isna().to_numpy() | ~zoned
    refuse(refused, wrong, "observed_at is not a time with its zone, as 2024-03-01T00:00:00+08:00")
    told = times.fillna(pd.Timestamp(0, tz="UTC")).dt.tz_localize(None)
    micros: Int64s = told.to_numpy(dtype="datetime64[us]").astype(np.int64)
    return micros


def _text(value: object) -> str:
    return "" if value is None or value != value else str(value).strip()


def _numbers(
    rows: pd.DataFrame, name: str, most: int, refused: dict[int, str]
) -> npt.NDArray[np.int32]:
    """(n,) whole numbers from 0 to `most`; UNKNOWN where empty."""
    if name not in rows:
        return np.full(len(rows), UNKNOWN, np.int32)
    given = rows[name]
    numbers = pd.to_numeric(given, errors="coerce")
    value: Float64s = numbers.to_numpy(dtype=np.float64, na_value=np.nan)
    empty = given.isna().to_numpy()
    fits = (value >= 0) & (value <= most) & (value == np.floor(value))
    says = "0 or 1" if most == 1 else f"a whole number of days from 0 to {most}"
    refuse(refused, ~empty & ~fits, f"{name} is not {says}")
    return np.where(fits, value, UNKNOWN).astype(np.int32)
