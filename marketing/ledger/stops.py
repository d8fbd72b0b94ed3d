"""Contacts and those who said stop meanwhile: what is still to be sent, what was sent all the same.

The ledger is read; contacts of a plan whose window is ahead go out, and a count. Who may no longer
be contacted is judged elsewhere (`eligibility`).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Set
from dataclasses import dataclass

from marketing.campaign.lanes import Lane
from marketing.ledger.customers import OPEN_COMPLAINT, OPTED_OUT
from marketing.ledger.file import Ledger

STILL_TO_SEND = (
    "lane != :ghost AND closes_us > :now AND (failed OR NOT EXISTS (SELECT 1 FROM receipts "
    "WHERE customer = one.customer AND kind = 'sent' AND opens_us = one.opens_us "
    "AND plan = one.plan))"
)
"""Of `contacts AS one`: its window has not closed, and it was not sent, or failed and may be sent
again. Not the holdout's ghosts, which nobody sends."""


@dataclass(frozen=True, slots=True)
class Ahead:
    """A contact that may still be sent."""

    customer: int
    opens_us: int
    closes_us: int
    offer: str
    channel: str


def contacts_ahead(ledger: Ledger, plan: int, now_us: int) -> list[Ahead]:
    """Contacts of a plan that are still to be sent, by customer and time."""
    told = (
        "SELECT customer, opens_us, closes_us, offer, channel FROM contacts AS one "
        f"WHERE plan = :plan AND {STILL_TO_SEND} ORDER BY customer, opens_us"
    )
    given = {"plan": plan, "ghost": int(Lane.HOLDOUT), "now": now_us}
    with ledger.reading() as db:
        return [Ahead(*row) for row in db.execute(told, given)]


def sent_after_stop(
    db: sqlite3.Connection, sent: Iterable[tuple[int, int]], stopped: Set[int]
) -> int:
    """How many were sent to who had said stop before.

    `sent` are customers and times of new receipts; of `stopped`, who is newly stopped, all that was
    ever sent counts.
    """
    told = "SELECT at_us FROM receipts WHERE customer = ? AND kind = 'sent'"
    earlier = [(one, at) for one in stopped for (at,) in db.execute(told, (one,))]
    later = [row for row in sent if row[0] not in stopped]
    return sum(at > _since(db, one, at) for one, at in earlier + later)


def _since(db: sqlite3.Connection, customer: int, never: int) -> int:
    """When a customer who may not be contacted said so; `never` for who may be.

    Of a stop that a customers' file brought it is known that it held when the file was taken in.
    """
    known = "SELECT flags, updated_us FROM customers WHERE id = ?"
    flags, updated_us = db.execute(known, (customer,)).fetchone()
    told = "SELECT min(at_us) FROM receipts WHERE customer = ? AND kind = ? AND at_us > ?"
    found = [never]
    for flag, kind, after in (
        (OPTED_OUT, "opted_out", -(2**63)),
        (OPEN_COMPLAINT, "complained", updated_us),  # those before may have been closed
    ):
        if flags & flag:
            first = db.execute(told, (customer, kind, after)).fetchone()[0]
            found.append(updated_us if first is None else first)
    return min(found)
