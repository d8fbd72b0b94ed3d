"""What became of contacts, as whoever sends them tells it: each receipt counts once, by its id.

Rows of receipts come in; those that hold are kept, the others told with their reason. An opt-out
stops the customer for good, a complaint until it is closed, and a contact that failed counts for no
cap. The same file twice changes nothing.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

from finmodel.errors import BadInput
from marketing.ledger.contacts import parts_of
from marketing.ledger.customers import OPEN_COMPLAINT, OPTED_OUT
from marketing.ledger.file import Ledger

Kind = Literal["sent", "delivered", "failed", "answered", "opted_out", "complained"]
KINDS: tuple[str, ...] = get_args(Kind)
OF_THE_CUSTOMER = frozenset({"opted_out", "complained"})
"""May be told with no contact: a customer may ask at any time."""
_FLAG = {"opted_out": OPTED_OUT, "complained": OPEN_COMPLAINT}


@dataclass(frozen=True, slots=True)
class Receipt:
    """One row of a file; texts as they stood in it."""

    event_id: str
    contact_id: str
    customer_id: str
    """Only where there is no contact."""
    kind: str
    at_us: int | None
    """None where it is no time."""


@dataclass(slots=True)
class Recorded:
    """What was done with a file."""

    rows: int
    new: int = 0
    known: int = 0
    """Rows that were kept before, the very same."""
    opted_out: int = 0
    """Customers who were not yet."""
    sent_outside_window: int = 0
    """Contacts that were sent before or after their window: quiet hours may be broken."""
    refused: dict[int, str] = field(default_factory=dict)
    """Rows that are not used, and why."""


def record(ledger: Ledger, told: Sequence[Receipt], now_us: int) -> Recorded:
    """Keep receipts, in one transaction."""
    done = Recorded(len(told))
    with ledger.writing() as db:
        for row, one in enumerate(told):
            try:
                _take(db, one, now_us, done)
            except BadInput as refusal:
                done.refused[row] = refusal.what
    return done


def counts_of(ledger: Ledger, plan: int) -> dict[tuple[str, str, str], int]:
    """Contacts of a plan by offer, channel and kind of receipt, each contact once a kind."""
    told = (
        "SELECT offer, channel, kind, count(DISTINCT contacts.customer) FROM receipts "
        "JOIN contacts USING (customer, opens_us, plan) WHERE plan = ? GROUP BY 1, 2, 3"
    )
    with ledger.reading() as db:
        return {(o, c, k): count for o, c, k, count in db.execute(told, (plan,))}


def _take(db: sqlite3.Connection, one: Receipt, now_us: int, done: Recorded) -> None:
    """Keep one; BadInput where it does not hold."""
    at_us = _checked(one, now_us)
    plan, customer, opens_us = _whose(db, one)
    row = one.event_id, plan, customer, opens_us, one.kind, at_us
    before = db.execute("SELECT * FROM receipts WHERE event_id = ?", row[:1]).fetchone()
    if before is not None:
        if before != row:
            raise BadInput("another receipt with this event_id is known, and says otherwise")
        done.known += 1
        return
    db.execute("INSERT INTO receipts VALUES (?, ?, ?, ?, ?, ?)", row)
    done.new += 1
    _act(db, one.kind, (customer, opens_us, plan), at_us, done)


def _checked(one: Receipt, now_us: int) -> int:
    if not 0 < len(one.event_id) <= 128:
        raise BadInput("it has no event_id of up to 128 characters")
    if one.kind not in KINDS:
        raise BadInput(f"{one.kind!r} is no kind of receipt: {', '.join(KINDS)}")
    if one.at_us is None:
        raise BadInput("its time is not ISO 8601 with a zone")
    if one.at_us > now_us:
        raise BadInput("it is later than now")
    return one.at_us


def _whose(db: sqlite3.Connection, one: Receipt) -> tuple[int | None, int, int | None]:
    """Plan, customer and opening of its contact; of the customer alone, neither of the others."""
    if one.contact_id:
        plan, customer, opens_us = parts_of(one.contact_id)
        key = customer, opens_us, plan
        told = "SELECT 1 FROM contacts WHERE customer = ? AND opens_us = ? AND plan = ?"
        if max(key) >= 2**63 or db.execute(told, key).fetchone() is None:
            raise BadInput(f"no contact {one.contact_id} was ever planned")
        return plan, customer, opens_us
    if one.kind not in OF_THE_CUSTOMER or not one.customer_id.isascii():
        raise BadInput("it names no contact_id")
    known = one.customer_id.isdigit() and len(one.customer_id) < 19
    told = "SELECT 1 FROM customers WHERE id = ?"
    if not known or db.execute(told, (int(one.customer_id),)).fetchone() is None:
        raise BadInput(f"customer {one.customer_id!r} is not in the ledger")
    return None, int(one.customer_id), None


def _act(
    db: sqlite3.Connection,
    kind: str,
    key: tuple[int, int | None, int | None],
    at_us: int,
    done: Recorded,
) -> None:
    if kind in _FLAG:
        flag = _FLAG[kind]
        told = "UPDATE customers SET flags = flags | ? WHERE id = ? AND NOT flags & ?"
        changed = db.execute(told, (flag, key[0], flag)).rowcount
        done.opted_out += changed if kind == "opted_out" else 0
    elif kind == "failed":
        told = "UPDATE contacts SET failed = 1 WHERE customer = ? AND opens_us = ? AND plan = ?"
        db.execute(told, key)
    elif kind == "sent":
        told = "SELECT closes_us FROM contacts WHERE customer = ? AND opens_us = ? AND plan = ?"
        closes_us = db.execute(told, key).fetchone()[0]
        done.sent_outside_window += not (key[1] or 0) <= at_us <= closes_us
