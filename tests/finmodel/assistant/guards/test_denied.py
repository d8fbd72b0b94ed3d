"""No engine says that something costs nothing, unless an approved text at hand says so."""

import pytest

from finmodel.assistant.guards.denied import denied_charges, denies_more
from finmodel.assistant.matching.sources import load_sources
from finmodel.assistant.scripts import load_scripts
from finmodel.assistant.sentences import sentences


@pytest.mark.parametrize(
    "said",
    [
        "不，提前还款不收手续费。",
        "提前结清不会产生任何费用。",
        "您不用再支付违约金了。",
        "本月免息。",
        "这笔借款没有利息。",
        "罚息可以帮您减免。",
        "手续费全部免除。",
        "零手续费，放心借。",
        "０费用。",
        "无需缴纳保证金。",
        "服务费一律不收。",
    ],
)
def test_a_denied_charge_is_found_and_no_other_text_excuses_it(said):
    assert denied_charges(said)
    assert denies_more(said, ["提前还款可能收取手续费，利息和罚息以合同为准。"])
    assert not denies_more(said, [said])


@pytest.mark.parametrize(
    "said",
    [
        "请不要向任何人支付费用。",
        "手续费以合同约定为准。",
        "提前还款需要支付手续费。",
        "如果您不清楚费用明细，可以查看合同。",
        "没有收到短信，请稍后再试。",
        "逾期会产生罚息。",
        "这笔消费不在账单里。",
        "您的消息已收到。",
        "不方便的话，我们稍后联系您。",
        "请问您还有其他问题吗？",
    ],
)
def test_what_denies_no_charge_may_be_said(said):
    assert not denied_charges(said)


def test_approved_texts_excuse_their_own_sentences():
    texts = [one.text for one in (*load_scripts().values(), *load_sources())]
    denying = [
        text[begin:end]
        for text in texts
        for begin, end in sentences(text)
        if denied_charges(text[begin:end])
    ]
    assert len(denying) > 5
    assert not [one for one in denying if denies_more(one, texts)]
