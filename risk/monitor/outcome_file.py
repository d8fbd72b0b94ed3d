"""A lender's file of outcomes, row by row: what can be read of it, and why the rest cannot.

A data frame of an application's id, when it was seen (or how many months on book), and bad or dpd
(fpd beside them) comes in, by our names or by a mapping; columns and refusals by row go out. A
fault of one row never hides the others; a missing column is BadInput.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from finmodel.errors import BadInput
from finmodel.outcomes import UNKNOWN
from finmodel.records import Int64s
from risk.brought.mapping import OUR_OUTCOMES, Dpd, Goods, OutcomeColumns, column_of
from risk.brought.values import Rows, require_columns

MOST_DAYS: Final = 10_000
MOST_MONTHS: Final = 600


@dataclass(frozen=True, slots=True, eq=False)
class Read:
    """n rows as they could be read; where a row is refused its values mean nothing."""

    application_id: list[str]
    observed_us: Int64s
    """When it was seen; of rows that say months on book, nothing."""
    bad: npt.NDArray[np.int8]
    dpd: npt.NDArray[np.int32]
    fpd: npt.NDArray[np.int32]
    refused: dict[int, str]
    months: npt.NDArray[np.int32] | None = None
    """Months on book at whose end it was seen; None where times are told."""


def text_of(told: OutcomeColumns) -> tuple[str, ...]:
    """The lender's columns that are to be read as text."""
    named = [told.application_id] + [
        column_of(one)
        for one in (told.observed_at, told.bad, told.dpd)
        if one is not None and (one is told.observed_at or not isinstance(one, str))
    ]
    if isinstance(told.dpd, Dpd) and told.dpd.values is None:
        named.remove(told.dpd.column)
    return tuple(named)


def read_outcomes(
    frame: pd.DataFrame, where: str, told: OutcomeColumns = OUR_OUTCOMES, zone: str | None = None
) -> Read:
    """Each row's values, or why it has none."""
    _require_columns(frame, where, told)
    rows = Rows(frame, zone)
    texts = rows.ids(told.application_id, "application_id")
    observed, months = np.zeros(len(frame), np.int64), None
    if told.observed_at is not None:
        observed = rows.times(told.observed_at, "observed_at")
    elif told.months_on_book is not None:
        months = _days(rows, told.months_on_book, "months_on_book", MOST_MONTHS)
        rows.refuse(months == UNKNOWN, "it does not say its months on book")
    dpd = _dpd(rows, told.dpd)
    bad = _bad(rows, told, dpd)
    fpd = _days(rows, told.fpd, "fpd", MOST_DAYS)
    nothing = (bad == UNKNOWN) & (dpd == UNKNOWN) & (fpd == UNKNOWN)
    rows.refuse(nothing, "it says neither bad nor dpd nor fpd")
    return Read(texts, observed, bad.astype(np.int8), dpd, fpd, rows.refused, months)


def _require_columns(frame: pd.DataFrame, where: str, told: OutcomeColumns) -> None:
    ours = told is OUR_OUTCOMES
    names = ("application_id", "observed_at") if ours else told.__struct_fields__
    named = ((name, getattr(told, name)) for name in names)
    wanted = [(name, column_of(one)) for name, one in named if one is not None]
    remedy = "give it" if ours else "mend the mapping, or give the column"
    require_columns(frame, wanted, where, remedy)
    if ours and not {"bad", "dpd"} & set(frame):
        raise BadInput(
            "there is neither a column 'bad' nor 'dpd'",
            where=where,
            remedy="give bad (1 or 0) or dpd (days past due)",
        )


def _bad(rows: Rows, told: OutcomeColumns, dpd: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """(n,) 1, 0 or UNKNOWN: as the lender says, else by its own limit of days."""
    if isinstance(told.bad, Goods):
        column = told.bad.column
        meant: dict[str, int] = {"": UNKNOWN, **told.bad.values}
        return _meant(*rows.words(column, meant, "bad"))
    bad = _days(rows, told.bad, "bad", 1)
    if isinstance(told.dpd, Dpd) and told.dpd.bad_from is not None:
        bad = np.where((bad == UNKNOWN) & (dpd >= told.dpd.bad_from), 1, bad).astype(np.int32)
    return bad


def _meant(codes: Int64s, words: list[int | None]) -> npt.NDArray[np.int32]:
    return np.array([UNKNOWN if one is None else one for one in words], np.int32)[codes]


def _dpd(rows: Rows, told: str | Dpd | None) -> npt.NDArray[np.int32]:
    if isinstance(told, Dpd) and told.values is not None:
        meant = {"": UNKNOWN, **told.values}
        return _meant(*rows.words(told.column, meant, "dpd"))
    return _days(rows, None if told is None else column_of(told), "dpd", MOST_DAYS)


def _days(rows: Rows, column: str | None, name: str, most: int) -> npt.NDArray[np.int32]:
    """(n,) whole numbers from 0 to `most`; UNKNOWN where empty."""
    if column is None or column not in rows.frame:
        return np.full(len(rows.frame), UNKNOWN, np.int32)
    what = "months" if most == MOST_MONTHS else "days"
    says = "0 or 1" if most == 1 else f"a whole number of {what} from 0 to {most}"
    value = rows.numbers(column, name, (0, most), says)
    rows.refuse(~np.isnan(value) & (value != np.floor(value)), f"{name} is not {says}")
    return np.where(np.isnan(value), UNKNOWN, value).astype(np.int32)
