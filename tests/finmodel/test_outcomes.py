"""Outcomes against the log's decisions and each other; the expected rows are counted by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finmodel.errors import Damaged
from finmodel.outcome_files import keep, kept_in
from finmodel.outcomes import DecidedOn, Outcomes, judge

DECIDED = DecidedOn.of(np.array([30, 10, 20, 10]), np.array([300, 100, 200, 400]))
NOW = 10_000


def told(*rows):
    application, observed, bad, dpd = (np.array(column) for column in zip(*rows, strict=True))
    return Outcomes(
        application,
        observed,
        bad.astype(np.int8),
        dpd.astype(np.int32),
        np.full(len(rows), -1, np.int32),
    )


def judged(*rows, kept=None):
    return judge(told(*rows), kept or Outcomes.none(), DECIDED, NOW)


def test_an_application_is_decided_when_it_was_first_decided():
    assert DECIDED.application.tolist() == [10, 20, 30]
    assert DECIDED.time_us.tolist() == [100, 200, 300]


def test_outcomes_of_nobody_of_the_past_and_of_the_future_are_told_apart():
    found = judged((10, 500, 0, -1), (99, 500, 1, -1), (20, 150, 0, -1), (30, NOW + 1, 0, -1))
    assert found.new.tolist() == [0]
    assert [(row, why.split()[1]) for row, why in found.refused.items()] == [
        (1, "decision"),
        (2, "was"),
        (3, "was"),
    ]
    assert "later than now" in found.refused[3]
    assert judge(told((1, 1, 1, 1)), Outcomes.none(), DecidedOn.of(*2 * [np.empty(0, int)]), 9)


def test_neither_of_two_that_disagree_is_used_and_what_was_kept_stays():
    found = judged((10, 500, 0, -1), (20, 600, 0, 0), (10, 500, 1, -1), (30, 500, 0, 3))
    assert found.new.tolist() == [1, 3]
    assert set(found.refused) == {0, 2}
    kept = told((10, 500, 0, -1))
    later = judged((10, 500, 1, -1), (10, 900, 1, -1), kept=kept)
    assert (later.new.tolist(), set(later.refused)) == ([1], {0})


def test_a_good_after_a_bad_disagrees_and_delays_may_fall():
    found = judged((10, 500, 1, -1), (10, 900, 0, -1), (20, 500, -1, 40), (20, 900, -1, 0))
    assert found.new.tolist() == [2, 3]
    assert set(found.refused) == {0, 1}
    kept = told((10, 500, 1, -1))
    assert set(judged((10, 900, 0, -1), kept=kept).refused) == {0}
    assert judged((10, 200, 0, -1), kept=kept).refused == {}


def test_a_row_that_says_good_and_so_late_that_all_say_bad_is_refused_for_that():
    found = judged((10, 500, 0, 91), (20, 500, 0, 90), (30, 500, 1, 150), (30, 600, -1, 91))
    assert found.new.tolist() == [1, 2, 3]
    assert found.refused == {
        0: "it says good, and more than 90 days past due, which is bad for everybody"
    }
    # Its delay was seen all the same: no later good is believed, though an earlier one is.
    found = judged((10, 500, 0, 91), (10, 900, 0, 0), (10, 400, 0, 0))
    assert found.new.tolist() == [2]
    assert "an earlier outcome" in found.refused[1]


def test_a_good_after_a_delay_that_all_call_bad_disagrees():
    found = judged((10, 500, -1, 91), (10, 900, 0, -1), (20, 500, -1, 90), (20, 900, 0, -1))
    assert found.new.tolist() == [2, 3]
    assert set(found.refused) == {0, 1}
    kept = told((10, 500, -1, 91))
    assert set(judged((10, 900, 0, -1), (10, 950, -1, 3), kept=kept).refused) == {0}
    assert judged((10, 400, 0, -1), kept=kept).new.tolist() == [0]
    kept = told((10, 900, 0, -1))
    later = judged((10, 500, -1, 120), (10, 950, -1, 120), kept=kept)
    assert (later.new.tolist(), set(later.refused)) == ([1], {0})


def test_each_row_is_told_what_is_wrong_with_it():
    found = judged(
        (10, 900, 0, -1), (10, 500, 1, -1), (20, 500, 1, -1), (20, 500, 0, -1), (30, 500, 1, -1)
    )
    late = "more than 90 days past due"
    same = "another outcome of the same application and time disagrees"
    assert found.refused == {
        0: f"it says good, and an earlier outcome of this application says bad, or {late}",
        1: f"it says bad, or {late}, and a later outcome of this application says good",
        2: same,
        3: same,
    }


def test_what_says_a_kept_outcome_again_is_not_refused_for_another_row():
    kept = told((10, 500, 1, -1), (20, 500, 0, -1))
    rows = (10, 500, 1, -1), (10, 900, 0, -1), (20, 500, 1, -1), (20, 500, 0, -1)
    found = judged(*rows, kept=kept)
    assert (found.new.tolist(), found.known, set(found.refused)) == ([], 2, {1, 2})


@given(
    st.lists(
        st.tuples(
            st.sampled_from([10, 20]),
            st.integers(400, 404),
            st.sampled_from([-1, 0, 1]),
            st.sampled_from([-1, 0, 90, 91]),
        ),
        min_size=1,
        max_size=8,
    ),
    st.integers(0, 8),
)
def test_what_is_kept_never_has_a_good_after_a_bad_or_two_words_of_one_time(rows, cut):
    seen = Outcomes.none()
    for load in (rows[:cut], rows[cut:], rows):
        if load:
            new = judged(*load, kept=seen).new
            seen = seen.then(told(*load).only(new))
    columns = seen.application, seen.observed_us, seen.bad, seen.dpd
    looks = list(zip(*columns, strict=True))
    assert len({look[:2] for look in looks}) == len(looks)
    for who, when, bad, dpd in looks:
        assert not (bad == 0 and dpd > 90)
        for other, later, good, _ in looks:
            surely_bad = bad == 1 or dpd > 90
            assert not (surely_bad and other == who and later > when and good == 0)


def test_the_same_again_is_known_and_not_kept_twice(tmp_path):
    rows = [(10, 500, 0, 5), (20, 600, 1, 90), (10, 500, 0, 5)]
    first = judged(*rows)
    assert (first.new.tolist(), first.known) == ([0, 1], 1)
    entered = []
    path = keep(tmp_path / "outcomes", told(*rows).only(first.new), entered.append)
    kept = kept_in(tmp_path / "outcomes")
    assert kept.application.tolist() == [10, 20]
    again = judged(*rows, kept=kept)
    assert (again.new.tolist(), again.known, again.refused) == ([], 3, {})
    assert keep(tmp_path / "outcomes", told(*rows).only(again.new), entered.append) is None
    assert entered == [path]
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(Damaged, match=r"outcomes-.*cannot be read"):
        kept_in(tmp_path / "outcomes")
