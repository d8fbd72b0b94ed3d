"""Families of phrasings: enough for each intent, each in one split, and what is none is told."""

import re

import pytest

from finmodel.assistant.intents import load_intents
from finmodel.assistant.slots import SLOTS
from finmodel.errors import BadInput, NotFound
from finmodel.lender.talk.people import PERSONAL
from finmodel.lender.talk.phrasings import PARTS, detail_families, families, plan
from tests.finmodel.lender.talk.ways import ways


def test_each_intent_has_twelve_families_and_two_to_open_with_in_every_split():
    found = families()
    for intent in load_intents():
        assert sum(len(found[intent, part]) for part in PARTS) >= 12
        for part in PARTS:
            free = [one for one in found[intent, part] if not one.follows and one.needs <= PERSONAL]
            assert len(free) >= 2


def test_a_family_has_one_id_and_one_split():
    every = [one for many in families().values() for one in many]
    assert len(every) >= 1_300
    assert len({one.id for one in every}) == len(every)
    assert len({one.template for one in every}) == len(every)
    details = [one for many in detail_families().values() for one in many]
    assert len({one.template for one in details}) == len(details)


def test_no_two_splits_can_say_the_same():
    said: dict[str, set[str]] = {part: set() for part in PARTS}
    for intent in load_intents():
        for part in PARTS:
            for one in families()[intent, part]:
                said[part] |= {f"{intent} {way}" for way in ways(one.template)}
    assert len(said["train"]) >= 8_000
    assert min(map(len, said.values())) >= 1_000
    assert said["train"] & said["test"] == set()
    assert said["train"] & said["validation"] == set()
    assert said["validation"] & said["test"] == set()


def test_what_is_asked_for_exists():
    named = {name for many in families().values() for one in many for name in one.needs}
    assert named <= set(SLOTS) | PERSONAL
    assert named & set(SLOTS)


def test_everything_is_asked_by_somebody():
    asked = {one for text in plan().asked_by.values() for one in text.split()}
    small = {"greeting", "small_talk", "thanks_goodbye", "clarify", "verify_identity"}
    assert asked | small == set(load_intents())


GOOD = 'due_date:\n  train: ["几号还"]\n  validation: ["哪天还"]\n  test: ["啥时候还"]\n'


def test_a_folder_of_ones_own_is_read(tmp_path):
    (tmp_path / "mine.yaml").write_text(GOOD)
    assert [one.template for one in families(tmp_path)["due_date", "test"]] == ["啥时候还"]


@pytest.mark.parametrize(
    ("old", "new", "part"),
    [
        (
            "哪天还",
            "几号还",
            "stands in mine.yaml: due_date: train too; keep a family in one split",
        ),
        ("validation", "valid", "no list of phrasings"),
        ('["几号还"]', "几号还", "no list of phrasings"),
        ("几号还", "[几号还", "stands alone"),
    ],
)
def test_what_is_no_family_is_told(tmp_path, old, new, part):
    (tmp_path / "mine.yaml").write_text(GOOD.replace(old, new))
    with pytest.raises(BadInput, match=re.escape(part)):
        families(tmp_path)


def test_an_intent_that_is_none_is_told(tmp_path):
    (tmp_path / "mine.yaml").write_text(GOOD.replace("due_date", "due_day"))
    with pytest.raises(NotFound, match="did you mean 'due_date'"):
        families(tmp_path)
