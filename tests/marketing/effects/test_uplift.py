"""Four learners on a trial whose effects are known."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import pytest

from finmodel.errors import BadInput
from marketing.effects.uplift import KINDS, Teaching, UpliftModel, effect_of, teach
from marketing.effects.uplift_metrics import Trial, uplift_of
from tests.marketing.trials import known_trial

TEACHING = Teaching(
    {"learning_rate": 0.05, "num_leaves": 7, "max_depth": 3, "min_data_in_leaf": 200, "seed": 3},
    80,
)


@pytest.fixture(scope="module", params=KINDS)
def learnt(request):
    return teach(request.param, known_trial(40_000)[0], TEACHING)


def test_a_learner_finds_the_known_effects(learnt):
    given, effect = known_trial(40_000, seed=9)
    found = effect_of(learnt, given.matrix)
    assert np.corrcoef(found, effect)[0, 1] > 0.8
    assert found.mean() == pytest.approx(effect.mean(), abs=0.02)
    best = uplift_of(effect, given.trial).qini
    assert uplift_of(found, given.trial).qini > 0.75 * best


def test_a_learner_reads_back_the_same(learnt):
    again = msgspec.json.decode(msgspec.json.encode(learnt), type=UpliftModel)
    rows = known_trial(500, seed=4)[0].matrix
    np.testing.assert_array_equal(effect_of(again, rows), effect_of(learnt, rows))
    with pytest.raises(BadInput, match="rows have 3 features; give the 4 that taught it"):
        effect_of(again, np.ascontiguousarray(rows[:, :3]))


@pytest.mark.parametrize("kind", KINDS)
def test_groups_of_unequal_size_are_no_bias(kind):
    given, effect = known_trial(40_000, share=0.15)
    found = effect_of(teach(kind, given, TEACHING), given.matrix)
    assert found.mean() == pytest.approx(effect.mean(), abs=0.03)


def test_what_a_learner_refuses():
    given, _ = known_trial(500)
    with pytest.raises(BadInput, match="'r' is no learner; choose of s, t, x, class"):
        teach("r", given, TEACHING)
    amounts = replace(given, trial=Trial(given.trial.treated, given.trial.response * 12.5))
    with pytest.raises(BadInput, match="uplift: class: its responses are amounts"):
        teach("class", amounts, TEACHING)
    assert teach("t", amounts, TEACHING).kind == "t"
