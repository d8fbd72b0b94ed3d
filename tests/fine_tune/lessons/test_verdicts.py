"""What is learnt of agents' verdicts: weights, pairs, and nothing of whoever did not consent."""

from collections import Counter
from datetime import datetime, timedelta

import msgspec
import pytest

from fine_tune.lessons.distance import distance
from fine_tune.lessons.prepare import prepare
from finmodel.conversations import Conversation, Message
from finmodel.errors import BadInput
from finmodel.lender.talk.conversations import write
from finmodel.lender.talk.held_out import held_out
from finmodel.lender.talk.verdicts import judge
from finmodel.privacy.masks import masked
from finmodel.verdicts import Verdict

AT = datetime.fromisoformat("2026-06-03T09:00:00+08:00")
SENT = "您好，请在{due_date}前还款，祝您生活愉快。"


def plain(texts):
    return texts


def conversation(**changes):
    def said(number, who, text, **more):
        return Message(id=str(number), who=who, at=AT + timedelta(0, number), text=text, **more)

    messages = (
        said(1, "customer", "我叫张伟，手机13812345678，几号还款"),
        said(2, "agent", SENT),
        said(3, "customer", "怎么提前还款"),
    )
    told = {
        "id": "c", "customer": "u", "started": AT, "channel": "app", "scenario": "repayment",
        "consent_to_training": True, "split": "train", "messages": messages,
    }  # fmt: skip
    return Conversation(**told | changes)


def verdict(choice, suggestion, sent="", **changes):
    told = {"id": "v", "conversation": "c", "after": "1", "at": AT}
    return Verdict(verdict=choice, suggestion=suggestion, sent=sent, **told | changes)


def replies(*verdicts, mask=plain, left_out=None, **changes):
    found = prepare([conversation(**changes)], mask, verdicts)
    if left_out is not None:
        left_out.update(found.left_out)
    return found.lessons["train"][0].replies


def test_a_reply_weighs_more_the_more_of_its_suggestion_was_changed():
    (accepted,) = replies(verdict("accepted", SENT))
    assert (accepted.text, accepted.weight, accepted.instead) == (SENT, 1.0, ())
    near, far = "您好，请在{due_date}前还款。", "请您耐心等待"
    for suggestion in (near, far):
        (edited,) = replies(verdict("edited", suggestion, SENT))
        assert edited.weight == 1 + distance(suggestion, SENT)
        assert (edited.text, edited.instead) == (SENT, (suggestion,))
    (told,) = replies(verdict("edited", near, SENT, distance=0.125))
    assert told.weight == 1.125


def test_suggestions_shown_one_after_the_other_are_each_less_than_what_was_sent():
    first = verdict("rejected", "请您耐心等待", id="a")
    second = verdict("rejected", "不知道", id="b", at=AT + timedelta(0, 1))
    third = verdict("accepted", SENT, id="d", at=AT + timedelta(0, 2))
    (one,) = replies(third, second, first)
    assert (one.text, one.weight, one.instead) == (SENT, 1.0, ("请您耐心等待", "不知道"))


def test_a_verdict_after_the_last_message_makes_a_reply_that_the_conversation_has_not():
    found = replies(verdict("rejected", "不知道", "请在App操作", after="3"))
    assert [one.text for one in found] == [SENT, "请在App操作"]
    assert [one.instead for one in found] == [(), ("不知道",)]
    assert found[1].after == 4


def test_personal_data_in_verdicts_are_masked_as_in_their_conversation():
    said = verdict("edited", "张伟您好，请等13812345678的电话", "张伟您好，请等电话")
    left_out = Counter()
    replies(said, mask=masked, left_out=left_out)
    assert left_out == {"a verdict with figures that are no slots": 1}
    calls = []

    def mask(texts):
        calls.append(texts)
        return [text.replace("张伟", "某某") for text in texts]

    (one,) = replies(verdict("edited", "张伟您好，请等电话", "请等电话"), mask=mask)
    assert (one.text, one.instead) == ("请等电话", ("某某您好，请等电话",))
    assert len(calls) == 1, "the texts of one conversation are masked together"


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (verdict("rejected", "不知道"), "a suggestion in whose place nothing was sent"),
        (verdict("edited", "您要还款", "您要还五百元"), "a verdict with figures that are no slots"),
        (verdict("edited", "您要还500元", SENT), "a verdict with figures that are no slots"),
    ],
)
def test_what_makes_no_pair_is_counted(said, why):
    left_out = Counter()
    (one,) = replies(said, left_out=left_out)
    assert left_out[why] == 1
    assert (one.text, one.instead) == (SENT, ())


