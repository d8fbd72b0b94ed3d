"""What a search proposes, and when it may say that it found more than chance."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
import yaml
from sklearn.metrics import roc_auc_score

from finmodel.errors import BadInput
from risk.frames.split import folds
from risk.recipe import Params
from risk.search import gain_over, pasted, proposed, require_trials

OWN = Params(rounds=300, num_leaves=15, max_depth=4, seed=9, threads=3, max_bin=63)
STOPPED = msgspec.structs.replace(OWN, early_stopping=50)


def test_the_same_seed_proposes_the_same_and_a_longer_search_goes_on():
    first, again = ([proposed(OWN, n, seed=5) for n in range(40)] for _ in range(2))
    assert first == again
    assert first[0] == OWN
    assert len(set(map(repr, first))) == 40
    assert first[1:] != [proposed(OWN, n, seed=6) for n in range(1, 40)]


@pytest.mark.parametrize(("own", "deepest"), [(-1, 4), (2, 4), (4, 4), (7, 7)])
def test_trees_stay_shallow_unless_the_recipes_are_deep(own, deepest):
    params = msgspec.structs.replace(OWN, max_depth=own)
    tried = [proposed(params, n, seed=1) for n in range(1, 200)]
    assert {one.max_depth for one in tried} == set(range(2, deepest + 1))
    assert all(one.num_leaves <= 2**one.max_depth for one in tried)
    assert {(one.seed, one.threads, one.max_bin) for one in tried} == {(9, 3, 63)}


def test_early_stopping_finds_the_trees_and_without_it_they_are_searched():
    tried = [proposed(STOPPED, n, seed=1) for n in range(1, 30)]
    assert {(one.rounds, one.early_stopping) for one in tried} == {(300, 50)}
    rounds = [proposed(OWN, n, seed=1).rounds for n in range(1, 100)]
    assert 150 <= min(rounds) < 200 < 500 < max(rounds) <= 600


@pytest.mark.parametrize("own", [OWN, STOPPED])
def test_what_is_pasted_is_what_was_tried(own):
    for trial in range(20):
        params = proposed(own, trial, seed=3)
        read = yaml.safe_load(pasted(params, own))
        assert msgspec.convert(read["params"], Params) == params


@pytest.mark.parametrize(
    ("trials", "seed", "says"),
    [(0, 0, "0 trials"), (-3, 0, "-3 trials"), (1001, 0, "1001 trials"), (5, -1, "seed -1")],
)
def test_a_search_that_makes_no_sense_is_refused(trials, seed, says):
    with pytest.raises(BadInput, match=says) as caught:
        require_trials(trials, seed)
    assert caught.value.remedy


def skilled(random: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    labels = (random.random(n) < 0.25) * 1.0
    return labels, labels + random.normal(size=n)


def test_a_gain_is_that_of_sklearn_and_its_error_that_of_resampling():
    random = np.random.default_rng(4)
    labels, shared = skilled(random, 1500)
    pair = shared + random.normal(size=1500), (shared + 0.5 * random.normal(size=1500)).round(1)
    parts = [test for _, test in folds(labels, 3, 1)]
    found = gain_over(labels, pair, parts, trials=1)
    expected = np.mean(
        [roc_auc_score(labels[p], pair[1][p]) - roc_auc_score(labels[p], pair[0][p]) for p in parts]
    )
    assert found.auc == pytest.approx(expected, abs=1e-12)
    goods, bads = np.flatnonzero(labels == 0), np.flatnonzero(labels == 1)
    again = []
    for _ in range(400):
        rows = np.concatenate([random.choice(goods, goods.size), random.choice(bads, bads.size)])
        one, other = (roc_auc_score(labels[rows], scores[rows]) for scores in pair)
        again.append(other - one)
    assert found.error == pytest.approx(np.std(again), rel=0.15)
    assert found.more_than_chance


def test_the_best_of_many_that_are_no_better_is_rarely_believed():
    """One search in twenty at most; without a word for the many it would be every third."""
    random, believed, alone = np.random.default_rng(6), 0, 0
    for _ in range(200):
        labels, shared = skilled(random, 400)
        scores = [shared + 0.3 * random.normal(size=400) for _ in range(11)]
        own, *others = scores
        parts = [np.arange(400)]
        gains = [gain_over(labels, (own, one), parts, trials=10) for one in others]
        best = max(gains, key=lambda gain: gain.auc)
        believed += best.more_than_chance
        alone += best.auc > 0 and best.chance / 10 < 0.05
    assert believed <= 14
    assert alone > 30


def test_what_is_the_same_has_no_gain():
    labels, scores = skilled(np.random.default_rng(1), 100)
    found = gain_over(labels, (scores, scores), [np.arange(100)], trials=5)
    assert (found.auc, found.error, found.more_than_chance) == (0.0, 0.0, False)
