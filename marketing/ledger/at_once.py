"""Offers made at once, in the ledger: each within the caps of its customer and what is left.

Offers with what they use come in; one transaction looks at caps and limits again and keeps both the
contacts and what they use up. Knows no rule of eligibility.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from marketing.campaign.recipe import Cap
from marketing.ledger.contacts import DAY_US, SECOND_US, contact_id
from marketing.ledger.file import Ledger


@dataclass(frozen=True, slots=True)
class Made:
    """One offer made to one customer at once."""

    plan: int
    customer: int
    at_us: int
    until_us: int
    offer: str
    channel: str
    propensity: float
    lane: int
    cost_minor: float = 0.0

    @property
    def uses(self) -> dict[str, float]:
        """What it uses of the limits that have its names."""
        return {"budget": self.cost_minor, self.offer: 1.0, self.channel: 1.0}


@dataclass(frozen=True, slots=True)
class Kept:
    """What became of one."""

    contact_id: str
    """Empty where it was refused."""
    refused: str
    """`frequency_cap`, or `spent` where a limit would be passed; empty where it was kept."""


def make_offers(
    ledger: Ledger, offers: Sequence[Made], caps: Sequence[Cap], limits: Mapping[str, float]
) -> list[Kept]:
    """Keep offers of one plan, each that caps and limits still let through, in one transaction."""
    with ledger.writing() as db:
        used = _used(db, offers[0].plan) if offers else {}
        told = [_keep(db, one, caps, (used, limits)) for one in offers]
        rows = [(offers[0].plan, name, use) for name, use in used.items()] if offers else []
        db.executemany("INSERT OR REPLACE INTO at_once VALUES (?, ?, ?)", rows)
    return told


def used_at_once(ledger: Ledger, plan: int) -> dict[str, float]:
    """What offers at once under a plan have used, by the name of the limit."""
    with ledger.reading() as db:
        return _used(db, plan)


def _used(db: sqlite3.Connection, plan: int) -> dict[str, float]:
    return dict(db.execute("SELECT name, used FROM at_once WHERE plan = ?", (plan,)))


def _keep(
    db: sqlite3.Connection,
    made: Made,
    caps: Sequence[Cap],
    room: tuple[dict[str, float], Mapping[str, float]],
) -> Kept:
    used, limits = room
    at_us = made.at_us // SECOND_US * SECOND_US
    count = (
        "SELECT count(*) FROM contacts WHERE customer = ? AND NOT failed "
        "AND opens_us > ? AND opens_us < ?"
    )
    for cap in caps:
        span = at_us - cap.days * DAY_US, at_us + cap.days * DAY_US
        if db.execute(count, (made.customer, *span)).fetchone()[0] >= cap.contacts:
            return Kept("", "frequency_cap")
    then = {name: used.get(name, 0.0) + use for name, use in made.uses.items()}
    if any(use > limits[name] for name, use in then.items()):
        return Kept("", "spent")
    used |= then
    row = made.customer, at_us, made.plan, made.until_us, made.offer, made.channel
    told = (*row, made.propensity, made.lane)
    db.execute("INSERT INTO contacts VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0)", told)
    return Kept(contact_id(made.plan, made.customer, at_us), "")
