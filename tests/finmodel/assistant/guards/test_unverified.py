"""What tells how somebody stands, measured on approved texts for the verified and for all."""

import re

import pytest

from finmodel.assistant.guards.unverified import INSTEAD, tells_standing
from finmodel.assistant.scripts import load_scripts
from finmodel.assistant.sentences import sentences

OUTRIGHT = re.compile("逾期|未还|结清|应还|欠|审核中|未通过")


def told(script):
    return any(tells_standing(script.text[begin:end]) for begin, end in sentences(script.text))


def test_scripts_for_one_standing_that_speak_of_it_are_told():
    scripts = [
        one
        for one in load_scripts().values()
        if one.account and one.slots and OUTRIGHT.search(one.text)
    ]
    missed = [one.id for one in scripts if not told(one)]
    assert len(scripts) > 40
    assert len(missed) <= 0.03 * len(scripts)


def test_scripts_for_everybody_mostly_pass():
    scripts = [one for one in load_scripts().values() if one.needs == "none"]
    assert len(scripts) > 90
    assert sum(map(told, scripts)) < 0.3 * len(scripts)


@pytest.mark.parametrize(
    "text",
    [
        "您已经逾期了。",
        "您确实欠我们一笔钱。",
        "登录App可以看到您目前的逾期。",
        "您的申请已经通过审批。",
        "他名下有一笔借款。",
        "您逾 期 了，请尽快还款。",
        "完成核验前只能说您目前有欠款。",
        "卡上余额不足，所以没扣成功。",
        "记录上显示拖了几期没给。",
        "请转告机主尽快还钱。",
        "麻烦您提醒他把账单处理了。",
        "他确实在我们平台用过款。",
        "您孩子在我们这里是有记录的。",
        "您爱人是我们的客户。",
    ],
)
def test_what_confirms_a_debt_without_any_figure_is_told(text):
    assert tells_standing(text)


@pytest.mark.parametrize(
    "text",
    [
        INSTEAD,
        "您好，请问有什么可以帮您？",
        "还款日可以在App查看。",
        "请稍等。",
        "",
        "🙂",
        "如果余额不足没扣成功，可以在App主动还款。",
        "请由本人通过客服热线联系我们。",
        "您提供的资料我们会保密。",
    ],
)
def test_what_tells_nothing_passes(text):
    assert not tells_standing(text)
