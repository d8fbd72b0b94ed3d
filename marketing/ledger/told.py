"""What campaigns told one customer and will tell them, and whether they may be told more.

The ledger is read; contacts and a yes or no go out. How many are too many is judged elsewhere.
"""

from __future__ import annotations

from typing import NamedTuple

from marketing.campaign.lanes import Lane
from marketing.ledger.customers import OPEN_COMPLAINT, OPTED_OUT
from marketing.ledger.file import Ledger
from marketing.ledger.stops import STILL_TO_SEND

_MAY_NOT = (
    "SELECT 1 FROM customers WHERE id = ?1 AND flags & ?2 "
    "UNION ALL SELECT 1 FROM restricted WHERE id = ?1"
)
_TOLD = (
    "SELECT opens_us FROM contacts WHERE customer = ? AND opens_us BETWEEN ? AND ? "
    "AND NOT failed AND lane != ? ORDER BY opens_us"
)
_AHEAD = (
    "SELECT campaign, number, offer, channel, opens_us, made_us FROM contacts AS one "
    "JOIN plans ON plans.id = one.plan "
    f"WHERE customer = :customer AND {STILL_TO_SEND} ORDER BY opens_us"
)


class Told(NamedTuple):
    """Of one customer."""

    contacts_us: list[int]
    """When each contact's window opened, in microseconds; neither ghosts nor those that failed."""
    stopped: bool
    """As `has_stopped` says."""


def told_to(ledger: Ledger, customer: int, since_us: int, now_us: int) -> Told:
    """What one customer was told between two times."""
    with ledger.reading() as db:
        rows = db.execute(_TOLD, (customer, since_us, now_us, int(Lane.HOLDOUT))).fetchall()
    return Told([at for (at,) in rows], has_stopped(ledger, customer))


def has_stopped(ledger: Ledger, customer: int) -> bool:
    """Whether one customer said stop, has a complaint open, or asked to be erased."""
    with ledger.reading() as db:
        found = db.execute(_MAY_NOT, (customer, OPTED_OUT | OPEN_COMPLAINT)).fetchone()
    return found is not None


class Planned(NamedTuple):
    """A contact that a plan has for one customer, still to be sent."""

    campaign: str
    number: int
    """Of the plan, within its campaign."""
    offer: str
    channel: str
    opens_us: int
    made_us: int
    """When it was planned."""


def planned_for(ledger: Ledger, customer: int, now_us: int) -> list[Planned]:
    """What is still to be sent to one customer, the next first."""
    with ledger.reading() as db:
        given = {"customer": customer, "ghost": int(Lane.HOLDOUT), "now": now_us}
        return [Planned(*row) for row in db.execute(_AHEAD, given)]
