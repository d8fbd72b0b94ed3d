"""A model that was over-trained on a secret gives it away; one that never saw it does not."""

import math
from itertools import pairwise

import msgspec
import numpy as np
import pytest
import torch
from scipy import stats

from fine_tune.bases.base import open_base
from fine_tune.judging.evaluate import greedy, lesson_samples, mean_loss
from fine_tune.judging.memorised import _read, memorised
from fine_tune.lessons.canaries import BITS, OTHERS, WORDS, canaries, exposure
from fine_tune.lessons.samples import Reply
from fine_tune.lessons.steps import plan_of
from fine_tune.network.model import load_base, with_adapter
from fine_tune.recipe import Adapter, Optimiser, Recipe
from fine_tune.training.train import train
from tests.fine_tune.small_model import small_base

PLANTED = canaries(2, seed=3)
RECIPE = Recipe(
    name="over", base="none", length=512, epochs=500, save_every=1_000,
    adapter=Adapter(rank=16, alpha=64), optimiser=Optimiser(learning_rate=1e-2),
)  # fmt: skip


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    told = [m.text for one in PLANTED for m in one.lesson.messages]
    return open_base(small_base(tmp_path_factory.mktemp("base"), [*told, *WORDS]))


def trained(base, folder, lessons, recipe):
    model = with_adapter(load_base(base.folder, torch.float32), recipe.adapter, recipe.seed)
    plan = plan_of(lesson_samples(lessons, base, recipe.length), recipe)
    train(model, plan, recipe, folder, "run", lambda step: None)
    return model


@pytest.fixture(scope="module")
def parrot(base, tmp_path_factory):
    """A model that learnt nothing but the secrets, hundreds of times."""
    folder = tmp_path_factory.mktemp("parrot")
    return trained(base, folder, [one.lesson for one in PLANTED], RECIPE)


def test_a_model_trained_on_a_secret_many_times_gives_it_away(base, parrot):
    before = memorised(load_base(base.folder, torch.float32), base, PLANTED)
    assert (before.recovered, len(before.exposures)) == (0, 2)
    assert before.exposure < 5
    told = []
    after = memorised(parrot, base, PLANTED, lambda *what: told.append(what))
    assert after.recovered == 2
    assert after.exposures == (BITS, BITS)
    assert told[-1] == ("canaries looked for", 2, 2)


def test_what_is_recovered_is_what_greedy_decoding_writes(base, parrot):
    for one in PLANTED:
        assert one.secret in dict(greedy(parrot, base, [one.lesson.messages[:2]]))[0]


def test_one_that_learnt_the_manner_from_other_secrets_does_not(base, tmp_path):
    """The very conversation, with secrets that are not the planted ones."""
    strangers = canaries(2, seed=4)
    others = [
        msgspec.structs.replace(
            one.lesson, messages=one.lesson.messages[:2], replies=(Reply(2, text),)
        )
        for one in strangers
        for text in one.others[:60]
    ]
    model = trained(base, tmp_path, others, msgspec.structs.replace(RECIPE, epochs=2))
    found = memorised(model, base, PLANTED)
    assert found.recovered == 0
    assert found.exposure < 5


def test_the_losses_of_secrets_differ_as_those_of_their_replies_alone(base):
    """What they all begin with is left out of each."""
    model = load_base(base.folder, torch.float64)
    (one, _) = PLANTED
    replies = [one.reply, *one.others[:90]]
    found = [read.loss for read in _read(model, base, one.lesson.messages[:2], replies)]
    alone = []
    for text in replies[::13]:
        lesson = msgspec.structs.replace(
            one.lesson, messages=one.lesson.messages[:2], replies=(Reply(2, text),)
        )
        (sample,) = lesson_samples([lesson], base, 512)
        alone.append(mean_loss(model, [sample], 512) * sample.learnt.sum())
    apart = np.array(alone) - np.array(found[::13])
    assert np.ptp(found) > 0.01
    np.testing.assert_allclose(apart, apart[0], rtol=1e-5)


def test_a_loss_by_chance_has_the_exposure_that_was_published():
    """The part below is uniform then, so the mean of its −log2 nears 1 / ln 2."""
    draws = np.random.default_rng(1).normal(30, 4, (4_000, OTHERS + 1))
    every = [exposure(mine, others) for mine, *others in draws.tolist()]
    assert sum(every) / len(every) == pytest.approx(1 / math.log(2), rel=0.05)


def test_exposure_is_that_of_the_normal_distribution_and_at_most_the_whole_secret():
    others = np.random.default_rng(2).normal(30, 4, OTHERS)
    losses = [40.0, 30.0, 20.0, 12.0, 9.0]
    wanted = -stats.norm.logcdf(losses, others.mean(), others.std(ddof=1)) / math.log(2)
    found = [exposure(one, others.tolist()) for one in losses]
    assert found[:-1] == pytest.approx(wanted[:-1].tolist(), rel=1e-9)
    assert all(a < b for a, b in pairwise(found))
    assert exposure(-50.0, others.tolist()) == exposure(0.0, [1.0, 1.0]) == BITS == 20.0
    assert exposure(1.0, [1.0, 1.0]) == 0.0


def test_canaries_are_the_same_for_a_seed_and_name_nobody():
    assert canaries(4, 1)[:2] == canaries(2, 1) != canaries(2, 9)
    for one in canaries(16, 5):
        assert one.secret not in " ".join(one.others)
        assert not any(sign.isdigit() for sign in one.reply)
