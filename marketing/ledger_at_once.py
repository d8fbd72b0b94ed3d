"""Offers made at once, in the ledger: each within the caps of its customer and what is left.

An offer with what it uses comes in; one transaction looks at caps and limits again and keeps both
the contact and what is used up, or refuses. Knows no rule of eligibility.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from finmodel.errors import Refused
from marketing.campaign import Cap
from marketing.ledger import Ledger
from marketing.ledger_contacts import DAY_US, SECOND_US, contact_id


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


def make_offer(
    ledger: Ledger,
    made: Made,
    caps: Sequence[Cap],
    uses: Mapping[str, float],
    limits: Mapping[str, float],
) -> str:
    """Keep an offer; its contact id. `uses` and `limits` are of the budget, the offer, the channel.

    Refused, and nothing kept, where a cap was reached meanwhile (`frequency_cap`) or where a limit
    would be passed (`spent`): `where` names the rule.
    """
    at_us = made.at_us // SECOND_US * SECOND_US
    count = (
        "SELECT count(*) FROM contacts WHERE customer = ? AND NOT failed "
        "AND opens_us > ? AND opens_us < ?"
    )
    spend = (
        "INSERT INTO at_once VALUES (?, ?, ?) "
        "ON CONFLICT(plan, name) DO UPDATE SET used = used + excluded.used RETURNING used"
    )
    with ledger.writing() as db:
        for cap in caps:
            span = at_us - cap.days * DAY_US, at_us + cap.days * DAY_US
            if db.execute(count, (made.customer, *span)).fetchone()[0] >= cap.contacts:
                what = f"{cap.contacts} in {cap.days} days are reached"
                raise Refused(what, where="frequency_cap", remedy="make no offer now")
        for name, use in uses.items():
            used = db.execute(spend, (made.plan, name, use)).fetchone()[0]
            if used > limits[name]:
                what = f"nothing is left of {name}"
                raise Refused(what, where="spent", remedy="plan the campaign again")
        row = made.customer, at_us, made.plan, made.until_us, made.offer, made.channel
        told = (*row, made.propensity, made.lane)
        db.execute("INSERT INTO contacts VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0)", told)
    return contact_id(made.plan, made.customer, at_us)


def used_at_once(ledger: Ledger, plan: int) -> dict[str, float]:
    """What offers at once under a plan have used, by the name of the limit."""
    with ledger.reading() as db:
        return dict(db.execute("SELECT name, used FROM at_once WHERE plan = ?", (plan,)))
