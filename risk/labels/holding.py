"""Who holds a loan at a time: somebody still owes, by what the lender knew then.

A book and a time for each account come in, a yes or no for each goes out. A bill tells what is left
after it, but not what was drawn in its own cycle; once nothing is left, the last bill is owed until
it is paid in full, or its day is over and no delay is known. Pure arithmetic.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from finmodel.records import Int64s
from risk.labels.book import Book
from risk.labels.delays import DAY, Told

CYCLE_DAYS = 31
"""From one due day to the next, at most."""
_NEVER = -(2**62)


def holds(book: Book, account: Int64s, at_us: Int64s) -> npt.NDArray[np.bool_]:
    """(n,) whether each of some accounts, each once, owes at its time; a book of events only."""
    owing = book.owing
    if owing is None:
        raise ValueError("a book of snapshots tells no balance")
    asked = np.full(len(book), _NEVER)
    asked[account] = at_us
    bill = _last(book.billed, asked)[account]
    drawn = _when(owing.drawn, _last(owing.drawn, asked)[account])
    paid = _when(book.cleared, _last(book.cleared, asked)[account])
    billed, due = _when(book.billed, bill), _told(owing.due_us, bill)
    left = _told(owing.balance_minor, bill) > 0
    untold = drawn > np.maximum(due - CYCLE_DAYS * DAY, _NEVER)
    open_bill = (at_us < due + DAY) & (paid < billed)
    late = book.delays_as_known.at(account, at_us) > 0
    held: npt.NDArray[np.bool_] = left | untold | open_bill | late
    return held


def _last(told: Told, asked: Int64s) -> Int64s:
    """(a,) the place of what happened last of all that was known at each account's time; or -1."""
    order = np.argsort(told.at_us, kind="stable")
    order = order[told.known_us[order] <= asked[told.account[order]]]
    found = np.full(len(asked), -1)
    found[told.account[order]] = order  # of several, the last one stays
    return found


def _when(told: Told, place: Int64s) -> Int64s:
    """(n,) when it happened."""
    return _told(told.at_us, place)


def _told(values: Int64s, place: Int64s) -> Int64s:
    """(n,) what stands at a place; far below 0 where there is none."""
    return np.append(values, _NEVER)[place]
