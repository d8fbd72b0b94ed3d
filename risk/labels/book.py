"""A lender's book: each account's first drawdown, bills, marks of delay and full repayments.

Columns of loan events come in (drawdowns, bills, repayments, marks, as `behaviours.py` has them),
arrays over accounts go out, with nothing that was not known by the book's end. An account is a
customer's: one bill for all loans. Pure; knows no recipe.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt

from finmodel.errors import BadInput
from finmodel.records import Int64s
from risk.labels.delays import FAR, Delays, Told, delays_as_known, delays_of, snapshots_of

Columns = Mapping[str, npt.NDArray[np.generic]]

DRAWN: Final = "loan.drawdown.v1"
BILLED: Final = "loan.statement.v1"
REPAID: Final = "loan.repayment.v1"
OVERDUE: Final = "loan.overdue.v1"
LOAN_TOPICS: Final = (DRAWN, BILLED, REPAID, OVERDUE)
"""What a book is made of."""


@dataclass(frozen=True, slots=True, eq=False)
class Owing:
    """What is owed, as drawdowns and bills tell it."""

    drawn: Told
    """Every drawdown."""
    balance_minor: Int64s
    """(len(billed),) principal that is left after each bill, without draws of its own cycle."""
    due_us: Int64s
    """(len(billed),) when each bill is overdue."""


@dataclass(frozen=True, eq=False)
class Book:
    """Accounts, by place, and what is known of them up to `known_to_us`."""

    ids: Int64s
    """(a,) customers, ascending."""
    opened: Told
    """(a,) each account's first drawdown."""
    first_due_us: Int64s
    """(a,) when its first bill was due; `FAR` where there was none yet."""
    billed: Told
    marks: Told
    days: Int64s
    """(len(marks),) days past due; of snapshots, (len(billed),)."""
    cleared: Told
    """Repayments that left nothing unpaid."""
    known_to_us: int
    of_snapshots: bool = False
    """Looked at now and then: `billed` is each look, and nothing is known between two."""
    owing: Owing | None = None
    """None of snapshots."""

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def last_look_us(self) -> Int64s:
        """(a,) when each account was looked at last; of events, never to end: silence tells too."""
        if not self.of_snapshots:
            return np.full(len(self), FAR)
        last = np.full(len(self), -1)
        np.maximum.at(last, self.billed.account, self.billed.at_us)
        return last

    @cached_property
    def delays(self) -> Delays:
        """As they were."""
        if self.of_snapshots:
            return snapshots_of(self.billed, self.days)
        return delays_of(self.marks, self.days, self.cleared)

    @cached_property
    def delays_as_known(self) -> Delays:
        """As the lender knew them at each time."""
        if self.of_snapshots:
            return self.delays
        return delays_as_known(self.marks, self.days, self.cleared)


def book_of(events: Mapping[str, Columns], known_to_us: int, where: str = "events") -> Book:
    """The book that events of `LOAN_TOPICS` make, without what was known later.

    Columns are those of the topics' types; times are datetime64 in UTC. BadInput without a loan.
    """
    drawn = _known(events.get(DRAWN, {}), known_to_us)
    if not len(drawn):
        raise BadInput("there is no drawdown", where=where, remedy="give events of loans")
    order = np.lexsort((drawn.known_us, drawn.at_us, drawn.account))
    ids, first = np.unique(drawn.account[order], return_index=True)
    opened = Told(np.arange(len(ids)), drawn.at_us[order][first], drawn.known_us[order][first])
    billed, due = _of_accounts(events.get(BILLED, {}), ids, known_to_us, "due_at")
    first_due = np.full(len(ids), FAR)
    np.minimum.at(first_due, billed.account, due)
    draws, _ = _of_accounts(events[DRAWN], ids, known_to_us, "occurred_at")
    _, balance = _of_accounts(events.get(BILLED, {}), ids, known_to_us, "balance_minor")
    paid, full = _of_accounts(events.get(REPAID, {}), ids, known_to_us, "status")
    marks, days = _of_accounts(events.get(OVERDUE, {}), ids, known_to_us, "dpd")
    return Book(
        ids=ids,
        opened=opened,
        first_due_us=first_due,
        billed=billed,
        marks=marks,
        days=days,
        cleared=paid.only(full == 1),
        known_to_us=known_to_us,
        owing=Owing(draws, balance, due),
    )


def _of_accounts(columns: Columns, ids: Int64s, known_to_us: int, name: str) -> tuple[Told, Int64s]:
    """What is told of accounts that there are, and one more column of it."""
    told, value = _told(columns), _numbers(columns, name)
    place = np.minimum(np.searchsorted(ids, told.account), len(ids) - 1)
    kept = (told.known_us <= known_to_us) & (ids[place] == told.account)
    return Told(place[kept], told.at_us[kept], told.known_us[kept]), value[kept]


def _known(columns: Columns, known_to_us: int) -> Told:
    told = _told(columns)
    return told.only(told.known_us <= known_to_us)


def _told(columns: Columns) -> Told:
    return Told(
        _numbers(columns, "customer_id"),
        _numbers(columns, "occurred_at"),
        _numbers(columns, "known_at"),
    )


def _numbers(columns: Columns, name: str) -> Int64s:
    """Microseconds of a time, 1 where a repayment is in full, else the number."""
    if name not in columns:
        return np.empty(0, np.int64)
    column = columns[name]
    if column.dtype.kind == "M":
        return column.astype("datetime64[us]").astype(np.int64)
    if column.dtype.kind in "SUO":
        full: Int64s = (column.astype("S") == b"full").astype(np.int64)
        return full
    return column.astype(np.int64)
