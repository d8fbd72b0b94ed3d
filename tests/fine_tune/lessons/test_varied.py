"""Lessons under a budget: the rare first, not what repeats itself, and what still fits."""

from hypothesis import given
from hypothesis import strategies as st

from fine_tune.lessons.samples import Lesson, Message, Reply
from fine_tune.lessons.varied import varied


def lesson(name, *scripts, long=1):
    replies = tuple(Reply(1, "答" * long, script=script) for script in scripts)
    return Lesson(name, (Message("user", "问"),), replies)


def ids(lessons):
    return [one.id for one in lessons]


def length(one):
    return 1 + sum(len(reply.text) for reply in one.replies)


def test_a_script_shown_again_in_one_lesson_adds_less():
    """Three times bye is worth 11/6 in four characters, two scripts once 2 in three."""
    again, twice = lesson("again", *["bye-1"] * 3), lesson("two", "rate-1", "fee-1")
    assert ids(varied([again, twice], 0.6, {})) == ["two"]


def test_one_that_does_not_fit_is_passed_over():
    every = [
        lesson("short", "a-1"),
        lesson("long", "b-1", "c-1", "d-1", long=4),
        lesson("s", "a-1"),
    ]
    room = (length(every[0]) + length(every[2])) / sum(map(length, every))
    assert ids(varied(every, room, {})) == ["short", "s"]


def test_where_none_fits_the_best_goes_alone():
    assert ids(varied([lesson("1", "a-1"), lesson("2", "a-1", long=9)], 0.01, {})) == ["1"]


@given(
    st.lists(
        st.tuples(st.lists(st.sampled_from("abcd"), min_size=1, max_size=5), st.integers(1, 9)),
        min_size=1,
        max_size=8,
    ),
    st.floats(0.05, 1),
)
def test_what_is_chosen_fits_and_nothing_that_fits_is_left(drawn, share):
    every = [lesson(str(n), *scripts, long=long) for n, (scripts, long) in enumerate(drawn)]
    kept = varied(every, share, {})
    room = share * sum(map(length, every))
    used = sum(map(length, kept))
    assert used <= room or len(kept) == 1
    if used <= room:
        assert all(one in kept or used + length(one) > room for one in every)
