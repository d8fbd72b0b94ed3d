"""What is learnt of conversations, of whom, and that nothing of a test is in it."""

from collections import Counter

import msgspec
import pytest

from fine_tune.lessons.prepare import prepare
from finmodel.errors import BadInput
from finmodel.lender.talk.conversations import write
from finmodel.lender.talk.held_out import held_out


def plain(texts):
    return texts


@pytest.fixture(scope="module")
def told():
    return [one.conversation for one in write(900, seed=3)]


@pytest.fixture(scope="module")
def prepared(told):
    return prepare(told, plain)


def test_every_willing_conversation_is_a_lesson_or_is_told_why_not(told, prepared):
    lessons = sum(map(len, prepared.lessons.values()))
    conversations = Counter(prepared.left_out)
    conversations.pop("a reply with figures that are no slots, or to nobody", None)
    assert lessons + sum(conversations.values()) == len(told)
    unwilling = {one.id for one in told if not one.consent_to_training}
    assert prepared.left_out["no consent to training"] == len(unwilling) > 50
    taken = {one.id for split in prepared.lessons.values() for one in split}
    assert not taken & unwilling


def test_a_reply_is_learnt_with_slots_after_what_the_agent_had_read(told, prepared):
    by_id = {one.id: one for one in told}
    replies = slots = 0
    for lesson in prepared.lessons["train"]:
        spoken = [m for m in by_id[lesson.id].messages if m.who == "agent" and m.script]
        for reply in lesson.replies:
            said = next(m for m in spoken if m.slotted == reply.text)
            assert said.script == reply.script
            before = lesson.messages[: reply.after]
            assert before[0].role == "system"
            assert any(m.role == "user" for m in before)
            slots += "{" in reply.text
            replies += 1
    assert replies > 900
    assert slots > 100


def test_no_customer_phrasing_or_held_out_script_of_a_test_stands_in_training(told, prepared):
    by_id = {one.id: one for one in told}
    seen = {}
    for split, lessons in prepared.lessons.items():
        mine = [by_id[one.id] for one in lessons]
        families = {m.family for one in mine for m in one.messages if m.family}
        seen[split] = {one.customer for one in mine}, families
    for part in (0, 1):
        assert not seen["train"][part] & (seen["test"][part] | seen["validation"][part])
    trained = {reply.script for one in prepared.lessons["train"] for reply in one.replies}
    assert not trained & held_out()
    assert prepared.customers == seen["train"][0]


def test_who_has_no_split_is_split_by_customer_and_by_time(told):
    free = [
        msgspec.structs.replace(
            one,
            split="",
            messages=tuple(msgspec.structs.replace(m, family="") for m in one.messages),
        )
        for one in told
    ]
    found = prepare(free, plain)
    by_id = {one.id: one for one in free}
    customers = {
        split: {by_id[one.id].customer for one in lessons}
        for split, lessons in found.lessons.items()
    }
    assert not customers["train"] & customers["test"]
    latest = sorted(one.started for one in free)[int(0.7 * len(free))]
    assert all(by_id[one.id].started > latest for one in found.lessons["test"])
    assert found.left_out["before the time from which its customer tests"] > 50
    assert len(found.lessons["test"]) > 5


def test_masked_texts_alone_are_learnt(told):
    found = prepare(told[:60], lambda texts: ["某" * len(text) for text in texts])
    for lessons in found.lessons.values():
        for lesson in lessons:
            assert {sign for m in lesson.messages if m.role != "system" for sign in m.text} == {
                "某"
            }


@pytest.mark.parametrize("script", ["", "greeting-1", "made_up-1"])
@pytest.mark.parametrize("figure", ["500元", "五百元", "５００元", "两千三", "百分之十八"])
def test_a_figure_that_an_agent_wrote_by_hand_is_not_learnt(told, figure, script):
    """Whatever script it is said to be: that script's own text alone may hold figures."""
    one = next(c for c in told if c.consent_to_training and c.split == "train")
    by_hand = msgspec.structs.replace(
        one,
        messages=tuple(
            msgspec.structs.replace(m, script=script, slotted="", text=f"您要还{figure}")
            if m.who == "agent"
            else m
            for m in one.messages
        ),
    )
    with pytest.raises(BadInput, match=r"left to train on; bring more conversations$"):
        prepare([by_hand], plain)


def test_a_customer_in_two_splits_is_refused(told):
    one = next(c for c in told if c.split == "train" and c.consent_to_training)
    other = msgspec.structs.replace(one, id="other", split="test")
    other = msgspec.structs.replace(
        other, messages=tuple(msgspec.structs.replace(m, family="") for m in other.messages)
    )
    further = [c for c in told if c.split == "train" and c.customer != one.customer]
    again = [msgspec.structs.replace(c, customer=one.customer) for c in further[:20]]
    with pytest.raises(BadInput, match=f"customer '{one.customer}' stands in train and in test"):
        prepare([other, *again], plain)


def test_the_digest_tells_one_material_from_another(told, prepared):
    assert prepare(told, plain).digest == prepared.digest
    assert prepare(told[:-30], plain).digest != prepared.digest


def test_a_share_is_learnt_of_what_shows_most_of_the_rare(told, prepared):
    few = prepare(told, plain, share=0.3)
    every = {one.id: one for one in prepared.lessons["train"]}
    chosen = few.lessons["train"]
    assert {one.id for one in chosen} < set(every)
    assert few.lessons["test"] == prepared.lessons["test"]
    whole = sum(len(m.text) for one in every.values() for m in one.messages)
    assert sum(len(m.text) for one in chosen for m in one.messages) < 0.35 * whole
    often, all_often = (_sent(lessons) for lessons in (chosen, every.values()))
    rare = [script for script, count in all_often.items() if count <= 5]
    common = [script for script, _ in all_often.most_common(5)]

    def kept(names):
        return sum(often[one] for one in names) / sum(all_often[one] for one in names)

    assert kept(rare) > 0.5 > 0.3 > kept(common), "by chance both would be 0.3"
    left_out = few.left_out["others show the same, and only a share is learnt"]
    assert left_out == len(every) - len(chosen)


def _sent(lessons):
    return Counter(reply.script for lesson in lessons for reply in lesson.replies)


def test_a_customer_of_whom_nothing_is_learnt_is_not_named_as_one_that_trained(told):
    few = prepare(told, plain, share=0.1)
    ids = {one.id for one in few.lessons["train"]}
    assert few.customers == {one.customer for one in told if one.id in ids}
    assert prepare(told, plain, share=0.0001).customers, "one conversation at least is learnt"
