"""Who writes first keeps to hours and caps; who answers is never held up."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finmodel.assistant.contact_policy import Elsewhere, contacts, held
from finmodel.clock import CHINA
from finmodel.conversations import Message

NOON = datetime(2026, 6, 10, 12, tzinfo=CHINA)
NIGHT = datetime(2026, 6, 10, 23, tzinfo=CHINA)


def said(*turns):
    """Turns as (who, when)."""
    return [
        Message(id=f"m{place}", who=who, at=at, text="您好")
        for place, (who, at) in enumerate(sorted(turns, key=lambda one: one[1]))
    ]


def rules(scenario, here, now, log=None):
    return [one.rule for one in held(scenario, here, [here] if log is None else log, now)]


@pytest.mark.parametrize("scenario", ["collection", "marketing"])
@pytest.mark.parametrize(
    ("hour", "minute", "allowed"),
    [(7, 59, False), (8, 0, True), (21, 59, True), (22, 0, False), (0, 30, False)],
)
def test_nobody_is_written_to_first_at_night(scenario, hour, minute, allowed):
    now = NOON.replace(hour=hour, minute=minute)
    assert (rules(scenario, [], now) == []) == allowed


def test_it_may_be_sent_in_the_morning():
    for now in (NIGHT, NIGHT + timedelta(hours=3)):
        (one,) = held("collection", [], [], now)
        assert one.until == datetime(2026, 6, 11, 8, tzinfo=CHINA)


@given(
    st.sampled_from(["collection", "marketing"]),
    st.integers(0, 60 * 24 * 30),
    st.lists(st.integers(0, 60 * 24 * 30), max_size=8),
)
def test_an_answer_is_never_held_up_whatever_was_sent_before(scenario, now, sent):
    at = NOON + timedelta(minutes=now)
    before = [("agent", at - timedelta(minutes=one)) for one in sent]
    here = said(*before) + said(("customer", at))
    assert rules(scenario, here, at) == []
    assert rules(scenario, here, at + timedelta(hours=9)) == []  # however long they waited


def test_a_second_message_of_an_answer_is_an_answer_and_a_later_one_is_not():
    here = said(("customer", NIGHT), ("agent", NIGHT + timedelta(minutes=2)))
    assert rules("collection", here, NIGHT + timedelta(minutes=10)) == []
    assert rules("collection", here, NIGHT + timedelta(hours=2)) == ["contact_hours"]


@pytest.mark.parametrize("scenario", ["consultation", "repayment", "complaint"])
def test_service_has_no_limits(scenario):
    assert rules(scenario, said(*[("agent", NIGHT)] * 9), NIGHT + timedelta(hours=1)) == []


def test_a_customer_is_collected_from_three_times_a_day_over_all_conversations():
    early = [NOON + timedelta(hours=one) for one in (-3, -2, -1)]
    log = [said(("agent", early[0]), ("agent", early[1])), said(("agent", early[2]))]
    assert rules("collection", [], NOON, log[:1]) == []
    (one,) = held("collection", log[1], log, NOON)
    assert (one.rule, one.until.date()) == ("contact_frequency", (NOON + timedelta(1)).date())
    assert rules("collection", log[1], one.until, log) == []
    # what goes on with a contact is none of its own
    assert rules("collection", log[1], early[2] + timedelta(minutes=5), log) == []


def test_marketing_waits_for_the_cap_that_frees_last():
    days = [NOON - timedelta(days=one) for one in (20, 10, 3)]
    log = [said(("agent", at)) for at in days]
    (one,) = held("marketing", [], log, NOON)
    assert one.until == datetime(2026, 6, 20, 8, tzinfo=CHINA)  # thirty days after the first
    (one,) = held("marketing", [], log[2:], NOON)
    assert one.until == datetime(2026, 6, 14, 8, tzinfo=CHINA)  # seven after the last
    assert rules("marketing", [], one.until, log[2:]) == []


def test_what_campaigns_told_counts_for_marketing_alone_and_who_said_stop_is_left_alone():
    told = Elsewhere((NOON - timedelta(days=3),))
    (one,) = held("marketing", [], [], NOON, told)
    assert one.until == datetime(2026, 6, 14, 8, tzinfo=CHINA)
    assert held("collection", [], [], NOON, Elsewhere(told.contacts * 9, stopped=True)) == ()
    (stopped,) = held("marketing", [], [], NOON, Elsewhere(stopped=True))
    assert (stopped.rule, stopped.until) == ("contact_stopped", None)
    asked = said(("customer", NOON))
    assert held("marketing", asked, [asked], NOON, Elsewhere(stopped=True)) == ()


def test_answers_are_no_contacts():
    turns = [("customer", NOON), ("agent", NOON), ("agent", NOON + timedelta(hours=1))]
    assert contacts(said(*turns)) == [NOON + timedelta(hours=1)]
