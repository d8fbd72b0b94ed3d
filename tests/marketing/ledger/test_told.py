"""What one customer was told: neither ghosts, nor what failed, nor what is still ahead."""

from contextlib import closing

import pytest

from marketing.campaign.lanes import Lane
from marketing.ledger.contacts import contact_id
from marketing.ledger.file import Ledger
from marketing.ledger.forgetting import restrict
from marketing.ledger.receipts import Receipt, record
from marketing.ledger.told import Planned, planned_for, told_to
from tests.marketing.ledger.test_contacts import plan
from tests.marketing.small_campaign import DAY, NOW


@pytest.fixture
def ledger(tmp_path):
    with closing(Ledger(tmp_path / "ledger.db")) as opened:
        yield opened


def test_contacts_between_two_times_are_told(ledger):
    first = plan(ledger, "spring", [7, 8])
    plan(ledger, "summer", [7], lane=int(Lane.HOLDOUT))
    assert told_to(ledger, 7, NOW - DAY, NOW) == ([NOW], False)
    assert told_to(ledger, 7, NOW + 1, NOW + DAY) == ([], False)
    assert told_to(ledger, 7, NOW - DAY, NOW - 1) == ([], False)
    assert told_to(ledger, 9, NOW - DAY, NOW) == ([], False)
    record(ledger, [Receipt("r1", contact_id(first, 7, NOW), "", "failed", NOW + 1)], NOW + 2)
    assert told_to(ledger, 7, NOW - DAY, NOW).contacts_us == []
    assert told_to(ledger, 8, NOW - DAY, NOW).contacts_us == [NOW]


def test_who_asked_to_be_erased_is_told_nothing_more(ledger):
    restrict(ledger, [8])
    assert told_to(ledger, 8, NOW - DAY, NOW).stopped
    assert not told_to(ledger, 7, NOW - DAY, NOW).stopped


def test_what_is_still_to_be_sent_is_told_until_it_is(ledger):
    first = plan(ledger, "spring", [7, 8])
    plan(ledger, "spring", [8], lane=int(Lane.HOLDOUT))
    (ahead,) = planned_for(ledger, 7, NOW)
    assert ahead == Planned("spring", 1, "points", "app", NOW, NOW)
    assert planned_for(ledger, 7, NOW + DAY) == []  # its window has closed
    assert [one.offer for one in planned_for(ledger, 8, NOW)] == ["rate_cut"]
    with ledger.writing() as db:
        db.execute("INSERT INTO customers VALUES (7, 0, NULL, 0)")
    record(ledger, [Receipt("r1", contact_id(first, 7, NOW), "", "sent", NOW + 1)], NOW + 2)
    assert planned_for(ledger, 7, NOW) == []
    failed = Receipt("r2", contact_id(first, 7, NOW), "", "failed", NOW + 2)
    record(ledger, [failed], NOW + 3)
    assert planned_for(ledger, 7, NOW) == [ahead]  # it may be sent again
