"""Further families: enough for each intent, none that is held out, said only where asked for."""

import pytest

from finmodel.assistant.intents import load_intents
from finmodel.errors import BadInput
from finmodel.lender.talk.conversations import write
from finmodel.lender.talk.further import further_families
from finmodel.lender.talk.phrasings import families
from tests.finmodel.lender.talk.ways import ways

COUNT, SEED = 90, 5


def said(split, further):
    return {
        message.family
        for one in write(COUNT, SEED, further=further)
        if one.conversation.split == split
        for message in one.conversation.messages
        if message.family
    }


def test_each_intent_has_a_dozen_that_stand_nowhere_else():
    found = further_families()
    assert set(found) == set(load_intents())
    assert min(map(len, found.values())) >= 12
    ids = [one.id for some in found.values() for one in some]
    assert len(set(ids)) == len(ids) >= 1_000
    assert not set(ids) & {one.id for some in families().values() for one in some}


def test_none_can_say_what_is_held_out():
    held_out = {
        way
        for (_, part), some in families().items()
        if part != "train"
        for one in some
        for way in ways(one.template)
    }
    same = {
        one.id
        for some in further_families().values()
        for one in some
        if ways(one.template) & held_out
    }
    assert same == set()


def test_they_are_said_by_the_training_split_alone_and_only_where_asked_for():
    further = {one.id for some in further_families().values() for one in some}
    assert said("train", further=True) & further
    assert not said("train", further=False) & further
    for split in ("validation", "test"):
        assert said(split, further=True) == said(split, further=False)


@pytest.mark.parametrize("text", ["due_date: [几号还]\n", "due_date: |\n  几号[还\n"])
def test_what_holds_no_lines_is_refused(tmp_path, text):
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(BadInput):
        further_families(tmp_path)
