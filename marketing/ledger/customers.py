"""How customers stand, in the ledger: taken in as columns, and given back as columns.

An opt-out that the ledger has seen stays for good: no file takes it back. What is not in the ledger
is not known, and nobody unknown is contacted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from finmodel.errors import NotFound
from finmodel.records import Int64s
from marketing.campaign.lanes import Flags
from marketing.campaign.recipe import CHANNELS
from marketing.campaign.standing import NEVER, Standing
from marketing.ledger.file import Ledger

_BITS = ("consent", "personalised", "opted_out", "open_complaint", "overdue", "student")
"""Places of the bits, the lowest first; then one for each channel that is consented to."""
OPTED_OUT, OPEN_COMPLAINT = 1 << _BITS.index("opted_out"), 1 << _BITS.index("open_complaint")
_STANDING = (
    "SELECT customers.id, flags, declined_us, restricted.id IS NOT NULL "
    "FROM customers LEFT JOIN restricted ON restricted.id = customers.id"
)
FEW = 200
"""Up to so many are asked for one by one; for more the whole table is read."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What was done with customers' standings."""

    customers: int
    new: int
    changed: int
    opt_outs_kept: int
    """Customers whose opt-out the file would have taken back."""


def take_in(ledger: Ledger, told: Standing, now_us: int) -> Taken:
    """Keep standings, in place of those before."""
    flags = _flags_of(told)
    declined = [None if one == NEVER else one for one in told.declined_us.tolist()]
    with ledger.writing() as db:
        known = db.execute("SELECT id, flags, declined_us FROM customers")
        before = {row[0]: row[1:] for row in known}
        rows = [before.get(one, (-1, None)) for one in told.customer.tolist()]
        was = np.array([row[0] for row in rows], np.int64)
        kept = (was >= 0) & (was & OPTED_OUT != 0) & (flags & OPTED_OUT == 0)
        flags = np.where(kept, flags | OPTED_OUT, flags)
        db.executemany(
            "INSERT INTO customers VALUES (?, ?, ?, ?) ON CONFLICT(id) DO UPDATE SET "
            "flags = excluded.flags, declined_us = excluded.declined_us, "
            "updated_us = excluded.updated_us",
            zip(
                told.customer.tolist(),
                flags.tolist(),
                declined,
                [now_us] * len(told),
                strict=True,
            ),
        )
    others = np.array([a != b[1] for a, b in zip(declined, rows, strict=True)], bool)
    return Taken(
        customers=len(told),
        new=int((was < 0).sum()),
        changed=int(((was >= 0) & ((was != flags) | others)).sum()),
        opt_outs_kept=int(kept.sum()),
    )


def standing_of(ledger: Ledger, customers: Int64s | None = None) -> Standing:
    """How these customers stand, or all; NotFound for who is not in the ledger."""
    with ledger.reading() as db:
        if customers is not None and len(customers) <= FEW:
            rows = [
                row
                for one in customers.tolist()
                for row in db.execute(f"{_STANDING} WHERE customers.id = ?", (one,))
            ]
        else:
            rows = db.execute(f"{_STANDING} ORDER BY customers.id").fetchall()
    found = _standing(rows)
    return found if customers is None else _in_order(found, customers)


def known_in(ledger: Ledger, customers: Sequence[int]) -> set[int]:
    """Which of some customers the ledger knows."""
    told = "SELECT id FROM customers WHERE id = ?"
    with ledger.reading() as db:
        return {one for one in customers if db.execute(told, (one,)).fetchone()}


def _in_order(found: Standing, customers: Int64s) -> Standing:
    order = np.argsort(found.customer, kind="stable")
    place = np.searchsorted(found.customer, customers, sorter=order)
    rows = order[place.clip(max=max(len(order) - 1, 0))] if len(order) else np.empty(0, np.int64)
    known = found.customer[rows] == customers if len(order) else np.zeros(len(customers), bool)
    if not known.all():
        strangers = customers[~known]
        shown = ", ".join(str(one) for one in strangers[:3].tolist())
        raise NotFound(
            f"{len(strangers):,} of {len(customers):,} are not in the ledger, as {shown}",
            where="customers",
            remedy="say how they stand first: finmodel campaign customers FILE",
        )
    return Standing(
        found.customer[rows],
        *(getattr(found, name)[rows] for name in Standing.__slots__[1:]),
    )


def _flags_of(told: Standing) -> Int64s:
    flags = np.zeros(len(told), np.int64)
    for place, name in enumerate(_BITS):
        flags |= getattr(told, name).astype(np.int64) << place
    for place in range(len(CHANNELS)):
        flags |= told.channels[:, place].astype(np.int64) << (len(_BITS) + place)
    return flags


def _standing(rows: list[tuple[int, int, int | None, int]]) -> Standing:
    ids, flags, declined, restricted = zip(*rows, strict=True) if rows else ((), (), (), ())
    bits = np.array(flags, np.int64)

    def bit(place: int) -> Flags:
        found: Flags = (bits >> place & 1).astype(bool)
        return found

    named = {name: bit(place) for place, name in enumerate(_BITS)}
    ways = [bit(len(_BITS) + place) for place in range(len(CHANNELS))]
    return Standing(
        customer=np.array(ids, np.int64),
        channels=np.stack(ways, axis=1),
        declined_us=np.array([NEVER if one is None else one for one in declined], np.int64),
        restricted=np.array(restricted, bool),
        **named,
    )
