"""Sentences of a text, and the same while it comes in pieces."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as some

from finmodel.assistant.sentences import Sentences, sentences


@given(some.text("好的，。！？;\n{a}", max_size=40), some.integers(1, 6))
def test_a_stream_has_the_sentences_of_the_whole_however_it_is_cut(text, size):
    stream, found = Sentences(), []
    for at in range(0, len(text), size):
        found += stream.feed(text[at : at + size])
    rest = stream.close()
    found += [rest] if rest else []
    whole = [text[begin:end] for begin, end in sentences(text)]
    assert [one for one in found if one.strip("。！？;\n")] == [
        one for one in whole if one.strip("。！？;\n")
    ]


@given(some.text("好。！", max_size=30))
def test_no_two_sentences_share_a_sign(text):
    spans = sentences(text)
    assert all(one[1] <= other[0] for one, other in pairwise(spans))
