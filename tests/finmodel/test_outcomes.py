"""Outcomes against the log's decisions and each other; the expected rows are counted by hand."""

import numpy as np
import pytest

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


def test_the_same_again_is_known_and_not_kept_twice(tmp_path):
    rows = [(10, 500, 0, 5), (20, 600, 1, 90), (10, 500, 0, 5)]
    first = judged(*rows)
    assert (first.new.tolist(), first.known) == ([0, 1], 1)
    path = keep(tmp_path / "outcomes", told(*rows).only(first.new))
    kept = kept_in(tmp_path / "outcomes")
    assert kept.application.tolist() == [10, 20]
    again = judged(*rows, kept=kept)
    assert (again.new.tolist(), again.known, again.refused) == ([], 3, {})
    assert keep(tmp_path / "outcomes", told(*rows).only(again.new)) is None
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(Damaged, match=r"outcomes-.*cannot be read"):
        kept_in(tmp_path / "outcomes")
