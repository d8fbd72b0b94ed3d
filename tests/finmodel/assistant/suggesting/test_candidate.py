"""A generated sentence is said, said safely, or ends the candidate."""

import pytest

from finmodel.assistant.facts import Facts
from finmodel.assistant.guards import denied
from finmodel.assistant.guards.outbound_rules import rules
from finmodel.assistant.guards.unverified import INSTEAD
from finmodel.assistant.script_rules import LONGEST
from finmodel.assistant.scripts import State, load_scripts
from finmodel.assistant.sentences import sentences
from finmodel.assistant.slots import SLOTS
from finmodel.assistant.suggesting.answers import Origin
from finmodel.assistant.suggesting.asking import Told, public
from finmodel.assistant.suggesting.candidate import Candidate, GivenUp
from finmodel.assistant.suggesting.origins import Text
from finmodel.errors import NotReady
from tests.finmodel.assistant.suggesting.talks import DAY, FACTS

VALUES = {
    "money": 805260,
    "date": "2026-06-15",
    "rate": "9/50",
    "count": 3,
    "text": "随借随还额度",
}
EVERY = Facts.of_plain({n: VALUES[slot.kind] for n, slot in SLOTS.items()} | FACTS.plain())
"""A value for every slot there is."""
VERIFIED = Told(State("verified", "current"), FACTS)
UNKNOWN = Told(State("none"), public(FACTS))


def candidate(told=VERIFIED, **more):
    return Candidate(told, DAY, "scripted", **more)


def test_slots_are_filled_and_each_figure_has_its_source():
    said = candidate().add("本期应还{amount_due}，还款日{due_date}。")
    assert said.text == "本期应还8,052.60元，还款日2026年6月15日。"
    assert [(one.slot, said.text[one.start : one.end]) for one in said.numbers] == [
        ("amount_due", "8,052.60元"),
        ("due_date", "2026年6月15日"),
    ]


@pytest.mark.parametrize(
    ("told", "text", "rule"),
    [
        (VERIFIED, "本期应还{principal_outstanding}，其中本金{amount_due}。", "number"),
        (UNKNOWN, "您本期应还{amount_due}。", "identity"),
        (VERIFIED, "请联系[手机号1]。", "personal"),
    ],
)
def test_what_has_no_safe_way_of_being_said_ends_it(told, text, rule):
    one = candidate(told)
    with pytest.raises(GivenUp) as given_up:
        one.add(text)
    assert given_up.value.rule == rule
    assert one.met[-1].done == "dropped"


def test_a_rate_without_its_years_is_said_by_the_rule():
    said = candidate().add("我们的利率很低。")
    assert said.origin == Origin("guard", "rate")
    assert "年化利率（单利）" in said.text


def test_a_debt_is_not_confirmed_to_whoever_is_not_verified():
    said = candidate(UNKNOWN).add("您目前有一笔借款逾期了。")
    assert (said.text, said.origin.id) == (INSTEAD, "unverified")
    assert candidate().add("您目前有一笔借款逾期了。").origin.home == "engine"


def test_no_charge_is_denied_but_in_an_approved_texts_own_words():
    fee = "提前还款不收手续费。"
    said = candidate(texts=[Text(Origin("document", "d", 1), "提前还款收取手续费。")]).add(fee)
    assert (said.text, said.origin) == (denied.INSTEAD, Origin("guard", "denied_charge"))
    texts = [Text(Origin("document", "d", 1), f"随借随还，{fee}")]
    assert candidate(texts=texts).add(fee).text == fee


def test_a_sentence_of_an_approved_text_has_its_source():
    script = load_scripts()["overdue_amount-1"]
    texts = [Text(Origin("script", script.id, script.version), script.text)]
    said = candidate(UNKNOWN, texts=texts).add(script.text.partition("。")[0] + "！")
    assert said.origin == Origin("script", "overdue_amount-1", script.version)
    assert candidate(texts=texts).add("今天天气真不错。").origin.home == "engine"


