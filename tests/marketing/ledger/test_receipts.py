"""Receipts: each counts once, whatever is told twice; an opt-out is for good."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest

from finmodel.errors import Damaged
from marketing.campaign.recipe import Cap
from marketing.ledger.contacts import (
    Contacts,
    contact_id,
    contacts_within,
    new_plan,
    next_plan,
    used_by_plans,
)
from marketing.ledger.customers import standing_of, take_in
from marketing.ledger.file import Ledger
from marketing.ledger.receipts import Receipt, counts_of, record
from marketing.ledger.stops import contacts_ahead
from tests.marketing.small_campaign import DAY, NOW, standing

OPENS = NOW - 2 * DAY
HOUR = 3_600_000_000
SENT = Receipt("e1", contact_id(1, 2, OPENS), "", "sent", OPENS + HOUR // 2)


@pytest.fixture
def ledger(tmp_path):
    with closing(Ledger(tmp_path / "ledger.db")) as opened:
        take_in(opened, standing(9), NOW)
        n = 4
        times = np.full(n, OPENS), np.full(n, OPENS + HOUR)
        ways = ["points", "points", "rate_cut", "points"], ["app", "sms", "sms", "app"]
        given = Contacts(
            np.arange(1, n + 1), *times, *ways, np.full(n, 0.9), np.full(n, 2, np.int8), np.ones(n)
        )
        with new_plan(opened, next_plan(opened, "spring")) as writing:
            writing.write("v", (NOW, "lin"), given, "entry")
        yield opened


def test_a_file_twice_changes_nothing(ledger):
    rows = [
        SENT,
        replace(SENT, event_id="e2", kind="delivered"),
        replace(SENT, event_id="e3", kind="answered"),
    ]
    first, again = record(ledger, rows, NOW), record(ledger, [*rows, rows[0]], NOW)
    assert (first.new, first.known, first.refused) == (3, 0, {})
    assert (again.new, again.known, again.refused) == (0, 4, {})
    told = counts_of(ledger, 1)
    assert told == {("points", "sms", kind): 1 for kind in ("sent", "delivered", "answered")}


def test_two_receipts_of_a_kind_count_the_contact_once(ledger):
    record(ledger, [SENT, replace(SENT, event_id="e2", at_us=SENT.at_us + 1)], NOW)
    assert counts_of(ledger, 1) == {("points", "sms", "sent"): 1}


def test_the_receipts_of_an_offer_at_once_are_not_the_plans(ledger):
    row = 9, NOW, 1, NOW + DAY, "points", "sms", 0.9, 2
    columns = "customer, opens_us, plan, closes_us, offer, channel, propensity, lane"
    with ledger.writing() as db:  # as an offer at once fills them
        db.execute(f"INSERT INTO contacts({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
    at_once = Receipt("e9", contact_id(1, 9, NOW), "", "sent", NOW)
    assert record(ledger, [SENT, at_once], NOW).new == 2
    assert counts_of(ledger, 1) == {("points", "sms", "sent"): 1}


def test_an_opt_out_stops_the_customer_and_a_file_cannot_take_it_back(ledger):
    by_contact = replace(SENT, event_id="o1", kind="opted_out")
    by_customer = Receipt("o2", "", "7", "opted_out", NOW)
    done = record(ledger, [by_contact, by_customer], NOW)
    assert (done.opted_out, done.new) == (2, 2)
    take_in(ledger, standing(9), NOW)
    assert standing_of(ledger).customer[standing_of(ledger).opted_out].tolist() == [2, 7]
    assert record(ledger, [replace(by_customer, event_id="o3")], NOW).opted_out == 0


STOP = Receipt("o1", "", "7", "opted_out", NOW)
ITS_CONTACT = SENT.contact_id  # customer 2's


@pytest.mark.parametrize(
    ("change", "stopped", "note"),
    [
        ({"at_us": None}, [7], "its time is none: taken as of now"),
        ({"at_us": None, "loose_us": NOW - DAY}, [7], "its time has no zone: taken as Beijing's"),
        ({"at_us": NOW + 1}, [7], "it is later than now: taken as of now"),
        ({"at_us": None, "loose_us": NOW + 1}, [7], "it is later than now: taken as of now"),
        ({"contact_id": "9-2-1"}, [2, 7], "no contact 9-2-1 was ever planned; its contact is"),
        ({"contact_id": "9-2-1", "customer_id": ""}, [2], "no contact 9-2-1 was ever planned"),
        ({"contact_id": "spring"}, [7], "it is none"),
        ({"contact_id": ITS_CONTACT}, [2, 7], "customer 2's, and it names 7: both are stopped"),
        ({"contact_id": ITS_CONTACT, "customer_id": "77"}, [2], "'77' is not in the ledger"),
        ({"event_id": ""}, [7], "its event_id is none or another receipt's"),
        ({"event_id": "e" * 129}, [7], "its event_id is none or another receipt's"),
        ({"event_id": "e1"}, [7], "its event_id is none or another receipt's"),
    ],
)
@pytest.mark.parametrize("kind", ["opted_out", "complained"])
def test_whom_an_opt_out_names_is_stopped_whatever_else_it_says(
    ledger, kind, change, stopped, note
):
    row = replace(STOP, kind=kind, **change)
    first = record(ledger, [SENT, row], NOW)
    assert (first.new, first.refused, first.lost) == (2, {}, [])
    assert note in first.noted[1]
    now = standing_of(ledger)
    flags = now.opted_out if kind == "opted_out" else now.open_complaint
    assert now.customer[flags].tolist() == stopped
    take_in(ledger, standing(9), NOW)
    again = record(ledger, [SENT, row], NOW)
    assert (again.new, again.known) == (0, 2)
    assert standing_of(ledger).open_complaint.sum() == 0  # what is known closes and opens nothing


def test_an_opt_out_of_nobody_is_lost_and_told(ledger):
    rows = [SENT, replace(STOP, customer_id="77"), replace(STOP, customer_id="", event_id="o2")]
    done = record(ledger, rows, NOW)
    assert done.lost == [1, 2]
    assert done.refused[2] == "it names neither contact_id nor customer_id"
    assert not standing_of(ledger).opted_out.any()


def test_a_complaint_is_open_until_a_file_says_otherwise(ledger):
    record(ledger, [replace(SENT, event_id="c1", kind="complained")], NOW)
    assert standing_of(ledger).open_complaint.sum() == 1
    take_in(ledger, standing(9), NOW)
    assert standing_of(ledger).open_complaint.sum() == 0


def test_a_contact_that_failed_counts_for_no_cap(ledger):
    cap, four = (Cap(1, 7),), np.arange(1, 5)
    assert contacts_within(ledger, four, cap, (NOW, NOW)).sum() == 4
    record(ledger, [replace(SENT, kind="failed")], NOW)
    assert contacts_within(ledger, four, cap, (NOW, NOW)).ravel().tolist() == [1, 0, 1, 1]


FAILED, AGAIN, REACHED = (
    replace(SENT, event_id=f"m{place}", kind=kind, at_us=SENT.at_us + place)
    for place, kind in enumerate(("failed", "sent", "delivered"))
)
ANSWERED = replace(FAILED, event_id="a", kind="answered")
FAILED_LAST = replace(FAILED, event_id="l", at_us=AGAIN.at_us + 1)


@pytest.mark.parametrize(
    ("told", "counts"),
    [
        ([FAILED, AGAIN], True),
        ([FAILED, REACHED], True),
        ([FAILED, ANSWERED], True),
        ([SENT, FAILED], False),  # at one time: the attempt that failed
        ([FAILED, AGAIN, FAILED_LAST], False),
        ([FAILED, AGAIN, FAILED_LAST, REACHED], True),
        ([FAILED, replace(AGAIN, contact_id=contact_id(1, 3, OPENS))], False),
    ],
)
def test_a_contact_that_failed_and_was_made_after_all_counts_in_whatever_order(
    ledger, told, counts
):
    cap, two = (Cap(1, 7),), np.array([2])
    for rows in permutations(told):
        for one in rows:
            assert record(ledger, [one], NOW).refused == {}
        with ledger.writing() as db:
            found = db.execute("SELECT failed FROM contacts WHERE customer = 2").fetchone()[0]
            db.execute("DELETE FROM receipts")
            db.execute("UPDATE contacts SET failed = 0")
        assert found == (not counts), rows
    for one in told:
        record(ledger, [one], NOW)
    assert contacts_within(ledger, two, cap, (NOW, NOW)).item() == counts
    assert used_by_plans(ledger, "spring")["sms"] == 1.0 + counts  # the other is customer 3's


def as_an_older_release_left_it(path) -> None:
    """Whatever had failed once had failed for good, and the file bore no form."""
    with closing(sqlite3.connect(path)) as older:
        older.executescript(
            "PRAGMA user_version = 0; UPDATE contacts SET failed = (customer, opens_us, plan) IN "
            "(SELECT customer, opens_us, plan FROM receipts WHERE kind = 'failed')"
        )


def failed_in(path) -> list[int]:
    with closing(sqlite3.connect(path)) as db:
        return [row[0] for row in db.execute("SELECT customer FROM contacts WHERE failed")]


SENT_AND_FAILED = [
    replace(one, event_id=f"3{one.event_id}", contact_id=contact_id(1, 3, OPENS))
    for one in (SENT, FAILED)
]


def test_an_older_file_is_mended_once_where_a_contact_failed_and_was_then_made(ledger):
    record(ledger, [FAILED, AGAIN, REACHED, ANSWERED, *SENT_AND_FAILED], NOW)
    as_an_older_release_left_it(ledger.path)
    assert failed_in(ledger.path) == [2, 3]
    with closing(Ledger(ledger.path)) as opened:
        counts = contacts_within(opened, np.arange(1, 5), (Cap(1, 7),), (NOW, NOW))
        assert counts.ravel().tolist() == [1, 1, 0, 1]
        assert used_by_plans(opened, "spring")["budget"] == 3.0
        with opened.writing() as db:
            db.execute("UPDATE contacts SET failed = customer IN (1, 3)")
    with closing(Ledger(ledger.path)):
        assert failed_in(ledger.path) == [1, 3]  # as it was kept since, unasked


def test_an_older_file_that_cannot_be_mended_stays_as_it_was(ledger):
    record(ledger, [FAILED, REACHED, *SENT_AND_FAILED], NOW)
    as_an_older_release_left_it(ledger.path)
    with ledger.writing() as db:
        db.execute(
            "CREATE TRIGGER broken BEFORE UPDATE ON contacts WHEN old.customer = 3 "
            "BEGIN SELECT raise(ABORT, 'the third cannot be written'); END"
        )
    with pytest.raises(Damaged, match="the third cannot be written"):
        Ledger(ledger.path)
    assert failed_in(ledger.path) == [2, 3]
    with ledger.writing() as db:
        db.execute("DROP TRIGGER broken")
    with closing(Ledger(ledger.path)):
        assert failed_in(ledger.path) == [3]


@pytest.mark.parametrize(
    ("at_us", "outside"), [(OPENS - 1, 1), (OPENS, 0), (OPENS + HOUR, 0), (OPENS + HOUR + 1, 1)]
)
def test_what_was_sent_outside_its_window_is_counted(ledger, at_us, outside):
    assert record(ledger, [replace(SENT, at_us=at_us)], NOW).sent_outside_window == outside


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"event_id": ""}, "it has no event_id of up to 128 characters"),
        ({"event_id": "e" * 129}, "it has no event_id"),
        ({"kind": "read"}, "'read' is no kind of receipt: sent, delivered, failed, answered"),
        ({"at_us": None}, "its time is not ISO 8601 with a zone"),
        ({"at_us": NOW + 1}, "it is later than now"),
        ({"contact_id": "9-2-1"}, "no contact 9-2-1 was ever planned"),
        ({"contact_id": f"1-{2**70}-1"}, "was ever planned"),
        ({"contact_id": "spring"}, "it is none"),
        ({"contact_id": ""}, "it names no contact_id"),
        ({"contact_id": "", "kind": "opted_out", "customer_id": "77"}, "'77' is not in the ledger"),
        ({"contact_id": "", "kind": "opted_out", "customer_id": "x"}, "'x' is not in the ledger"),
    ],
)
def test_a_row_that_cannot_be_used_is_told_and_the_others_are_kept(ledger, change, why):
    done = record(ledger, [replace(SENT, **change), replace(SENT, event_id="e2")], NOW)
    assert why in done.refused[0]
    assert (done.new, len(done.refused)) == (1, 1)


def test_one_id_for_two_receipts_is_refused_and_the_first_stays(ledger):
    done = record(ledger, [SENT, replace(SENT, kind="failed")], NOW)
    assert done.refused == {1: "another receipt with this event_id is known, and says otherwise"}
    assert counts_of(ledger, 1) == {("points", "sms", "sent"): 1}


LATE = replace(SENT, event_id="late")
OPT_OUT = Receipt("o1", "", "2", "opted_out", SENT.at_us - 1)


@pytest.mark.parametrize(
    ("files", "counted"),
    [
        ([[OPT_OUT, LATE]], [1]),
        ([[LATE, OPT_OUT]], [1]),
        ([[OPT_OUT], [LATE], [LATE]], [0, 1, 0]),
        ([[LATE], [OPT_OUT]], [0, 1]),
        ([[replace(OPT_OUT, at_us=SENT.at_us), LATE]], [0]),
        ([[replace(OPT_OUT, customer_id="3"), LATE]], [0]),
        ([[replace(OPT_OUT, kind="complained"), LATE]], [0]),  # before the file said there is none
        ([[OPT_OUT, LATE], [replace(OPT_OUT, event_id="c", kind="complained")]], [1, 0]),
    ],
)
def test_what_was_sent_after_an_opt_out_is_counted_once_in_whatever_order(ledger, files, counted):
    assert [record(ledger, rows, NOW).sent_after_stop for rows in files] == counted


def test_what_was_sent_after_a_complaint_or_a_files_opt_out_is_counted(ledger):
    later = NOW + DAY
    told = replace(LATE, at_us=later)
    complaint = replace(OPT_OUT, kind="complained", at_us=later - 1)
    assert record(ledger, [told, complaint], later).sent_after_stop == 1
    take_in(ledger, standing(9, opted_out=[False, False, True] + [False] * 6), NOW)
    third = replace(told, event_id="e3", contact_id=contact_id(1, 3, OPENS))
    fourth = replace(told, event_id="e4", contact_id=contact_id(1, 4, OPENS))
    assert record(ledger, [third, fourth], later).sent_after_stop == 1


def test_a_contact_is_ahead_until_its_window_closes_or_it_is_sent_and_does_not_fail(ledger):
    def ahead(now_us: int) -> list[int]:
        return [one.customer for one in contacts_ahead(ledger, 1, now_us)]

    assert ahead(OPENS + HOUR - 1) == [1, 2, 3, 4]
    assert ahead(OPENS + HOUR) == []
    failed = replace(SENT, event_id="f", kind="failed", contact_id=contact_id(1, 3, OPENS))
    record(ledger, [SENT, failed], NOW)
    assert ahead(OPENS) == [1, 3, 4]  # what failed may be sent again
    assert ahead(OPENS + HOUR) == []
    late = OPENS + HOUR // 2 + 1
    again = replace(failed, event_id="g", kind="sent", at_us=late)
    record(ledger, [again, replace(SENT, event_id="h", kind="failed", at_us=late)], NOW)
    assert ahead(OPENS) == [1, 2, 4]
