"""Whether a contact failed, read from all its receipts in whatever order they were told.

The ledger's open transaction comes in, and what its contacts say of themselves is mended there: of
one contact as a receipt of it is kept, of all that failed where a file was kept by another rule.
"""

from __future__ import annotations

import sqlite3
from typing import Final

_AGAIN: Final = """
UPDATE contacts SET failed = (
    SELECT coalesce(sum(kind IN ('delivered', 'answered')), 0) = 0 AND coalesce(
        max(CASE kind WHEN 'failed' THEN at_us END)
        >= coalesce(max(CASE kind WHEN 'sent' THEN at_us END), -9e18), 0)
    FROM receipts AS told WHERE told.customer = contacts.customer
        AND told.opens_us = contacts.opens_us AND told.plan = contacts.plan)
"""
"""It failed where it never reached anybody, and was not sent again after it failed last."""


def judge_one(
    db: sqlite3.Connection, contact: tuple[int, int | None, int | None], kind: str
) -> None:
    """Judge a contact (customer, opening, plan) again: a receipt of this kind is new."""
    one = "customer = ? AND opens_us = ? AND plan = ? AND (failed OR ? = 'failed')"
    db.execute(f"{_AGAIN} WHERE {one}", (*contact, kind))


def judge_all(db: sqlite3.Connection) -> None:
    """Judge again whatever is held to have failed."""
    db.execute(f"{_AGAIN} WHERE failed")
