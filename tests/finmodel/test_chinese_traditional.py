"""Traditional characters are known, and no simplified text is changed."""

import re

from finmodel.assistant.guards.concepts import SHIPPED
from finmodel.assistant.scripts import load_scripts
from finmodel.chinese_traditional import TABLE, simplified


def test_what_rules_and_people_say_is_known():
    said = "我們會聯繫您的單位還錢轉賬貸款協議徵信記錄違約罰息減免審批證據騷擾電話殺樓頂藥"
    wanted = "我们会联系您的单位还钱转账贷款协议征信记录违约罚息减免审批证据骚扰电话杀楼顶药"
    assert said.translate(simplified()) == wanted


def test_nothing_simplified_is_changed():
    for text in [SHIPPED.read_text(), *(one.text for one in load_scripts().values())]:
        assert text.translate(simplified()) == text
    assert not {chr(one) for one in simplified()} & set("".join(simplified().values()))


def test_the_table_is_whole():
    text = TABLE.read_text(encoding="utf-8")
    assert 2_400 < len(simplified()) < 3_000
    assert all(len(line) % 2 == 0 for line in text.splitlines())
    assert re.sub(r"[\u4e00-\u9fff\n]", "", text) == ""
