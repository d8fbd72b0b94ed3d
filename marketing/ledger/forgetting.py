"""Customers who asked to be erased, in the ledger: left out of all marketing, counted, removed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime

from finmodel.clock import china_day
from finmodel.retention import Found, Kind
from marketing.ledger.file import Ledger

STORE = "contacts"
_TABLES = {"customers": "id", "restricted": "id", "contacts": "customer", "receipts": "customer"}
"""Each with the column of its customers."""

_LAST = """
SELECT max(us) FROM (SELECT opens_us AS us FROM contacts WHERE customer = :id
                     UNION ALL SELECT at_us FROM receipts WHERE customer = :id)
"""


def restrict(ledger: Ledger, customers: Iterable[int]) -> int:
    """Offer these nothing from now on, by no campaign; how many are new. No file takes it back."""
    with ledger.writing() as db:
        told = "INSERT OR IGNORE INTO restricted VALUES (?)"
        return sum(db.execute(told, (one,)).rowcount for one in customers)


def held_in_ledger(ledger: Ledger, customer: int) -> Found:
    """A customer's standing, contacts and receipts."""
    with ledger.reading() as db:
        asked = (
            f"SELECT count(*) FROM {table} WHERE {column} = ?" for table, column in _TABLES.items()
        )
        count = sum(db.execute(one, (customer,)).fetchone()[0] for one in asked)
        return Found(STORE, count, _newest(db.execute(_LAST, {"id": customer}).fetchone()[0]))


def _newest(last_us: int | None) -> dict[Kind, date]:
    """The day of the last contact or receipt; nothing of who only stands there."""
    if last_us is None:
        return {}
    return {"contacts": china_day(datetime.fromtimestamp(last_us / 1_000_000, UTC))}


def forget_in_ledger(ledger: Ledger, customer: int) -> int:
    """Remove them; how many rows. Plans and limits then count a contact less."""
    with ledger.writing() as db:
        gone = sum(
            db.execute(f"DELETE FROM {table} WHERE {column} = ?", (customer,)).rowcount
            for table, column in _TABLES.items()
        )
    ledger.tidy()
    return gone
