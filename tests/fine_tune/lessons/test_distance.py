"""The distance of two texts, against a slow and plain way."""

from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as some

from fine_tune.lessons.distance import distance


def slow(first, second):
    @cache
    def edits(a, b):
        if not a or not b:
            return a + b
        same = first[a - 1] == second[b - 1]
        return min(edits(a - 1, b) + 1, edits(a, b - 1) + 1, edits(a - 1, b - 1) + (not same))

    return edits(len(first), len(second)) / max(len(first), len(second), 1)


@given(some.text("还款日abc", max_size=12), some.text("还款日abc", max_size=12))
def test_the_distance_is_levenshteins(first, second):
    assert distance(first, second) == pytest.approx(slow(first, second))
