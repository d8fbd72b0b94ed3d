"""What a reply may not say is told where it stands; what is approved passes."""

from datetime import date

import pytest

from finmodel.assistant.facts import Facts
from finmodel.assistant.guards.outbound import broken
from finmodel.assistant.scripts import load_scripts
from finmodel.lender.talk.attacks import lookalikes
from finmodel.lender.talk.customers import customer


def test_every_approved_script_passes():
    scripts = load_scripts()
    told = {one.id: found for one in scripts.values() if (found := broken(one.text))}
    assert len(scripts) > 200
    assert told == {}


def test_what_only_looks_like_it_passes():
    said = list(lookalikes("outbound", 20))
    assert len(said) > 20
    assert [text for text in said if broken(text)] == []


def test_a_span_leads_to_what_was_written_and_the_rewrite_passes():
    text = "您好。这笔借款bao证通过！请放心。"
    (one,) = broken(text)
    assert (one.rule, one.severity) == ("promise", "replace")
    assert text[one.start : one.end] == "bao证通过"
    assert text[one.begin : one.close] == "这笔借款bao证通过！"
    assert one.rewrite is not None
    assert broken(one.rewrite) == ()


def test_a_sentence_that_began_in_the_message_before_is_told_in_this_one():
    (one,) = broken("能通过", before="这笔贷款一定")
    assert (one.rule, one.start, one.end) == ("promise", 0, 3)
    assert broken("谢谢", before="这笔贷款一定能通过") == ()


def test_personal_data_is_masked_in_the_rewrite():
    (one,) = broken("好的。请拨打13812345678。")
    assert one.rule == "personal"
    assert one.rewrite == "请拨打[手机号1]。"


def test_figures_are_held_against_facts_where_there_are_any():
    facts = Facts.of_plain({"amount_due": 805260})
    assert [one.rule for one in broken("本期应还8,000.00元。", facts)] == ["number"]
    assert broken("本期应还8,052.60元。", facts) == ()
    assert broken("本期应还8,000.00元。") == ()


@pytest.mark.parametrize("text", ["", " ", "😀😀", "x" * 100_000, "<script>alert(1)</script>"])
def test_odd_texts_break_nothing(text):
    assert broken(text) == ()


def test_no_approved_script_breaks_a_rule_once_it_holds_a_customers_figures():
    flagged = [
        (one.id, hit.rule)
        for who in (customer(3, number, date(2026, 6, 1), 20) for number in range(12))
        for facts in [who.facts(date(2026, 6, 20))]
        for one in load_scripts().values()
        if not facts.missing(one.text)
        for hit in broken(facts.fill(one.text).text, facts, today=date(2026, 6, 20))
    ]
    assert flagged == []


def test_a_warning_in_one_sentence_excuses_no_threat_in_the_next():
    (one, *_) = broken("请不要转账到个人账户。否则我们会上门，并联系您的家人。")
    assert one.rule == "collection"


def test_what_was_said_before_hides_nothing():
    text = "请马上转账，否则我们会起诉您。"
    assert broken(text) == broken(text, before="您好，很高兴为您服务。") != ()


@pytest.mark.parametrize("word", ["打", "联系你", "1", "删", "后果自负。", "不"])
def test_a_word_over_and_over_holds_nobody_up(word):
    assert all(one.close <= 40_000 for one in broken((word * 40_000)[:40_000]))


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("请立即转账，不然通知您的父母和单位。", "collection"),
        ("您不转账，后果自负。", "collection"),
        ("我们不得不通知您的家人。", "collection"),
        ("无法避免会被起诉。", "collection"),
        ("我们不得已通知您的家人。", "collection"),
        ("您不能再拖了否则上门走访。", "collection"),
        ("没有商量余地直接起诉。", "collection"),
        ("您不要以为我们不敢去您单位。", "collection"),
        ("我们不会不通知您的父母。", "collection"),
        ("不能排除会上门走访。", "collection"),
        ("请先交保证金再放款，绝不骗您。", "disclosure"),
        ("利息低至每天五块，年化利率（单利）18%。", "rate"),
        ("年化利率（单利）18%。利息比银行便宜。", "rate"),
        ("日利率仅万分之五，全网最低，年化利率（单利）见合同。", "rate"),
    ],
)
def test_an_exception_excuses_no_threat_and_no_praise(text, rule):
    assert rule in {one.rule for one in broken(text) if one.by == "rule"}


@pytest.mark.parametrize(
    "text",
    [
        "日利率0.05%，年化利率（单利）18%。",
        "我们不会以任何名义联系您的单位或家人。",
        "请不要转账给陌生人，谨防以起诉为名的诈骗。",
        "凡是要求先交保证金的都是诈骗。",
        "我们不会再联系您的家人。",
        "请您不要转账，可以保留记录并向公安机关报案。",
    ],
)
def test_a_denial_and_a_warning_break_nothing(text):
    assert broken(text) == ()


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ("disclosure", "请把款汇到张伟名下的账户。"),
        ("disclosure", "请把钱打到客户经理名下。"),
        ("disclosure", "还款请转给我们主管。"),
        ("disclosure", "请您下载另一个软件还款。"),
        ("disclosure", "请把款打到王经理卡上。"),
        ("promise", "您延期还款已经批了。"),
        ("promise", "展期已经为您办好了。"),
        ("promise", "我们会给您提额的。"),
        ("promise", "会给您减免罚息。"),
        ("promise", "系统已经同意了，等放款就好。"),
        ("promise", "减免已经给您办下来了。"),
        ("collection", "我们是监管派来的工作组。"),
        ("collection", "我是区金融纠纷调解委员会的。"),
        ("collection", "我们受政府委托处理您的欠款。"),
        ("collection", "我们将移交给司法部门。"),
        ("collection", "我们的人已经在路上了。"),
        ("collection", "您家里老人身体还好吧。"),
        ("collection", "您住哪我们都清楚。"),
        ("collection", "您不怕丢工作吗。"),
        ("collection", "我们会联系您的紧急联系人。"),
        ("collection", "你家孩子还平安吧。"),
        ("personal", "您爱人之前也在我们这里借过。"),
        ("personal", "您同事也有一笔没还。"),
        ("credit_record", "结清后记录马上就没有了。"),
        ("credit_record", "晚几天我们不报上去的。"),
        ("credit_record", "还清了逾期记录就消失。"),
    ],
)
def test_kinds_of_sentence_that_once_had_no_rule(rule, text):
    assert rule in {one.rule for one in broken(text) if one.by == "rule"}


@pytest.mark.parametrize(
    "text",
    [
        "我会把您的情况转给主管。",
        "我们会为您登记减免申请，结果以审核为准。",
        "请通过App还款，不要转给个人。",
        "我们不会联系您的紧急联系人。",
        "您可以向金融纠纷调解委员会申请调解。",
        "请您不要下载其他软件。",
    ],
)
def test_what_an_agent_rightly_says_beside_them_passes(text):
    assert broken(text) == ()


@pytest.mark.parametrize("text", ["我們會起訴您。", "我们会起—诉您。", "我們會起·訴您。"])
def test_traditional_characters_and_signs_within_a_word_hide_nothing(text):
    (one,) = broken(text)
    assert (one.rule, one.by, one.close) == ("collection", "rule", len(text))
    assert text[one.start : one.end][:1] == "起"
