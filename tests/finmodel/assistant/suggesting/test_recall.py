"""What is carried forward of early turns: what was said, with its turn, within a budget."""

from hypothesis import given, settings
from hypothesis import strategies as some

from finmodel.assistant.suggesting.recall import as_told, recall
from finmodel.conversations import tokens_about
from tests.finmodel.assistant.suggesting.talks import said

TEXTS = ["我失业了", "在吗", "下个月发工资再还", "手机换了", "好的", "别打我单位电话", "a" * 500]


@given(some.lists(some.sampled_from(TEXTS), max_size=12), some.integers(0, 120))
@settings(max_examples=60, deadline=None)
def test_what_is_carried_was_said_there_and_fits(texts, room):
    found = recall(said(*texts), texts, room)
    assert all(one.text in texts[one.turn - 1] for one in found)
    assert [one.turn for one in found] == sorted({one.turn for one in found})
    assert sum(tokens_about(one.text) for one in found) <= room
    assert "在吗" not in {one.text for one in found}


def test_what_tells_most_goes_first_and_is_told_once():
    texts = ["我失业了，答应下个月发工资还", "手机换了", "手机换了"]
    assert [one.turn for one in recall(said(*texts), texts, 25)] == [1]
    assert [one.turn for one in recall(said(*texts), texts, 100)] == [1, 2]


def test_what_an_agent_said_is_not_a_fact_of_the_customers():
    assert recall(said(">您失业了吗"), ["您失业了吗"], 100) == ()


def test_it_is_told_with_its_turn():
    texts = ["我失业了"]
    assert as_told(recall(said(*texts), texts, 100)) == "客户先前说过：第1条：我失业了"
