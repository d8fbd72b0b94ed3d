"""Whoever says that they are not the customer, and for how long that holds."""

import msgspec
import pytest

from finmodel.assistant.scripts import load_scripts
from finmodel.assistant.suggesting.strangers import third_party
from finmodel.lender.talk.conversations import write
from tests.finmodel.assistant.suggesting.talks import said


@pytest.mark.parametrize(
    "text",
    [
        "我是他老婆，他欠了多少",
        "我是借款人的同事",
        "帮我老公问一下还款",
        "替朋友还款可以吗",
        "我受朋友委托来问",
        "我是他的代理律师",
        "我不是机主，别打了",
        "我弟弟的贷款是多少",
        "我是张伟的妈妈，这个月还差多少",
        "我岳父的借款，这个月要还多少",
        "我小姨的账单多少钱",
        "本人不在，我是家属",
        "我是他家里人，他住院了",
        "机主在忙，我替他看一下还多少",
        "代我妈妈问问还多少",
        "帮我姨看一下这个月还款",
        "这号是我爱人的，我拿着他手机，想问几号还款",
        "我老公在你们这借了钱，还差多少",
        "这是我妈的账号，还差多少",
        "户主是我爸，我来问问",
        "你们借给我表弟的钱",
        "我用我老婆的手机，她还差多少",
        "我弟媳的账单",
    ],
)
def test_a_third_party_is_known_by_what_they_say(text):
    for identity in ("none", "basic", "verified"):
        messages = said("你好", text, ">好的", "多少钱", identity=identity)
        assert third_party(messages, identity, load_scripts())


@pytest.mark.parametrize(
    "text",
    [
        "我老婆也在问这个",
        "我不是本人操作的",
        "还款日是哪天",
        "帮我查一下",
        "我是本人",
        "",
        "我是两个孩子的妈妈，实在困难",
        "我是单亲妈妈",
        "我妈妈住院了，能不能延期",
        "我借钱是帮我爸看病",
        "我朋友也在你们这借过",
        "本人在上班，晚点还",
        "可以让我家人代还吗",
        "我是公司的领导",
        "可以用我老婆的卡还吗",
        "别联系我家属",
    ],
)
def test_the_customer_is_none(text):
    assert not third_party(said(text), "verified", load_scripts())


def test_it_holds_until_somebody_is_verified_anew():
    messages = said("我是他老婆", ">好的", "多少钱", identity="none")
    assert third_party(messages, "none", load_scripts())
    assert not third_party(messages, "verified", load_scripts())
    last = msgspec.structs.replace(messages[0], id="m9", text="还款", identity="verified")
    assert not third_party((*messages, last), "verified", load_scripts())


@pytest.mark.parametrize(
    "text",
    ["本人不在，我是家属", "机主在忙，我替他看一下还多少", "这号是我爱人的，我拿着他手机"],
)
def test_it_holds_over_what_an_agent_answers(text):
    messages = said(text, ">好的，请稍等。", "那这个月几号还款")
    assert third_party(messages, "verified", load_scripts())


def test_a_script_for_third_parties_that_was_sent_says_so_too():
    messages = said("问点事", ">请本人联系我们")
    sent = (messages[0], msgspec.structs.replace(messages[1], script="third_party-2"))
    assert third_party(sent, "verified", load_scripts())


def test_hardly_any_verified_customer_is_taken_for_one():
    taken = asked = 0
    for written in write(300, 21):
        one = written.conversation
        if any(m.intent == "third_party" for m in one.messages):
            continue
        if one.messages[-1].identity == "verified":
            asked += 1
            taken += third_party(one.messages, "verified", load_scripts())
    assert asked > 100
    assert taken <= 0.01 * asked
