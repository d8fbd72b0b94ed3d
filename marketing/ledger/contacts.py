"""Plans and contacts in the ledger: written whole, counted for the frequency caps.

A contact is known as `plan-customer-seconds`, which is what a sender's receipt names again. One
that failed does not count. Knows no rule but the caps.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from finmodel.errors import BadInput, NotFound, Refused
from finmodel.records import Float64s, Int64s
from marketing.campaign.lanes import Lane
from marketing.campaign.recipe import Cap
from marketing.ledger.customers import FEW
from marketing.ledger.file import Ledger

DAY_US = 86_400_000_000
SECOND_US = 1_000_000
Stamp: TypeAlias = tuple[int | None, ...]
"""Of the ledger, its newest plan first: another one where anything was written meanwhile."""


@dataclass(frozen=True, slots=True, eq=False)
class Contacts:
    """n contacts of one plan, of customers in increasing order.

    In the lane of the holdout they are ghosts: what the plan had for whom it left alone, told to
    nobody, so that the holdout meets the caps when the others do.
    """

    customer: Int64s
    opens_us: Int64s
    """When the window to send in opens: whole seconds."""
    closes_us: Int64s
    offer: Sequence[str]
    channel: Sequence[str]
    propensity: Float64s
    lane: npt.NDArray[np.int8]
    cost_minor: Float64s
    """Expected."""

    def __len__(self) -> int:
        return len(self.customer)


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan as the ledger knows it."""

    id: int
    campaign: str
    number: int
    policy_version: str
    made_us: int
    made_by: str
    contacts: int
    audit_entry: str


@dataclass(frozen=True, slots=True)
class Next:
    """The plan that would be written next."""

    campaign: str
    id: int
    number: int
    """Within its campaign."""
    stamp: Stamp


