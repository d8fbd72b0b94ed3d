"""The rule of time: a tile that a window could cut is never merged away."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from feature_store.windows import DAY, HOUR, MINUTE, Tiling, Timing, Window
from finmodel.errors import BadInput

SHIPPED = Tiling(
    (
        Window(HOUR, 5 * MINUTE),
        Window(DAY, HOUR),
        Window(7 * DAY, 6 * HOUR),
        Window(30 * DAY, DAY),
        Window(90 * DAY, DAY),
    ),
    lateness_us=2 * HOUR,
)
NOW = 1_800_000_000_000_000
AGES = st.integers(-HOUR, 120 * DAY)


@given(AGES, st.integers(0, 10 * DAY), st.integers(0, 5))
def test_no_window_that_can_still_be_asked_for_cuts_a_tile(age, after, late):
    event, clock = NOW - age, NOW
    as_of = SHIPPED.oldest_as_of(clock) + min(after, late * HOUR)
    width = SHIPPED.width(event, clock)
    held = [window for window in SHIPPED.windows if window.holds(event, as_of)]
    if width == 0:
        assert held == []
        return
    start = event // width * width
    for window in SHIPPED.windows:
        assert not start < window.begins(as_of) < start + width


@given(AGES, st.integers(0, 10 * DAY))
def test_tiles_only_grow_and_in_the_end_are_gone(age, after):
    event = NOW - age
    before, later = SHIPPED.width(event, NOW), SHIPPED.width(event, NOW + after)
    assert later == 0 or later >= before > 0
    assert SHIPPED.width(event, NOW + 200 * DAY) == 0


@given(AGES, st.integers(0, DAY))
def test_what_shares_a_tile_shares_it_for_good(age, apart):
    width = SHIPPED.width(NOW - age, NOW)
    assume(width)
    start = (NOW - age) // width * width
    other = start + apart % width
    for clock in (NOW, NOW + HOUR, NOW + 3 * DAY):
        assert SHIPPED.width(other, clock) == SHIPPED.width(start, clock)


@given(st.integers(0, 2**50))
def test_the_tail_is_early_by_less_than_a_tile(as_of):
    for window in SHIPPED.windows:
        assert 0 <= as_of - window.width_us - window.begins(as_of) < window.tile_us


def test_an_event_is_late_by_the_logs_own_clock():
    late = SHIPPED.lateness_us
    assert SHIPPED.timing(NOW - late, NOW) is Timing.ON_TIME
    assert SHIPPED.timing(NOW - late - 1, NOW) is Timing.TOO_LATE
    assert SHIPPED.timing(NOW + SHIPPED.skew_us, NOW) is Timing.ON_TIME
    assert SHIPPED.timing(NOW + SHIPPED.skew_us + 1, NOW) is Timing.AHEAD


@pytest.mark.parametrize(
    ("windows", "said"),
    [
        ((), "at least one aggregation"),
        (((HOUR, 7 * MINUTE),), "divisor"),
        (((HOUR, 0),), "divisor"),
        (((HOUR, 2 * HOUR),), "divisor"),
        (((HOUR, 10 * MINUTE), (DAY, 15 * MINUTE)), "multiple"),
        (((HOUR, 10 * MINUTE), (DAY, MINUTE)), "wider tiles"),
    ],
)
def test_windows_that_do_not_go_together_are_refused(windows, said):
    with pytest.raises(BadInput, match=said):
        Tiling(tuple(Window(*one) for one in windows))
