"""Limits that hold for every engine."""

from hypothesis import given
from hypothesis import strategies as some

from finmodel.assistant.engines.engine import Asked, limited
from finmodel.assistant.template import Message


@given(
    some.text("ab<|", max_size=20), some.integers(1, 5), some.text("b<|", min_size=1, max_size=3)
)
def test_a_stream_ends_before_its_stop_word_however_it_is_cut(text, size, stop):
    pieces = (text[at : at + size] for at in range(0, len(text), size))
    said = "".join(limited(pieces, Asked((), stop=(stop,))))
    assert said == text.split(stop)[0]


def test_what_was_written_when_time_is_up_stands_and_the_rest_is_cancelled():
    seen = []

    def said():
        try:
            for piece in "abcdef":
                seen.append(piece)
                yield piece
        finally:
            seen.append("closed")

    clock = iter([0.0, 1.0, 2.0, 99.0])
    told = "".join(limited(said(), Asked((), seconds=10), lambda: next(clock)))
    assert (told, seen) == ("abc", ["a", "b", "c", "closed"])


def test_what_is_asked_shows_no_words():
    assert "秘密" not in repr(Asked((Message("user", "秘密"),)))