class Writing:
    """A plan being written: nothing is seen of it before it is whole."""

    def __init__(self, db: sqlite3.Connection, of: Next, *, changed: bool) -> None:
        self._db, self.of = db, of
        self.changed = changed
        """Whether customers, contacts or receipts were written since the plan was begun."""

    def write(self, version: str, made: tuple[int, str], contacts: Contacts, audit: str) -> None:
        """Keep the plan; `made` is when and by whom. Of its contacts ghosts are not counted."""
        count = int((contacts.lane != Lane.HOLDOUT).sum())
        row = self.of.id, self.of.campaign, self.of.number, version, *made, count, audit
        self._db.execute("INSERT INTO plans VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
        self._db.executemany(
            "INSERT INTO contacts VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, ?)",
            zip(
                contacts.customer.tolist(),
                contacts.opens_us.tolist(),
                [self.of.id] * len(contacts),
                contacts.closes_us.tolist(),
                contacts.offer,
                contacts.channel,
                contacts.propensity.tolist(),
                contacts.lane.tolist(),
                contacts.cost_minor.tolist(),
                strict=True,
            ),
        )


@contextmanager
def new_plan(ledger: Ledger, of: Next) -> Iterator[Writing]:
    """A plan's transaction; Refused where another plan was written since this one was begun."""
    with ledger.writing() as db:
        now = _stamp(db)
        if now[0] != of.stamp[0]:
            raise Refused(
                "another plan was written while this one was made",
                where=f"campaign {of.campaign}",
                remedy="plan it again",
            )
        yield Writing(db, of, changed=now != of.stamp)


def next_plan(ledger: Ledger, campaign: str) -> Next:
    """What a plan that begins now would be; to be asked before anything else is read for it."""
    told = "SELECT coalesce(max(number), 0) FROM plans WHERE campaign = ?"
    with ledger.reading() as db:
        last = db.execute("SELECT coalesce(max(id), 0) FROM plans").fetchone()[0]
        number = db.execute(told, (campaign,)).fetchone()[0]
        return Next(campaign, last + 1, number + 1, _stamp(db))


def contacts_within(
    ledger: Ledger, customers: Int64s, caps: Sequence[Cap], span: tuple[int, int]
) -> Int64s:
    """(n, caps) contacts of each customer that could meet one of the span within a cap's days."""
    columns = []
    for cap in caps:
        since, until = span[0] - cap.days * DAY_US, span[1] + cap.days * DAY_US
        columns.append(_counted(ledger, customers, since, until))
    return np.stack(columns, axis=1)


def used_by_plans(ledger: Ledger, campaign: str) -> dict[str, float]:
    """What the contacts of a campaign's plans use of its limits: budget, offers, channels, by name.

    Not ghosts, nor those that failed, nor offers made at once: these have a part to themselves.
    """
    told = (
        "SELECT offer, channel, count(*), sum(cost_minor) FROM contacts "
        "JOIN plans ON plans.id = contacts.plan "
        "WHERE campaign = ? AND NOT failed AND lane != ? AND cost_minor IS NOT NULL "
        "GROUP BY offer, channel"
    )
    used: Counter[str] = Counter()
    with ledger.reading() as db:
        for offer, channel, count, cost in db.execute(told, (campaign, Lane.HOLDOUT)):
            used.update({"budget": cost, offer: count, channel: count})
    return dict(used)


def plans_of(ledger: Ledger, campaign: str | None = None) -> list[Planned]:
    """Plans, the newest last, of one campaign or of all; NotFound where a campaign has none."""
    told = "SELECT * FROM plans WHERE campaign = coalesce(?, campaign) ORDER BY id"
    with ledger.reading() as db:
        found = [Planned(*row) for row in db.execute(told, (campaign,))]
    if campaign is not None and not found:
        raise never_planned(campaign)
    return found


def never_planned(campaign: str) -> NotFound:
    """What is said of a campaign that the ledger does not know."""
    return NotFound(
        "it was never planned",
        where=f"campaign {campaign!r}",
        remedy="see those that were: finmodel campaign list",
    )


def contact_id(plan: int, customer: int, opens_us: int) -> str:
    """What a contact is known as.

    >>> contact_id(3, 42, 1_775_010_600_000_000)
    '3-42-1775010600'
    """
    return f"{plan}-{customer}-{opens_us // SECOND_US}"


def parts_of(told: str) -> tuple[int, int, int]:
    """Plan, customer and opening (µs) of a contact's id; BadInput where it is none.

    >>> parts_of("3-42-1775010600")
    (3, 42, 1775010600000000)
    """
    parts = told.split("-")
    if len(parts) != 3 or not all(part.isascii() and part.isdigit() for part in parts):
        raise BadInput("it is none", where=f"contact {told!r}", remedy="copy it from the list")
    plan, customer, seconds = map(int, parts)
    return plan, customer, seconds * SECOND_US


def _counted(ledger: Ledger, customers: Int64s, since: int, until: int) -> Int64s:
    where = "NOT failed AND opens_us > ? AND opens_us < ?"
    found = np.zeros(len(customers), np.int64)
    with ledger.reading() as db:
        if len(customers) <= FEW:
            one = f"SELECT count(*) FROM contacts WHERE customer = ? AND {where}"
            counts = [db.execute(one, (c, since, until)).fetchone()[0] for c in customers.tolist()]
            return np.array(counts, np.int64)
        grouped = f"SELECT customer, count(*) FROM contacts WHERE {where} GROUP BY customer"
        rows = np.array(db.execute(grouped, (since, until)).fetchall(), np.int64).reshape(-1, 2)
    place = np.searchsorted(rows[:, 0], customers).clip(max=max(len(rows) - 1, 0))
    if len(rows):
        found = np.where(rows[place, 0] == customers, rows[place, 1], 0)
    return found


def _stamp(db: sqlite3.Connection) -> Stamp:
    found: Stamp = db.execute("SELECT (SELECT max(id) FROM plans), count FROM acts").fetchone()
    return found
