"""What a campaign's plans used of its limits, as the ledger counts it, in older files too."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import numpy as np
import pytest

from marketing.campaign.lanes import Lane
from marketing.campaign.recipe import Cap
from marketing.ledger.contacts import (
    Contacts,
    contact_id,
    contacts_within,
    new_plan,
    next_plan,
    plans_of,
    used_by_plans,
)
from marketing.ledger.file import Ledger
from marketing.ledger.receipts import Receipt, record
from tests.marketing.small_campaign import DAY, NOW

OLDER = """
CREATE TABLE contacts(
    customer INTEGER NOT NULL, opens_us INTEGER NOT NULL, plan INTEGER NOT NULL,
    closes_us INTEGER NOT NULL, offer TEXT NOT NULL, channel TEXT NOT NULL,
    propensity REAL NOT NULL, lane INTEGER NOT NULL, failed INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY(customer, opens_us, plan)) STRICT, WITHOUT ROWID;
INSERT INTO contacts VALUES (9, 1, 1, 2, 'points', 'app', 0.9, 2, 0);
"""


@pytest.fixture
def ledger(tmp_path):
    with closing(Ledger(tmp_path / "ledger.db")) as opened:
        yield opened


def plan(ledger: Ledger, campaign: str, customers: list[int], lane: int = 2) -> int:
    """Points by app at a cost of 5 and a rate cut by sms at 7, in turn."""
    n, even = len(customers), np.arange(len(customers)) % 2 == 0
    with new_plan(ledger, next_plan(ledger, campaign)) as writing:
        given = Contacts(
            customer=np.array(customers),
            opens_us=np.full(n, NOW),
            closes_us=np.full(n, NOW + DAY),
            offer=np.where(even, "points", "rate_cut").tolist(),
            channel=np.where(even, "app", "sms").tolist(),
            propensity=np.full(n, 0.9),
            lane=np.full(n, lane, np.int8),
            cost_minor=np.where(even, 5.0, 7.0),
        )
        writing.write("v", (NOW, "lin"), given, "entry")
    return writing.of.id


def test_what_plans_use_is_counted_over_all_plans_of_the_campaigns_name(ledger):
    assert used_by_plans(ledger, "spring") == {}
    first = plan(ledger, "spring", [1, 2, 3])
    plan(ledger, "autumn", [4])
    plan(ledger, "spring", [5])
    used = {"budget": 22.0, "points": 3, "rate_cut": 1, "app": 3, "sms": 1}
    assert used_by_plans(ledger, "spring") == used
    failed = Receipt("e1", contact_id(first, 2, NOW), "", "failed", NOW)
    assert record(ledger, [failed], NOW + DAY).new == 1
    assert used_by_plans(ledger, "spring") == {"budget": 15.0, "points": 3, "app": 3}


def test_ghosts_use_nothing_and_are_no_contacts_but_count_to_their_customers_caps(ledger):
    first = plan(ledger, "spring", [1, 2], lane=Lane.HOLDOUT)
    assert used_by_plans(ledger, "spring") == {}
    assert [one.contacts for one in plans_of(ledger)] == [0]
    caps = (Cap(1, 7),)
    counts = contacts_within(ledger, np.array([1, 2, 3]), caps, (NOW, NOW))
    assert counts.ravel().tolist() == [1, 1, 0]
    told = Receipt("e1", contact_id(first, 1, NOW), "", "sent", NOW)
    refused = record(ledger, [told], NOW + DAY).refused
    assert refused == {0: f"no contact {first}-1-{NOW // 10**6} was ever planned"}


def test_offers_at_once_use_no_plans_limits(ledger):
    first = plan(ledger, "spring", [1])
    row = 2, NOW, first, NOW + DAY, "points", "app", 0.9, 2
    columns = "customer, opens_us, plan, closes_us, offer, channel, propensity, lane"
    with ledger.writing() as db:  # as an offer at once fills them
        db.execute(f"INSERT INTO contacts({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
    assert used_by_plans(ledger, "spring")["points"] == 1


def test_an_older_file_gets_the_cost_and_keeps_its_contacts(tmp_path):
    path = tmp_path / "ledger.db"
    with closing(sqlite3.connect(path)) as older:
        older.executescript(OLDER)
    for _ in range(2):
        with closing(Ledger(path)) as opened, opened.reading() as db:
            told = db.execute("SELECT customer, offer, failed, cost_minor FROM contacts").fetchall()
            assert told == [(9, "points", 0, 0.0)]
    with closing(Ledger(path)) as opened:
        plan(opened, "spring", [1])
        assert used_by_plans(opened, "spring")["budget"] == 5.0  # and plan 1's of the older file
        assert used_by_plans(opened, "spring")["points"] == 2
