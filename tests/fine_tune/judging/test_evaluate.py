"""Losses of what is held out, against a plain way."""

import math

import pytest
import torch

from fine_tune.judging.evaluate import mean_loss
from fine_tune.lessons.samples import samples_of
from tests.fine_tune.small_model import FAMILY, encode, lesson, small_model


def test_the_mean_loss_is_the_same_however_samples_share_rows():
    samples = [s for n in range(6) for s in samples_of(lesson(n), FAMILY, encode, 600)]
    model = small_model(dtype=torch.float64)
    wide = mean_loss(model, samples, 4_000)
    assert mean_loss(model, samples, 600) == pytest.approx(wide, rel=1e-7)
    assert wide == pytest.approx(math.log(300), rel=0.05)
    assert math.isnan(mean_loss(model, [], 600))
