"""Bills and what becomes of them: paid in time, late, in part or never; arrears, marks of delay.

In come accounts and a cycle, out go statements, repayments and overdue marks, and the accounts are
moved on. How likely each outcome is stands in `population.py`.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from finmodel.lender import population
from finmodel.lender.accounts import NEVER, Accounts, Flags
from finmodel.lender.calendar import DAY
from finmodel.lender.chance import Purpose, uniform
from finmodel.lender.delivery import Rows
from finmodel.records import Int64s

MARKS: Final = (1, 3, 7, 15, 30, 60, 90, 120, 150, 180)
"""Days past due at which an overdue event is told."""
PENALTY: Final = 0.0005
"""A day, on what is past due."""
STATED_BEFORE: Final = 7
_WAYS = np.array([b"auto_debit", b"app", b"transfer"])


def state(book: Accounts, cycle: int, bearing: Int64s, standing: Flags, rows: Rows) -> Int64s:
    """What each owes on the due day: the instalment, interest on what bore it, and arrears."""
    instalment = book.schedule[:, 0] + np.rint(bearing * book.apr_bp / 120_000).astype(np.int64)
    bill = np.where(standing, instalment + book.arrears, 0)
    book.balance -= np.where(bill > 0, book.schedule[:, 0], 0)
    at = np.flatnonzero(bill > 0)
    midnight = book.at(book.calendar.due(cycle, book.due_day[at]) + 1)
    fields = {
        "instalment_minor": instalment[at],
        "due_minor": bill[at],
        # Draws of this cycle may still lie ahead: no bill may tell them.
        "balance_minor": (bearing - book.schedule[:, 0])[at],
        "due_at": midnight,
    }
    stated = midnight - (STATED_BEFORE + 1) * DAY
    rows.add("loan.statement.v1", book.customers[at], stated, np.full_like(at, cycle), fields)
    return bill


def settle(book: Accounts, cycle: int, bill: Int64s, rows: Rows) -> None:
    """Each bill's outcome; who is behind cures all arrears or sinks."""
    due = book.calendar.due(cycle, book.due_day)
    first, second, third, when, how_much = (
        uniform(book.keys, Purpose.OUTCOME, 8 * cycle + turn) for turn in range(5)
    )
    month = book.calendar.month_of_year(cycle)
    behind = (bill > 0) & (book.missed > 0)
    current = (bill > 0) & ~behind
    usage = np.minimum((book.balance + bill) / np.maximum(book.limit, 1), 1.5)
    missing = current & (first < population.miss(book.who, usage, book.lates, month))
    part = current & ~missing & (second < population.part_payment(book.who))
    late = current & ~missing & ~part & (third < population.late_payment(book.who))
    prompt = current & ~missing & ~part & ~late
    cured = behind & (first < population.cure(book.who, book.missed))
    some = behind & ~cured & (second < population.SOME_OF_ARREARS)
    shifts = 1 + when * population.LATE_MOST, -when * 25, -np.maximum(when * 8 - 4, 0)
    paid_day = due + np.select([late, cured | some, prompt], shifts, 0).astype(np.int64)
    shares = 0.3 + 0.5 * how_much, 0.1 + 0.2 * how_much
    amount = np.maximum(np.rint(bill * np.select([part, some], shares, 1.0)).astype(np.int64), 1)
    _mark(book, cycle, (book.since, book.arrears, np.where(cured, paid_day, due)), rows)
    at = np.flatnonzero(prompt | part | late | cured | some)
    _receive(book, cycle, at, (paid_day[at], amount[at], (part | some)[at]), rows)
    # Whoever pays late passes marks after the due day: they are the next cycle's.
    _mark(book, cycle + 1, (np.where(late, due, NEVER), bill, paid_day), rows)
    sunk = missing | part | (behind & ~cured)
    left = np.where(sunk, bill - np.where(part | some, amount, 0), 0)
    book.arrears = np.where(bill > 0, left, book.arrears)
    book.since = np.where(missing | part, due, np.where(cured, NEVER, book.since))
    book.missed = np.where(cured, 0, book.missed + sunk)
    book.lates += late | missing | part
    book.clean = (bill == 0) | prompt


def _receive(
    book: Accounts, cycle: int, at: Int64s, paid: tuple[Int64s, Int64s, Flags], rows: Rows
) -> None:
    day, amount, partial = paid
    seconds = (7 + 16 * uniform(book.keys[at], Purpose.PAYMENT, 2 * cycle)) * 3600
    way = uniform(book.keys[at], Purpose.PAYMENT, 2 * cycle + 1)
    fields = {
        "channel": _WAYS[np.searchsorted(np.array([0.55, 0.9]), way)],
        "status": np.where(partial, b"partial", b"full"),
        "amount_minor": amount,
    }
    moment = book.at(day) + seconds.astype(np.int64)
    rows.add("loan.repayment.v1", book.customers[at], moment, np.full_like(at, cycle), fields)


def _mark(book: Accounts, cycle: int, delay: tuple[Int64s, Int64s, Int64s], rows: Rows) -> None:
    """Marks that a cycle passed, told at six in the morning, up to and on the last day."""
    since, amount, until = delay
    begin = book.calendar.due(cycle - 1, book.due_day) + 1
    owing = (since != NEVER) & (amount > 0)
    for nth, mark in enumerate(MARKS):
        day = since + mark
        at = np.flatnonzero(owing & (day >= begin) & (day <= until))
        book.worst[at, cycle] = mark
        owed = np.rint(amount[at] * (1 + PENALTY * mark)).astype(np.int64)
        fields = {"dpd": np.full_like(at, mark), "amount_minor": owed}
        number = np.full_like(at, cycle * len(MARKS) + nth)
        rows.add("loan.overdue.v1", book.customers[at], book.at(day[at], 6), number, fields)
