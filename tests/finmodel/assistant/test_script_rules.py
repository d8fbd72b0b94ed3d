"""What a script's text may say, on sentences made for each rule."""

import pytest

from finmodel.assistant.script_rules import broken_rule


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("本期应还{amount_deu}。", "{amount_deu} is no slot"),
        ("本期应还{amount_due。", "brace stands alone"),
        ("本期应还1000元。", "'1000元'"),
        ("请输入1。", "'1'"),
        ("步骤①登录。", "'①'"),
        ("本期应还１０００元。", "'１０００元'"),
        ("本期应还三千五百元。", "三千五百元"),
        ("宽限期为三天。", "三天"),
        ("请在两个工作日内回复。", "两个工作日"),
        ("手续费为百分之二。", "百分之二"),
        ("每天万分之五。", "万分之五"),
        ("利息打八折。", "八折"),
        ("日利率{daily_rate}。", "without the annualised rate"),
        ("年化利率{apr_simple}。", "the annualised one is not"),
        ("我们的利率很低。", "the annualised one is not"),
        ("", "empty"),
        ("好" * 201, "201 characters"),
    ],
)
def test_a_text_that_breaks_a_rule_is_told(text, part):
    broken = broken_rule(text, "verified")
    assert broken is not None
    assert part in broken.what
    assert broken.remedy


@pytest.mark.parametrize("needs", ["none", "basic"])
def test_what_tells_of_a_customer_wants_the_verified(needs):
    assert "not verified" in broken_rule("还款日{due_date}。", needs).what
    assert broken_rule("客服热线{hotline}。", needs) is None


@pytest.mark.parametrize(
    "text",
    [
        "请您稍等一下，我一定尽快为您核实，万一有问题请联系我。",
        "我们不会向第三方透露，三方协议以书面为准。",
        "年化利率（单利）{apr_simple}，日利率{daily_rate}，已逾期{days_past_due}天。",
    ],
)
def test_words_that_only_look_like_numbers_pass(text):
    assert broken_rule(text, "verified") is None
