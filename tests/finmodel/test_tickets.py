"""A complaint is due when the rule says, and never later."""

from datetime import UTC, date, datetime, timedelta

import pytest

from finmodel.errors import BadInput
from finmodel.tickets import COMPLAINT_DAYS, COMPLEX_DAYS, FollowUp, Ticket, required_by

DAY = date(2026, 6, 3)


def test_who_names_no_day_gets_the_rules_and_who_names_one_gets_that():
    assert required_by(FollowUp(kind="complaint"), DAY) == DAY + timedelta(COMPLAINT_DAYS)
    hard = FollowUp(kind="complaint", is_complex=True)
    assert required_by(hard, DAY) == DAY + timedelta(COMPLEX_DAYS)
    far = DAY + timedelta(90)
    assert required_by(FollowUp(kind="promise", due=far), DAY) == far


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (FollowUp(kind="promise", due=DAY - timedelta(1)), "2026-06-02 has passed"),
        (FollowUp(kind="complaint", due=DAY + timedelta(16)), "within 15 days, by 2026-06-18"),
        (
            FollowUp(kind="complaint", due=DAY + timedelta(31), is_complex=True),
            "within 30 days, by 2026-07-03",
        ),
    ],
)
def test_a_day_that_cannot_be_is_refused(asked, says):
    with pytest.raises(BadInput, match=says):
        required_by(asked, DAY)


def test_a_ticket_is_late_the_day_after_it_was_due_until_it_is_closed():
    at = datetime(2026, 6, 3, tzinfo=UTC)
    one = {
        "id": "t",
        "conversation": "c",
        "agent": "li",
        "kind": "refund",
        "opened": at,
        "due": DAY,
    }
    assert [Ticket(**one).is_overdue(DAY + timedelta(on)) for on in (0, 1)] == [False, True]
    assert not Ticket(**one, closed=at).is_overdue(DAY + timedelta(1))
