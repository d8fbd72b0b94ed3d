"""What a run is judged by: of conversations, the replies alone that no training showed."""

from fine_tune.judging.assay import only
from fine_tune.lessons.prepare import prepare
from fine_tune.lessons.samples import samples_of
from finmodel.lender.talk.conversations import write
from finmodel.lender.talk.held_out import held_out
from tests.fine_tune.small_model import FAMILY, encode


def test_replies_that_training_showed_count_nothing_among_those_it_did_not():
    lessons = prepare([one.conversation for one in write(200, seed=11)], list).lessons["test"]
    alone = [only(held_out(), one) for one in lessons]
    replies = [reply.script for one in alone for reply in one.replies]
    assert set(replies) <= held_out()
    assert 0 < len(replies) < sum(len(one.replies) for one in lessons)
    assert [one.messages for one in alone] == [one.messages for one in lessons]
    whole = next(
        one for one in lessons if 0 < len(only(held_out(), one).replies) < len(one.replies)
    )
    learnt = [
        sum(float(sample.learnt.sum()) for sample in samples_of(one, FAMILY, encode, 4_000))
        for one in (whole, only(held_out(), whole))
    ]
    characters = sum(len(one.text) for one in only(held_out(), whole).replies)
    assert characters <= learnt[1] <= characters + 2 * len(whole.replies) < learnt[0]
