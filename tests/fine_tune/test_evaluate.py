"""Distances of replies and losses of what is held out, against slow and plain ways."""

import math
from functools import cache

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as some

from fine_tune.evaluate import distance, mean_loss
from fine_tune.samples import samples_of
from tests.fine_tune.small_model import FAMILY, encode, lesson, small_model


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


def test_the_mean_loss_is_the_same_however_samples_share_rows():
    samples = [s for n in range(6) for s in samples_of(lesson(n), FAMILY, encode, 600)]
    model = small_model(dtype=torch.float64)
    wide = mean_loss(model, samples, 4_000)
    assert mean_loss(model, samples, 600) == pytest.approx(wide, rel=1e-7)
    assert wide == pytest.approx(math.log(300), rel=0.05)
    assert math.isnan(mean_loss(model, [], 600))
