"""The judgement of one row against LightGBM and against arithmetic written out here."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finmodel.export import load_export
from finmodel.records import ViewState
from serving.judgement import judge
from serving.live import served
from tests.serving.small_world import NAME, VIEWS, make_world

FEATURES = sum(VIEWS.values())


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return make_world(tmp_path_factory.mktemp("judged"))


@pytest.fixture(scope="module")
def model(world):
    return served(load_export(world.settings.exports / NAME / "1", world.settings.signing))


values = st.one_of(st.just(float("nan")), st.floats(-4, 4, width=32))


@given(
    row=st.lists(values, min_size=FEATURES, max_size=FEATURES),
    states=st.lists(st.sampled_from(ViewState), min_size=3, max_size=3),
)
@settings(max_examples=60, deadline=None)
def test_a_judgement_is_lightgbms_score_and_the_policys_ruling(world, model, row, states):
    vector = np.array([row], dtype=np.float32)
    judged = judge(vector, np.array(states, dtype=np.uint8), model)
    assert judged.raw == world.boosters[1].predict(vector, raw_score=True)[0]
    contributions = world.boosters[1].predict(vector, pred_contrib=True)[0]
    assert judged.contributions == pytest.approx(contributions, abs=1e-9)
    log_odds = 0.05 + 1.1 * judged.raw
    assert judged.points == pytest.approx(600 - 20 / np.log(2) * (log_odds + np.log(50)))
    assert judged.probability == pytest.approx(1 / (1 + np.exp(-log_odds)))
    if set(states) == {ViewState.PRESENT}:
        assert judged.ruling.rule == "points"
    else:
        assert judged.ruling.answer == "refer"
    assert [r.points for r in judged.reasons] == sorted(
        (r.points for r in judged.reasons), reverse=True
    )


def test_the_same_row_gives_the_same_bits(model):
    vector = np.linspace(-2, 2, FEATURES, dtype=np.float32)[None, :]
    states = np.zeros(3, dtype=np.uint8)
    first, second = judge(vector, states, model), judge(vector, states, model)
    assert first.contributions.tobytes() == second.contributions.tobytes()
    assert (first.raw, first.points, first.reasons) == (second.raw, second.points, second.reasons)
