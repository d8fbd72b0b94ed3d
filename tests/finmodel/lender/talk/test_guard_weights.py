"""What the guards' classifiers learn of: nothing that is held out, and the same each time."""

import numpy as np
import pytest

from finmodel.assistant.guards.classifier import NOTHING
from finmodel.assistant.intents import load_intents
from finmodel.lender.talk import attacks as told
from finmodel.lender.talk.guard_weights import SAME, UNCLEAR, fit, scores, texts
from finmodel.lender.talk.held_out import held_out
from finmodel.lender.talk.phrasings import families


@pytest.mark.parametrize("side", ["inbound", "outbound"])
def test_nothing_that_is_held_out_is_learnt(side):
    held = {one for parts in getattr(told.shipped(), side).values() for one in parts.held_out}
    other = {one.id for (_, part), some in families().items() if part != "train" for one in some}
    found = texts(side, 8, 1)
    assert len(held) > 20
    assert not {one.family for one in found} & (held | other | held_out())


def test_intents_that_call_for_the_same_are_named_right():
    assert set(SAME) | UNCLEAR <= set(load_intents())
    assert set(SAME.values()) <= set(told.shipped().inbound)


def test_the_same_texts_give_the_same_weights_and_teach_something():
    found = texts("outbound", 10, 1)[:600]
    first, again = fit(found, 1), fit(found, 1)
    assert np.array_equal(first.weights, again.weights)
    bad = np.array([one.category != NOTHING for one in found])
    score = scores(first, found)
    assert score[bad].mean() > 0.7 > 0.3 > score[~bad].mean()
