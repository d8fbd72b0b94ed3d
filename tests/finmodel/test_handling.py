"""Figures of contacts hold against numpy's, and against what a contact may be."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from finmodel.conversations import Message
from finmodel.handling import (
    AGAIN,
    PAUSE,
    About,
    Contact,
    contact_of,
    figures,
    nearest_rank,
    parted,
)

START = datetime(2026, 6, 3, 1, tzinfo=UTC)
TURNS = st.lists(st.tuples(st.sampled_from(["customer", "agent", "system"]), st.integers(0, 4000)))


@given(st.lists(st.floats(0, 1e6), min_size=1), st.sampled_from([0.5, 0.9]))
def test_a_rank_is_what_numpy_says(values, share):
    assert nearest_rank(values, share) == np.quantile(values, share, method="inverted_cdf")


@given(TURNS)
def test_contacts_hold_every_message_once_and_break_only_behind_an_agents(turns):
    at, said = START, []
    for number, (who, seconds) in enumerate(turns):
        at += timedelta(seconds=seconds)
        said.append(Message(id=str(number), who=who, at=at, text="您好"))
    parts = parted(said)
    assert [one for part in parts for one in part] == [one for one in said if one.who != "system"]
    for before, after in pairwise(parts):
        assert before[-1].who == "agent"
        assert after[0].at - before[-1].at > PAUSE
    for part in parts:
        one = contact_of(part)
        if one.response_s is not None:
            assert 0 <= one.response_s <= one.handled_s


def test_only_what_is_over_for_long_enough_and_about_something_counts_as_resolved():
    now = START + 3 * AGAIN

    def one(ended, matter="due_date", response=5.0, again=False):
        contact = Contact(began=START, ended=ended, response_s=response, handled_s=60.0)
        return About(b"u", matter, contact), again

    group = [
        one(now - AGAIN), one(now - AGAIN, again=True), one(now - AGAIN + timedelta(seconds=1)),
        one(START, matter=""), one(START, response=None),
    ]  # fmt: skip
    found = figures(group, now)
    assert (found.contacts, found.known, found.resolved, found.unanswered) == (5, 2, 1, 0)
    nothing = figures([], now)
    assert (nothing.response_median_s, nothing.handled_p90_s, nothing.known) == (None, None, 0)