def test_a_suggestion_before_the_customer_wrote_is_not_learnt():
    messages = (msgspec.structs.replace(conversation().messages[0], who="system"),)
    told = conversation(messages=(*messages, *conversation().messages[1:]))
    found = prepare(
        [told, conversation(id="d", customer="w")], plain, [verdict("edited", "等", SENT)]
    )
    assert found.left_out["a verdict on a reply to nobody"] == 1


def test_what_tests_is_judged_alike_whatever_was_made_of_it():
    tested = conversation(id="t", customer="w", split="test", messages=tuple(
        msgspec.structs.replace(m, text=m.text + "另外问一句") for m in conversation().messages
    ))  # fmt: skip
    said = verdict("edited", "请您耐心等待", f"{SENT}另外问一句", conversation="t")
    (reply,) = prepare([conversation(), tested], plain, [said]).lessons["test"][0].replies
    assert (reply.weight, reply.instead) == (1.0, ("请您耐心等待",))


def test_texts_that_differ_only_in_what_is_masked_are_no_pair():
    left_out = Counter()
    said = verdict("edited", "王芳您好，请等电话", "张伟您好，请等电话")
    (one,) = replies(said, mask=lambda texts: ["请等电话"] * len(texts), left_out=left_out)
    assert not one.instead
    assert left_out == {"a suggestion that differs only in what is masked": 1}


def test_nothing_is_learnt_of_verdicts_without_consent():
    other = conversation(id="d", customer="w", consent_to_training=False)
    said = [
        verdict("edited", "不知道", SENT),
        verdict("edited", "等", SENT, id="w", conversation="d"),
    ]
    found = prepare([conversation(), other], plain, said)
    assert found.left_out["a verdict without consent to training"] == 1
    assert [one.id for one in found.lessons["train"]] == ["c"]
    with pytest.raises(BadInput, match="1 × a verdict without consent to training"):
        prepare([other], plain, said[1:])


def test_a_verdict_of_what_is_not_there_is_refused():
    lost = verdict("edited", "不知道", SENT, conversation="x")
    with pytest.raises(BadInput, match=r"'v': its conversation 'x' is not among those .* given"):
        prepare([conversation()], plain, [lost])
    with pytest.raises(BadInput, match="conversation 'c' has no message '9'; name in `after`"):
        prepare([conversation()], plain, [verdict("edited", "不知道", SENT, after="9")])


def test_simulated_verdicts_are_learnt_and_none_of_a_script_kept_for_tests():
    told = [one.conversation for one in write(240, seed=3)]
    said = list(judge(told, seed=4))
    assert said == list(judge(told, seed=4))
    assert {one.verdict for one in said} == {"accepted", "edited", "rejected"}
    found = prepare(told, plain, said)
    assert found.digest != prepare(told, plain).digest
    lessons = found.lessons["train"]
    pairs = [(one, text) for lesson in lessons for one in lesson.replies for text in one.instead]
    sent = {one.id: {m.slotted or m.text for m in one.messages} for one in told}
    for lesson in lessons:
        assert all(one.text in sent[lesson.id] for one in lesson.replies)
    willing = {one.id for one in told if one.consent_to_training}
    shown = sum(one.verdict != "accepted" and one.conversation in willing for one in said)
    assert 0.4 * shown < len(pairs) < shown
    assert all(one.text != text and one.weight > 1 for one, text in pairs)
    scripts = {reply.script for lesson in lessons for reply in lesson.replies}
    assert not scripts & held_out()
    assert msgspec.json.encode(lessons)
