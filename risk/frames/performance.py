"""A table's own loans, followed in a file of days past due, as a book of snapshots.

A recipe with a table and a performance file comes in; a book goes out whose accounts are the
table's rows, in their order. What contradicts itself is refused with its row: two looks at one
loan on one day that differ, days below 0, a look long after all others, for it would end every
window. Loans of which nothing is told stay in, unfollowed.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from finmodel.errors import BadInput
from finmodel.months import Months
from finmodel.records import Int64s
from finmodel.table_columns import ids_of, times_of
from finmodel.table_files import read_table
from risk.labels.book import Book
from risk.labels.delays import DAY, FAR, Told
from risk.labels.rule import LabelRule, Performance
from risk.recipe import Recipe, Table

COMMON = 0.01
"""Part of the busiest month's looks from which a month is one in which loans were looked at."""
YEAR = 12


def book_of_table(recipe: Recipe, rule: LabelRule) -> Book:
    """The book of a recipe's table, read anew."""
    table = recipe.source.table
    assert table is not None
    path = recipe.folder / table.path
    frame = read_table(path, (table.entity,), table.separator, table.encoding)
    return book_of_rows(recipe, rule, frame)


def book_of_rows(recipe: Recipe, rule: LabelRule, frame: pd.DataFrame) -> Book:
    """Each row an account that opens at its time; what was seen of it comes from the file."""
    table, told = recipe.source.table, rule.performance
    assert table is not None
    assert told is not None
    ids, at_us = _rows(recipe, table, frame)
    seen, days, where = _seen(recipe, told, ids)
    if not len(seen):
        raise BadInput(
            f"no {told.entity!r} of it stands in the table", where=where, remedy="give the same ids"
        )
    accounts = np.arange(len(ids))
    return Book(
        ids=accounts,
        opened=Told(accounts, at_us, at_us),
        first_due_us=np.full(len(ids), FAR),
        billed=seen,
        marks=seen.only(days > 0),
        days=days,
        cleared=seen.only(days == 0),
        # A look is settled when it is written: the rule waits for nothing more.
        known_to_us=int(seen.at_us.max()) + 1 + rule.settle_days * DAY,
        of_snapshots=True,
    )


def _rows(
    recipe: Recipe, table: Table, frame: pd.DataFrame
) -> tuple[npt.NDArray[np.generic], Int64s]:
    where = str(recipe.folder / table.path)
    assert table.time is not None
    _require(frame, (table.entity, table.time), where)
    times = times_of(frame, table.time, where)
    return ids_of(frame, table.entity, where), times.astype("datetime64[us]").astype(np.int64)


def _seen(
    recipe: Recipe, told: Performance, ids: npt.NDArray[np.generic]
) -> tuple[Told, Int64s, str]:
    """Looks at the table's loans, each at its day's end, and their days past due."""
    path = recipe.folder / told.path
    where = str(path)
    frame = read_table(path, (told.entity,), told.separator, told.encoding)
    _require(frame, (told.entity, told.time, told.dpd), where)
    names = ids_of(frame, told.entity, where, once=False)
    at_us = times_of(frame, told.time, where).astype("datetime64[us]").astype(np.int64)
    at_us = at_us // DAY * DAY + DAY - 1
    _require_no_stray(Months("UTC").of(at_us), frame[told.time], where)
    days = _days(frame[told.dpd], where)
    account = pd.Index(ids).get_indexer(pd.Index(names)).astype(np.int64)
    _require_agreed(account, at_us, days, f"{where}: column {told.dpd!r}")
    ours = account >= 0
    seen = Told(account[ours], at_us[ours], at_us[ours])
    return seen, days[ours], where


def _require_no_stray(month: Int64s, times: pd.Series, where: str) -> None:
    """The last look is no further from the others than they are apart, and two months at least.

    A mistyped year would end every loan's window, and so would a 2099-12-31 that means 'open'.
    """
    months, looks = np.unique(month, return_counts=True)
    before = months[:-1][looks[:-1] >= COMMON * looks.max()]
    if not before.size:
        return
    usual = int(np.diff(before).max()) if before.size > 1 else YEAR
    if months[-1] > before[-1] + usual + 1:
        row = int(month.argmax())
        raise BadInput(
            f"{str(times.iloc[row])[:40]!r} is {months[-1] - before[-1]} months after other looks",
            where=f"{where}: column {times.name!r}, row {int(times.index[row]) + 1}",
            remedy="correct the date, or take the row out",
        )


def _days(column: pd.Series, where: str) -> Int64s:
    number = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    wrong = np.flatnonzero(~((number >= 0) & (number == np.floor(number)) & (number < 1e5)))
    if wrong.size:
        raise BadInput(
            f"{str(column.iloc[wrong[0]])[:40]!r} is no number of days",
            where=f"{where}: column {column.name!r}, row {int(column.index[wrong[0]]) + 1}",
            remedy="write whole days past due, 0 where nothing is",
        )
    return number.astype(np.int64)


def _require_agreed(account: Int64s, at_us: Int64s, days: Int64s, where: str) -> None:
    order = np.lexsort((days, at_us, account))
    account, at_us, days = account[order], at_us[order], days[order]
    twice = (account[1:] == account[:-1]) & (at_us[1:] == at_us[:-1]) & (account[1:] >= 0)
    wrong = np.flatnonzero(twice & (days[1:] != days[:-1]))
    if wrong.size:
        first = int(wrong[0])
        raise BadInput(
            f"a loan is {days[first]} and {days[first + 1]} days past due on one day",
            where=f"{where}, row {int(order[first + 1]) + 1}",
            remedy="keep the one that holds",
        )


def _require(frame: pd.DataFrame, names: tuple[str, ...], where: str) -> None:
    for name in names:
        if name not in frame:
            raise BadInput(f"there is no column {name!r}", where=where, remedy="name another")
