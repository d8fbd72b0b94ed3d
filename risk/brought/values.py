"""A lender's values as ours: times, numbers and words of a column, and which rows have none.

A column comes in as it was read, an array goes out; rows that cannot be read are noted with the
reason. A value itself is never repeated: it may be a person's.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from finmodel.clock import ZONED
from finmodel.errors import BadInput
from finmodel.outcomes import refuse
from finmodel.records import Float64s, Int64s
from finmodel.table_files import as_text
from risk.brought.mapping import Moment, column_of

MOST_NAMED = 12
"""So many of a file's columns are named where one is missing."""
_PLAIN = "%Y-%m-%d %H:%M:%S"


@dataclass(slots=True)
class Rows:
    """Rows of a lender's file, and why some cannot be used."""

    frame: pd.DataFrame
    zone: str | None = None
    refused: dict[int, str] = field(default_factory=dict)
    """By place in the frame."""

    def refuse(self, which: npt.NDArray[np.bool_], why: str) -> None:
        """Note why rows are not used; the first reason stays."""
        refuse(self.refused, which, why)

    def texts(self, column: str) -> list[str]:
        """(n,) as text without blanks around it; '' where there is none."""
        return _stripped(self._told(column).tolist())

    def coded(self, column: str) -> tuple[Int64s, list[str]]:
        """(n,) the place of each text among the different ones, and those: few of many rows."""
        codes, different = pd.factorize(self._told(column), use_na_sentinel=False)
        return codes, _stripped(list(different))

    def ids(self, column: str, name: str) -> list[str]:
        """(n,) what a thing is called; each must have a name."""
        found = self.texts(column)
        self.refuse(np.array([not one for one in found], bool), f"it has no {name}")
        return found

    def times(self, told: str | Moment, name: str) -> Int64s:
        """(n,) microseconds since 1970; a time without a zone is of the file's, or is none."""
        column = self.frame[column_of(told)]
        if pd.api.types.is_datetime64_any_dtype(column):
            times = self._zoned(column) if column.dt.tz is None else column.dt.tz_convert("UTC")
        else:
            times = self._parsed(pd.Series(self.texts(column_of(told)), dtype=object), told)
        self.refuse(times.isna().to_numpy(), f"{name} is not {self._a_time(told)}")
        plain = times.fillna(pd.Timestamp(0, tz="UTC")).dt.tz_localize(None)
        micros: Int64s = plain.to_numpy(dtype="datetime64[us]").astype(np.int64)
        return micros

    def numbers(self, column: str, name: str, ends: tuple[float, float], says: str) -> Float64s:
        """(n,) numbers within the ends; NaN where there is none, or none that can be read."""
        given = self.frame[column]
        value: Float64s = pd.to_numeric(given, errors="coerce").to_numpy(
            np.float64, na_value=np.nan
        )
        empty = given.isna().to_numpy()
        if given.dtype == object:
            empty |= np.array([not one for one in self.texts(column)], bool)
        fits = np.isfinite(value) & (value >= ends[0]) & (value <= ends[1])
        self.refuse(~empty & ~fits, f"{name} is not {says}")
        return np.where(fits, value, np.nan)

    def words(
        self, column: str, values: dict[str, Any], name: str
    ) -> tuple[Int64s, list[Any | None]]:
        """(n,) the place of what each word stands for, and that; None where nobody says it."""
        codes, words = self.coded(column)
        meant = [values.get(word) for word in words]
        unknown = np.array([one is None for one in meant], bool)
        self.refuse(unknown[codes], f"{name} is none of the words that the mapping knows")
        return codes, meant

    def _told(self, column: str) -> pd.Series:
        told = self.frame[column]
        return told if told.dtype == object else as_text(told)

    def _parsed(self, texts: pd.Series, told: str | Moment) -> pd.Series:
        """Times of texts, each in its own zone or in the file's; NaT where they are none."""
        if isinstance(told, Moment):
            if "%z" in told.format:
                return pd.to_datetime(texts, format=told.format, utc=True, errors="coerce")
            return self._zoned(pd.to_datetime(texts, format=told.format, errors="coerce"))
        if self.zone is None:
            zoned = texts.where(texts.str.contains(ZONED))
            return pd.to_datetime(zoned, format="ISO8601", utc=True, errors="coerce")
        # Most files write all times alike: what is written so has no zone for sure.
        times = self._zoned(pd.to_datetime(texts, format=_PLAIN, errors="coerce"))
        if not (others := times.isna()).any():
            return times
        return times.fillna(self._other_ways(texts[others]))

    def _other_ways(self, texts: pd.Series) -> pd.Series:
        """Times as ISO 8601 has them: with a zone, or in the file's."""
        zoned = texts.str.contains(ZONED)
        times = pd.to_datetime(texts.where(zoned), format="ISO8601", utc=True, errors="coerce")
        naive = pd.to_datetime(texts.where(~zoned), format="ISO8601", errors="coerce")
        return times.fillna(self._zoned(naive))

    def _zoned(self, naive: pd.Series) -> pd.Series:
        """In the file's zone; no time where it has none, or where that hour is twice or never."""
        if self.zone is None:
            return pd.Series(pd.NaT, naive.index, dtype="datetime64[ns, UTC]")
        local = naive.dt.tz_localize(self.zone, ambiguous="NaT", nonexistent="NaT")
        utc: pd.Series = local.dt.tz_convert("UTC")
        return utc

    def _a_time(self, told: str | Moment) -> str:
        if isinstance(told, Moment):
            return f"a time as the mapping's format {told.format} has it" + (
                "" if self.zone or "%z" in told.format else ", with a zone: the mapping says none"
            )
        if self.zone is None:
            return "a time with its zone, as 2024-03-01T00:00:00+08:00"
        return f"a time, as 2024-03-01 10:00:00 ({self.zone})"


def require_columns(
    frame: pd.DataFrame, wanted: Iterable[tuple[str, str]], where: str, remedy: str
) -> None:
    """BadInput for a column (ours, the lender's) that the file has not."""
    for ours, theirs in wanted:
        if theirs not in frame:
            there = ", ".join(map(str, list(frame)[:MOST_NAMED]))
            named = f", which the mapping names for {ours}" if theirs != ours else ""
            raise BadInput(
                f"there is no column {theirs!r}{named}",
                where=where,
                remedy=f"{remedy}; the file has: {there}",
            )


def _stripped(values: list[Any]) -> list[str]:
    return [
        one.strip() if isinstance(one, str) else "" if one is None or one != one else str(one)
        for one in values
    ]