@pytest.mark.parametrize(
    "text",
    [
        "请在{last_due_date}前还款。",
        "您最晚{last_due_date}还这一期。",
        "还款时间是{application_date}。",
        "您支付{monthly_payment}就能全部结清。",
        "请在{due_date}之前还清{amount_due}，就全部结清了。",
        "您这次还{principal_outstanding}就可以了。",
        "您欠我们{credit_limit}。",
        "{settlement_fee}就是您本期应还的金额。",
        "我们会退您{amount_due}。",
        "您本期应还{amount_due}万。",
        "本期应还{overdue_amount}。",
        "好的，{amount_due}。",
        "还剩{days_past_due}期。",
        "您下期应还{amount_due}。",
        "您每月利息{total_interest}。",
        "罚息总共{overdue_total}。",
        "本期只需还利息{settlement_interest}。",
        "本期应还不到{amount_due}。",
        "本期应还{amount_due}左右。",
        "请于{statement_date}还款。",
        "电话{bank_card_tail}。",
    ],
)
def test_a_figure_has_its_own_name_or_ends_the_candidate(text):
    gives_up(text, "number")


@pytest.mark.parametrize(
    "text",
    [
        "您最晚{due_date}还款。",
        "您这一期要还{amount_due}。",
        "今天全部结清需要{settlement_total}。",
        "您有{overdue_amount}已逾期{days_past_due}天。",
        "最近的还款是在{last_payment_date}，金额{last_payment_amount}。",
        "您还欠本金{principal_outstanding}。",
        "本月{due_date}需要还{amount_due}。",
        "您在{last_payment_date}还了{last_payment_amount}。",
    ],
)
def test_a_figure_under_its_own_name_is_said(text):
    assert candidate(Told(State("verified", "current"), EVERY)).add(text).origin.home == "engine"


@pytest.mark.parametrize(
    "text",
    [
        "还款日是下周三。",
        "还款日是明天。",
        "请在后天之前还款。",
        "宽限期有一周。",
        "半天就能到账。",
        "您欠千元左右。",
        "本期应还上万元。",
        "您欠好几万。",
        "逾期十来天了。",
        "您还差俩月没还。",
        "您本期要还兩千元。",
        "您本期应还廿元。",
        "本期应还⑴⑵⑶元。",
        "本期应还ⅩⅩ元。",
        "本期应还❸千元。",
        "本期应还¾的本金。",
        "应还三。",
        "千元。",
        "还清💯块。",
        "违约金是本金的五个点。",
        "请您月底前还清。",
        "放款要一个工作日。",
    ],
)
def test_a_figure_in_words_or_signs_ends_the_candidate(text):
    gives_up(text, "number")


@pytest.mark.parametrize(
    "text",
    [
        "好的we guarantee your loan will be approved.",
        "您好I will tell your boss。",
        "**您的申请**保**证**通过。",
        "请登录www.huankuan.top付款。",
        "请登录ｗｗｗ。还款。ｔｏｐ付款。",
        "请打开还款.中国",
        "[点这里](还款页面)查看。",
        "ご返済ください请还款。",
        "请加我ＶＸ聊。",
        "_请稍等_。",
        "请登录Аpp查看。",
    ],
)
def test_another_language_markup_and_addresses_end_the_candidate(text):
    gives_up(text, "garbage")


def test_latin_words_of_approved_texts_are_said():
    texts = [Text(Origin("document", "d", 1), "可在ATM还款。")]
    one = candidate(texts=texts)
    for text in ("请登录App查看。", "您是VIP客户。", "您可以找ATM还款。"):
        assert one.add(text) is not None
    gives_up("您可以找ATM还款。", "garbage")


@pytest.mark.parametrize(
    "text",
    [
        "十分抱歉，请您稍等一下。",
        "您可以今天在App还款，有两种方式。",
        "我们会在规定时限内答复，请您这几天留意。",
        "请千万不要向个人账户转账，一次性说清楚也可以。",
    ],
)
def test_words_that_are_no_figure_are_said(text):
    assert candidate().add(text).origin.home == "engine"


