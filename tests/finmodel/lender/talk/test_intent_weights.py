"""What the intent model learns of: nothing that is held out, nothing that tells beforehand."""

import numpy as np

from finmodel.lender.talk.conversations import write
from finmodel.lender.talk.intent_weights import fit, held_back, judged, lessons, taught
from finmodel.lender.talk.phrasings import detail_families, families

COUNT, SEED = 240, 3


def test_only_families_of_the_training_split_are_learnt():
    held_out = {
        one.id
        for table in (families(), {("", part): some for part, some in detail_families().items()})
        for (_, part), some in table.items()
        if part != "train"
        for one in some
    }
    found = taught(COUNT, SEED)
    assert len(found) >= 400
    assert len(held_out) >= 400
    assert {one.family for one in found} & held_out == set()
    assert 0.02 < np.mean([held_back(one) for one in found]) < 0.25


def test_a_stranger_is_not_told_beforehand_by_a_missing_account():
    strange = [one for one in write(COUNT, SEED) if one.conversation.account is None]
    assert strange
    for one in strange:
        day = one.conversation.started.date()
        accounts = {lesson.situation.account for lesson in lessons(one)}
        assert accounts == {one.customer.account(day)}


def test_the_same_lessons_give_the_same_weights_and_teach_something():
    found = taught(COUNT, SEED)
    first, again = fit(found, 1), fit(found, 1)
    assert np.array_equal(first.weights, again.weights)
    right, among, _ = judged(first, found[:200])
    assert np.mean(right) > 0.8
    assert np.mean(among) >= np.mean(right)
