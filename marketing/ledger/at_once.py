"""Offers made at once, in the ledger: each within what the ledger says in that very moment.

Offers with what they use come in; one transaction looks at standings, caps and limits again and
keeps both the contacts and what they use up. What is chosen for the holdout is kept as a ghost: it
is sent to nobody and uses nothing, but counts to the cap, so that both groups meet caps alike.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from marketing.campaign.lanes import Lane
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
        """What it uses of the limits that have its names; a ghost uses nothing."""
        if self.lane == Lane.HOLDOUT:
            return {}
        return {"budget": self.cost_minor, self.offer: 1.0, self.channel: 1.0}


@dataclass(frozen=True, slots=True)
class Kept:
    """What became of one."""

    contact_id: str
    """Empty where it was refused."""
    refused: str
    """The rule: `frequency_cap`, `spent` where a limit would be passed, or one about the customer;
    empty where it was kept."""


@dataclass(frozen=True, slots=True)
class Room:
    """Within what offers of one campaign are kept."""

    campaign: str
    caps: Sequence[Cap]
    limits: Mapping[str, float]
    """Of the campaign's offers at once, all its plans together."""
    stopped: Callable[[], Sequence[str]]
    """For each offer, the rule that stops its customer now; empty where none does. Asked within the
    transaction."""


def make_offers(ledger: Ledger, offers: Sequence[Made], room: Room) -> list[Kept]:
    """Keep offers, each that rules, caps and limits still let through, in one transaction."""
    if not offers:
        return []
    with ledger.writing() as db:
        used, told = _used(db, room.campaign), []
        for one, rule in zip(offers, room.stopped(), strict=True):
            told.append(Kept("", rule) if rule else _keep(db, one, room, used))
        rows = [(room.campaign, name, use) for name, use in used.items()]
        db.executemany("INSERT OR REPLACE INTO spent_at_once VALUES (?, ?, ?)", rows)
    return told


def used_at_once(ledger: Ledger, campaign: str) -> dict[str, float]:
    """What a campaign's offers at once have used, by the name of the limit."""
    with ledger.reading() as db:
        return _used(db, campaign)


def _used(db: sqlite3.Connection, campaign: str) -> dict[str, float]:
    return dict(db.execute("SELECT name, used FROM spent_at_once WHERE campaign = ?", (campaign,)))


def _keep(db: sqlite3.Connection, made: Made, room: Room, used: dict[str, float]) -> Kept:
    at_us = _free_second(db, made)
    count = (
        "SELECT count(*) FROM contacts WHERE customer = ? AND NOT failed "
        "AND opens_us > ? AND opens_us < ?"
    )
    for cap in room.caps:
        span = at_us - cap.days * DAY_US, at_us + cap.days * DAY_US
        if db.execute(count, (made.customer, *span)).fetchone()[0] >= cap.contacts:
            return Kept("", "frequency_cap")
    then = {name: used.get(name, 0.0) + use for name, use in made.uses.items()}
    if any(use > room.limits[name] for name, use in then.items()):
        return Kept("", "spent")
    used |= then
    row = made.customer, at_us, made.plan, made.until_us, made.offer, made.channel
    columns = "customer, opens_us, plan, closes_us, offer, channel, propensity, lane"
    told = (*row, made.propensity, made.lane)
    db.execute(f"INSERT INTO contacts({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", told)
    return Kept(contact_id(made.plan, made.customer, at_us), "")


def _free_second(db: sqlite3.Connection, made: Made) -> int:
    """The window's first whole second at which the plan has no contact of the customer yet.

    A contact that failed, or one that a cap still leaves room beside, may have the same window.
    """
    at_us = made.at_us // SECOND_US * SECOND_US
    taken = "SELECT 1 FROM contacts WHERE customer = ? AND opens_us = ? AND plan = ?"
    while db.execute(taken, (made.customer, at_us, made.plan)).fetchone():
        at_us += SECOND_US
    return at_us