def test_every_approved_text_passes_as_if_an_engine_had_written_it():
    told = Told(State("verified", "current"), EVERY)
    for script in load_scripts().values():
        one = candidate(told)
        for begin, end in sentences(script.text):
            one.add(script.text[begin:end])
        rewritten = {met.rule for met in one.met if met.done != "warned"}
        assert rewritten <= {"denied_charge", "rate"}, script.id


def gives_up(text, rule, told=None):
    one = candidate(told or Told(State("verified", "current"), EVERY))
    with pytest.raises(GivenUp) as given_up:
        one.add(text)
    assert given_up.value.rule == rule


def texts_of(name):
    script = load_scripts()[name]
    return [Text(Origin("script", script.id, script.version), script.text)]


def test_no_approved_text_lends_its_name_or_its_leave_to_its_opposite():
    said = candidate(UNKNOWN, texts=texts_of("promise_to_pay-1"))
    assert said.add("您已逾期，感谢您的说明，已经记录。").text == INSTEAD
    assert said.add("感谢您的说明，已经记录！").origin.id == "promise_to_pay-1"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("complaint_privacy-2", "未经您同意，我们会向无关人员提供您的信息。"),
        ("third_party-1", "抱歉，为保护客户信息，我们能向本人以外的任何人提供或确认账户情况。"),
    ],
)
def test_the_opposite_of_an_approved_text_is_the_engines_own(name, text):
    one = candidate(texts=texts_of(name))
    try:
        assert one.add(text).origin.home in ("engine", "guard")
    except GivenUp:
        assert one.said == []


def test_what_begins_in_one_sentence_and_ends_in_the_next_is_told():
    one = candidate()
    one.add("您这笔贷款一定")
    one.add("能通过。")
    assert one.said[-1].origin == Origin("guard", "promise")
    assert not any("能通过" in sentence.text for sentence in one.said)


def test_nothing_is_said_twice_and_no_reply_is_too_long():
    one = candidate()
    assert one.add("请稍等。") is not None
    assert one.add("请稍等。") is None
    for place in range(LONGEST // 25):
        one.add(f"请您放心，我会把{chr(0x5000 + place)}这件事情为您处理好的。")
    with pytest.raises(GivenUp, match="length"):
        one.add("，".join("请您再等一等" for _ in range(3)) + "马上就会有人联系，" * 3 + "谢谢。")


def test_rewrites_alone_are_no_reply():
    one = candidate()
    one.add("您的申请保证通过。")
    with pytest.raises(GivenUp, match="rewrites"):
        one.finish()
    with pytest.raises(GivenUp, match="empty"):
        candidate().finish()


def test_a_fact_of_text_kind_may_hold_figures():
    facts = Facts.of_plain(FACTS.plain() | {"hotline": "95566"})
    told = Told(State("verified"), facts)
    assert candidate(told).add("客服热线{hotline}。").text == "客服热线95566。"


@pytest.mark.parametrize(
    ("rule", "said"), [(None, "这件事我来办。"), ("promise", rules()["promise"].rewrite)]
)
def test_a_second_judge_is_asked_of_the_engines_own_words_and_heard(rule, said):
    heard = []
    one = candidate(judge=lambda sentence: heard.append(sentence) or rule)
    assert one.add("这件事我来办。").text == said
    assert heard == ["这件事我来办。"]
    assert [(met.rule, met.done, met.of) for met in one.met] == (
        [(rule, "rewritten", "judge")] if rule else []
    )


def test_a_judge_that_does_not_answer_lets_nothing_pass_and_approved_words_need_none():
    def silent(_sentence):
        raise NotReady("busy")

    approved = Text(Origin("script", "s1", 1), "请您稍等，我马上为您查询。")
    one = candidate(judge=silent, texts=[approved])
    assert one.add("请您稍等，我马上为您查询。").origin == approved.origin
    with pytest.raises(GivenUp, match="no judge"):
        one.add("这件事我来办。")
