"""The ledger: opt-outs for good, plans whole or not at all, contacts counted for the caps."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest

from finmodel.errors import BadInput, Damaged, NotFound, Refused
from marketing.campaign.lanes import Lane
from marketing.campaign.recipe import Cap
from marketing.campaign.standing import NEVER, Standing
from marketing.ledger.at_once import Made, Room, make_offers, used_at_once
from marketing.ledger.contacts import (
    Contacts,
    contacts_within,
    new_plan,
    next_plan,
    parts_of,
    plans_of,
)
from marketing.ledger.customers import standing_of, take_in
from marketing.ledger.file import Ledger
from tests.marketing.small_campaign import DAY, NOW, standing

CAPS = (Cap(1, 7), Cap(3, 30))
SECOND = 1_000_000


@pytest.fixture
def ledger(tmp_path):
    with closing(Ledger(tmp_path / "marketing" / "ledger.db")) as opened:
        yield opened


def contacts(customers, opens_us: int) -> Contacts:
    n = len(customers)
    opens = np.full(n, opens_us)
    ways = ["rate_cut"] * n, ["sms"] * n
    ids = np.array(customers)
    return Contacts(
        ids,
        opens,
        opens + 3600 * SECOND,
        *ways,
        np.full(n, 0.98),
        np.full(n, 2, np.int8),
        np.full(n, 5.0),
    )


def plan(ledger: Ledger, campaign: str, customers, opens_us: int) -> int:
    with new_plan(ledger, next_plan(ledger, campaign)) as writing:
        version = f"v-{writing.of.number}"
        writing.write(version, (NOW, "lin"), contacts(customers, opens_us), "entry")
    return writing.of.id


def random_standing(n: int) -> Standing:
    random = np.random.default_rng(1)
    names = ("consent", "personalised", "opted_out", "open_complaint", "overdue", "student")
    flags = {name: random.random(n) < 0.5 for name in names}
    declined = np.where(random.random(n) < 0.5, NOW - random.integers(0, 10**9, n), NEVER)
    return standing(n, channels=random.random((n, 4)) < 0.5, declined_us=declined, **flags)


@pytest.mark.parametrize("n", [50, 2_000])
def test_customers_come_back_as_they_were_given_in_any_order(ledger, n):
    told = random_standing(n)
    assert take_in(ledger, told, NOW).new == n
    ids = np.random.default_rng(2).permutation(told.customer)
    for found, order in ((standing_of(ledger), told.customer), (standing_of(ledger, ids), ids)):
        for name in Standing.__slots__:
            np.testing.assert_array_equal(getattr(found, name), getattr(told, name)[order - 1])


def test_an_opt_out_is_for_good(ledger):
    take_in(ledger, standing(3, opted_out=[True, False, False]), NOW)
    taken = take_in(ledger, standing(3, overdue=[False, True, False]), NOW)
    assert (taken.opt_outs_kept, taken.new, taken.changed) == (1, 0, 1)
    found = standing_of(ledger)
    assert found.opted_out.tolist() == [True, False, False]
    assert found.overdue.tolist() == [False, True, False]


def test_who_was_declined_meanwhile_has_changed(ledger):
    take_in(ledger, standing(4), NOW)
    declined = np.array([NEVER, NOW - DAY, NEVER, NEVER])
    later = standing(4, declined_us=declined)
    assert [take_in(ledger, later, NOW).changed for _ in range(2)] == [1, 0]
    assert take_in(ledger, standing(4), NOW).changed == 1


def test_who_is_unknown_is_told_by_number_and_example(ledger):
    take_in(ledger, standing(3), NOW)
    with pytest.raises(
        NotFound, match="customers: 2 of 3 are not in the ledger, as 77, 99; say how"
    ):
        standing_of(ledger, np.array([2, 77, 99]))
    with pytest.raises(NotFound, match="1 of 1"):
        standing_of(Ledger(ledger.path.with_name("other.db")), np.array([1]))


@pytest.mark.parametrize("n", [20, 500])
def test_contacts_are_counted_for_each_cap_over_all_campaigns(ledger, n):
    take_in(ledger, standing(n), NOW)
    plan(ledger, "spring", [1, 2, 3], NOW)
    plan(ledger, "spring", [2, 3], NOW - 10 * DAY)
    plan(ledger, "autumn", [3], NOW + 10 * DAY)
    counts = contacts_within(ledger, np.arange(1, n + 1), CAPS, (NOW, NOW))
    assert counts[:4].tolist() == [[1, 1], [1, 2], [1, 3], [0, 0]]
    assert counts.sum() == 9
    edge = contacts_within(ledger, np.arange(1, n + 1), CAPS, (NOW + 7 * DAY, NOW + 8 * DAY))
    assert edge[:3, 0].tolist() == [0, 0, 1]  # seven days after a contact the week's cap is free


def test_numbers_of_plans_are_each_campaigns_own(ledger):
    take_in(ledger, standing(3), NOW)
    for name in ("spring", "autumn", "spring"):
        plan(ledger, name, [1], NOW)
    assert [(one.id, one.campaign, one.number) for one in plans_of(ledger)] == [
        (1, "spring", 1),
        (2, "autumn", 1),
        (3, "spring", 2),
    ]
    assert [one.policy_version for one in plans_of(ledger, "spring")] == ["v-1", "v-2"]
    with pytest.raises(NotFound, match="campaign 'winter': it was never planned"):
        plans_of(ledger, "winter")


def test_a_plan_that_fails_leaves_nothing(ledger):
    take_in(ledger, standing(3), NOW)
    twice = contacts([1, 1], NOW)
    with pytest.raises(Damaged), new_plan(ledger, next_plan(ledger, "spring")) as writing:
        writing.write("v", (NOW, "lin"), twice, "entry")
    assert contacts_within(ledger, np.array([1]), CAPS, (NOW, NOW)).sum() == 0
    assert plan(ledger, "spring", [1], NOW) == 1


def test_of_two_plans_made_at_once_the_second_is_refused(ledger):
    take_in(ledger, standing(3), NOW)
    begun = next_plan(ledger, "spring")
    plan(ledger, "summer", [3], NOW)
    said = "campaign spring: another plan was written while this one was made; plan it again"
    with pytest.raises(Refused, match=said), new_plan(ledger, begun):
        raise AssertionError("not reached")


@pytest.mark.parametrize("meanwhile", ["offer", "customers", "nothing"])
def test_a_plan_is_told_whether_the_ledger_went_on_meanwhile(ledger, meanwhile):
    take_in(ledger, standing(3), NOW)
    plan(ledger, "autumn", [2], NOW)
    begun = next_plan(ledger, "spring")
    if meanwhile == "offer":
        made = Made(1, 3, NOW, NOW + DAY, "points", "app", 0.5, 1)
        kept(ledger, [made])
    elif meanwhile == "customers":
        take_in(ledger, standing(3, opted_out=True), NOW + 1)
    with new_plan(ledger, begun) as writing:
        assert writing.changed == (meanwhile != "nothing")


LOOSE = {"budget": 1e9, "points": 1e9, "app": 1e9}


def kept(ledger, offers, limits=LOOSE, stopped=None, caps=CAPS):
    rules = stopped or [""] * len(offers)
    return make_offers(ledger, offers, Room("spring", caps, limits, lambda: rules))


def test_an_offer_at_once_is_kept_until_the_cap(ledger):
    take_in(ledger, standing(3), NOW)
    plan(ledger, "spring", [1], NOW)
    made = Made(1, 2, NOW + 123, NOW + DAY, "points", "app", 0.5, 1)
    (told,) = kept(ledger, [made])
    assert parts_of(told.contact_id) == (1, 2, NOW)
    late = replace(made, at_us=NOW + 7 * DAY - SECOND)
    again = kept(ledger, [made, late, replace(made, customer=1)])
    assert [one.refused for one in again] == ["frequency_cap"] * 3
    assert used_at_once(ledger, "spring") == {"budget": 0.0, "points": 1.0, "app": 1.0}
    assert kept(ledger, [replace(made, at_us=NOW + 7 * DAY)])[0].contact_id


def test_offers_at_once_end_where_a_limit_does_and_what_is_refused_uses_nothing(ledger):
    take_in(ledger, standing(9), NOW)
    plan(ledger, "spring", [1], NOW)
    limits = {"budget": 80.0, "points": 9, "app": 9}
    offers = [
        Made(1, customer, NOW, NOW + DAY, "points", "app", 0.5, 1, cost)
        for customer, cost in ((2, 30.0), (3, 30.0), (4, 30.0), (5, 20.0), (5, 0.0))
    ]
    told = [*kept(ledger, offers[:2], limits), *kept(ledger, offers[2:], limits)]
    assert [one.refused for one in told] == ["", "", "spent", "", "frequency_cap"]
    assert used_at_once(ledger, "spring") == {"budget": 80.0, "points": 3.0, "app": 3.0}
    assert contacts_within(ledger, np.array([4]), CAPS, (NOW, NOW)).sum() == 0
    assert kept(ledger, []) == []
    plan(ledger, "spring", [8], NOW)  # a later plan of the same campaign has no more to spend
    (told,) = kept(ledger, [Made(2, 7, NOW, NOW + DAY, "points", "app", 0.5, 1, 1.0)], limits)
    assert told.refused == "spent"


def test_a_window_takes_a_second_contact_where_the_caps_do(ledger):
    take_in(ledger, standing(3), NOW)
    plan(ledger, "spring", [1], NOW)
    made = Made(1, 2, NOW, NOW + DAY, "points", "app", 0.5, 1)
    told = [kept(ledger, [made], caps=(Cap(3, 7),))[0] for _ in range(4)]
    assert [parts_of(one.contact_id)[2] - NOW for one in told[:3]] == [0, SECOND, 2 * SECOND]
    assert told[3].refused == "frequency_cap"


def test_whom_a_rule_stops_in_that_moment_gets_nothing(ledger):
    take_in(ledger, standing(3), NOW)
    plan(ledger, "spring", [1], NOW)
    offers = [Made(1, one, NOW, NOW + DAY, "points", "app", 0.5, 1) for one in (2, 3)]
    told = kept(ledger, offers, stopped=["opted_out", ""])
    assert [one.refused for one in told] == ["opted_out", ""]
    assert contacts_within(ledger, np.array([2, 3]), CAPS[:1], (NOW, NOW)).tolist() == [[0], [1]]


def test_a_ghost_of_the_holdout_counts_to_its_cap_and_uses_nothing(ledger):
    take_in(ledger, standing(3), NOW)
    plan(ledger, "spring", [1], NOW)
    ghost = Made(1, 2, NOW, NOW + DAY, "points", "app", 0.5, Lane.HOLDOUT, 30.0)
    assert kept(ledger, [ghost], {"budget": 0.0, "points": 0, "app": 0})[0].contact_id
    assert used_at_once(ledger, "spring") == {}
    assert kept(ledger, [ghost])[0].refused == "frequency_cap"


@pytest.mark.parametrize("told", ["", "3-4", "3-4-x", "a-1-2", "1-2-3-4"])
def test_what_is_no_contacts_id(told):
    with pytest.raises(BadInput, match="it is none; copy it from the list"):
        parts_of(told)


def test_a_file_that_is_no_ledger_is_damaged(tmp_path):
    path = tmp_path / "ledger.db"
    path.write_bytes(b"no database, and long enough to be read as one" * 20)
    with pytest.raises(Damaged, match=r"ledger\.db"):
        Ledger(path)


def test_the_file_is_its_owners_alone(ledger):
    assert ledger.path.stat().st_mode & 0o077 == 0
    with closing(sqlite3.connect(ledger.path)) as other:
        assert other.execute("PRAGMA integrity_check").fetchone() == ("ok",)
