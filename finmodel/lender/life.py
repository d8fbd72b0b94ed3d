"""A chunk of customers, lived from due day to due day: applications, draws, bills, messages.

In come accounts, out go rows of what happened and the truth behind it. A customer has one due day
a month and one bill for all loans; dpd counts from the oldest bill that is not paid. A cycle's
events all lie after the due day before it, so that cycles can be told one after the other.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from finmodel.lender import bills, population
from finmodel.lender.accounts import CLOSED_AFTER, TERMS, Accounts, Flags
from finmodel.lender.activity import Visitors
from finmodel.lender.calendar import DAY
from finmodel.lender.campaign import Responses, offer
from finmodel.lender.chance import Purpose, uniform
from finmodel.lender.delivery import Rows
from finmodel.records import Int64s

LEAST_DRAW: Final = 50_000
REMINDED: Final = 0.8
_DEVICES = np.array([b"app", b"mini_program", b"partner", b"web"])
_DEVICES_CUT = np.array([0.6, 0.8, 0.95])


def visitors(book: Accounts) -> Visitors:
    """The same customers as the app sees them: they come some days before they apply."""
    before = (10 * uniform(book.keys, Purpose.ARRIVAL, 4)).astype(np.int64)
    declined = np.where(book.approved, book.calendar.days, book.applied_day + 1)
    installed = book.applied_day - before
    return Visitors(book.customers, book.keys, book.who, book.pay_group, installed, declined)


def live(book: Accounts, cycle: int, rows: Rows) -> Responses:
    """One cycle, from the day after one due day to the next; how its campaign did."""
    first = book.calendar.due(cycle - 1, book.due_day) + 1
    due = book.calendar.due(cycle, book.due_day)
    entering = (book.applied_day >= first) & (book.applied_day <= due)
    known = book.applied_day < first
    standing = known & book.approved & (book.missed < CLOSED_AFTER)
    bearing = book.balance.copy()
    _apply(book, np.flatnonzero(entering), rows)
    responses = _draw(book, cycle, (entering & book.approved, standing), rows)
    _talk(book, cycle, np.flatnonzero(known), rows)
    bill = bills.state(book, cycle, bearing, standing, rows)
    _remind(book, cycle, np.flatnonzero(bill > 0), rows)
    bills.settle(book, cycle, bill, rows)
    book.schedule[:, :-1] = book.schedule[:, 1:]
    book.schedule[:, -1] = 0
    return responses


def _apply(book: Accounts, at: Int64s, rows: Rows) -> None:
    who, keys, limit = book.customers[at], book.keys[at], book.limit[at]
    asked = np.rint(20 + 400 * uniform(keys, Purpose.APPLICATION, 0) ** 2).astype(np.int64)
    device = np.searchsorted(_DEVICES_CUT, uniform(keys, Purpose.APPLICATION, 1))
    product = uniform(keys, Purpose.APPLICATION, 2) < 0.7
    shared = {
        "product": np.where(product, b"cash_loan", b"instalment"),
        "channel": _DEVICES[device],
        "requested_minor": asked * 10_000,
    }
    sent = {"status": np.full(len(at), b"submitted"), "limit_minor": np.zeros_like(limit)}
    verdict = np.where(book.approved[at], b"approved", b"declined")
    decided = {"status": verdict, "limit_minor": limit}
    number = np.zeros_like(at)
    rows.add("loan.application.v1", who, book.applied[at], number, shared | sent)
    rows.add("loan.application.v1", who, book.decided[at], number + 1, shared | decided)


def _draw(book: Accounts, cycle: int, new: tuple[Flags, Flags], rows: Rows) -> Responses:
    """Who was approved in this cycle may draw at once; who is in good standing, in any cycle."""
    entered, standing = new
    chance = uniform(book.keys, Purpose.DRAW, cycle)
    may = np.flatnonzero(standing & book.clean & (book.free >= LEAST_DRAW))
    responses = offer(book, cycle, may, chance[may], rows)
    now = np.flatnonzero(entered & (chance < population.first_drawdown(book.who)))
    pause = 600 + 172_800 * uniform(book.keys[now], Purpose.DRAW_TERMS, 4 * cycle)
    end = book.at(book.calendar.due(cycle, book.due_day[now]) + 1) - 1
    at_once = np.minimum(book.decided[now] + pause.astype(np.int64), end)
    at = np.concatenate([may[responses.drew], now])
    _pay_out(book, cycle, at, np.concatenate([responses.drawn_at, at_once]), rows)
    return responses


def _pay_out(book: Accounts, cycle: int, at: Int64s, moment: Int64s, rows: Rows) -> None:
    keys = book.keys[at]
    share = 0.3 + 0.7 * uniform(keys, Purpose.DRAW_TERMS, 4 * cycle + 1)
    amount = (share * book.free[at]).astype(np.int64) // 10_000 * 10_000
    amount = np.maximum(amount, LEAST_DRAW)
    dice = uniform(keys, Purpose.DRAW_TERMS, 4 * cycle + 2)
    term = TERMS[np.searchsorted(np.array([0.3, 0.6]), dice)]
    for months in TERMS.tolist():
        some, owed = at[term == months], amount[term == months]
        book.schedule[some, 1 : months + 1] += (owed // months)[:, None]
        book.schedule[some, 1] += owed % months
    book.balance[at] += amount
    fresh = book.loans[at] == 0
    book.loans[at] += 1
    book.first_cycle[at[fresh]] = cycle
    book.first_drawn_day[at[fresh]] = (moment[fresh] - book.calendar.begin) // DAY
    product = uniform(keys, Purpose.DRAW_TERMS, 4 * cycle + 3) < 0.75
    fields = {
        "product": np.where(product, b"cash_loan", b"instalment"),
        "loan_number": book.loans[at],
        "amount_minor": amount,
        "term_months": term,
        "apr_bp": book.apr_bp[at],
    }
    rows.add("loan.drawdown.v1", book.customers[at], moment, np.full_like(at, cycle), fields)


def _remind(book: Accounts, cycle: int, billed: Int64s, rows: Rows) -> None:
    at = billed[uniform(book.keys[billed], Purpose.MESSAGE, 4 * cycle) < REMINDED]
    noon = book.at(book.calendar.due(cycle, book.due_day[at]) - 2, 12)
    _say(book, (at, noon, np.full_like(at, cycle * 4)), (b"outbound", b"sms"), rows)


def _talk(book: Accounts, cycle: int, known: Int64s, rows: Rows) -> None:
    """A customer writes, and is answered within half an hour."""
    dice = uniform(book.keys[known], Purpose.MESSAGE, 4 * cycle + 1)
    at = known[dice < population.complaint(book.who)[known]]
    keys = book.keys[at]
    first = book.at(book.calendar.due(cycle - 1, book.due_day[at]) + 1)
    when = uniform(keys, Purpose.MESSAGE, 4 * cycle + 2)
    wrote = first + (when * 27 * DAY).astype(np.int64)
    wait = 60 + 1_740 * uniform(keys, Purpose.MESSAGE, 4 * cycle + 3)
    number = np.full_like(at, cycle * 4 + 1)
    _say(book, (at, wrote, number), (b"inbound", b"chat"), rows)
    answered = wrote + wait.astype(np.int64)
    _say(book, (at, answered, number + 1), (b"outbound", b"chat"), rows)


def _say(
    book: Accounts, what: tuple[Int64s, Int64s, Int64s], how: tuple[bytes, bytes], rows: Rows
) -> None:
    at, moment, number = what
    dice = uniform(book.keys[at], Purpose.MESSAGE, 1_000_000 + number)
    fields = {
        "direction": np.full(len(at), how[0]),
        "channel": np.full(len(at), how[1]),
        "length": 4 + (-40 * np.log(dice)).astype(np.int64),
    }
    rows.add("service.message.v1", book.customers[at], moment, number, fields)
