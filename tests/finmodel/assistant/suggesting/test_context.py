"""What an engine reads: as in training while it fits, masked, and never more than its budget."""

from collections import Counter

import msgspec
import pytest

from fine_tune.lessons.prepare import prepare
from finmodel.assistant.suggesting.asking import Asking, asking_of, may_be_told
from finmodel.assistant.suggesting.context import HISTORY, prompt_of
from finmodel.lender.talk.conversations import write
from finmodel.privacy.masks import masked
from tests.finmodel.assistant.suggesting.talks import DAY, FACTS, asking, said


def test_what_is_served_is_what_was_trained():
    compared = Counter()
    for written in write(60, 9):
        one = msgspec.structs.replace(written.conversation, consent_to_training=True, split="train")
        (lesson,) = prepare([one], masked).lessons["train"]
        for reply in lesson.replies:
            history = lesson.messages[: reply.after]
            place = sum(message.role != "system" for message in history)
            if any(m.who == "system" for m in one.messages):
                continue
            want = asking_of(msgspec.structs.replace(one, messages=one.messages[:place]))
            assert prompt_of(want, may_be_told(want, False)).messages == history
            compared[one.messages[place - 1].identity == "verified"] += 1
    assert min(compared[True], compared[False]) >= 20


def test_a_later_turn_goes_on_where_the_earlier_one_ended_though_somebody_was_verified_between():
    became = 0
    for written in write(60, 9):
        one, before = written.conversation, ()
        for place, last in enumerate(one.messages, start=1):
            want = asking_of(msgspec.structs.replace(one, messages=one.messages[:place]))
            messages = prompt_of(want, may_be_told(want, False)).messages
            assert messages[: len(before)] == before
            before = messages
            became += last.identity == "verified" != one.messages[max(place - 2, 0)].identity
    assert became >= 10


def test_whoever_is_not_verified_is_answered_by_a_model_that_knows_no_standing():
    for identity in ("none", "basic"):
        want = asking("我逾期了吗", identity=identity, account="overdue")
        (briefing, *_) = prompt_of(want, may_be_told(want, False)).messages
        assert "逾期" not in briefing.text
    want = asking("我逾期了吗", account="overdue")
    assert "借款逾期" in prompt_of(want, may_be_told(want, False)).messages[0].text


def test_a_third_party_is_said_to_be_nobody_known():
    want = asking("您好", "我是他老婆")
    messages = prompt_of(want, may_be_told(want, third_party=True)).messages
    assert messages[-1].role == "system"
    assert "未核实" in messages[-1].text


def test_personal_data_are_masked_alike_throughout():
    want = asking("我叫王小明，电话13800138000", ">您好", "王小明的还款日")
    whole = "\n".join(one.text for one in prompt_of(want, may_be_told(want, False)).messages)
    assert "王小明" not in whole
    assert "13800138000" not in whole
    assert whole.count("[姓名1]") == 2


@pytest.mark.parametrize("room", [500, HISTORY])
def test_a_long_conversation_keeps_its_end_and_carries_its_beginning(room):
    texts = ["我失业了，孩子住院"] + ["这个月还款日是哪天呢" * 5, ">好的请稍等"] * 300
    want = asking(*texts, "还款日")
    prompt = prompt_of(want, may_be_told(want, False), ["资料一"], room)
    assert prompt.tokens <= room
    assert prompt.messages[0].role == "system"
    assert "第1条：我失业了，孩子住院" in prompt.messages[1].text
    assert prompt.messages[-2].text == "还款日"
    assert prompt.messages[-1].text == "资料：资料一"
    assert prompt.left_out > 400


def test_a_message_of_a_hundred_thousand_characters_is_cut_and_no_number_in_half():
    text = "还" * 995 + "13800138000" + "款" * 100_000 + "6222021234567890123" + "日" * 990
    want = asking(text)
    (_, message) = prompt_of(want, may_be_told(want, False)).messages
    assert len(message.text) <= 2_010
    assert not any(sign.isdigit() for sign in message.text)


def test_sources_and_tone_stand_behind_the_conversation():
    want = asking("还款日", tone="brief")
    told = may_be_told(want, False)
    plain = prompt_of(asking("还款日"), told).messages
    assert prompt_of(want, told, ["随时可还"]).messages[: len(plain)] == plain


def test_nothing_shows_words():
    want = Asking("c", said("秘密"), "none", None, FACTS, DAY)
    assert "秘密" not in repr(prompt_of(want, may_be_told(want, False)))
