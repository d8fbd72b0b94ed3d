"""The number guard: true figures pass in every writing, and false ones are told."""

from datetime import date

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from finmodel.assistant.facts import Facts, facts_of
from finmodel.assistant.grounding import ground
from finmodel.assistant.loans import Line, Loan, Payment
from finmodel.assistant.money import yuan
from finmodel.assistant.products import load_products, product_named
from finmodel.assistant.slots import SLOTS
from finmodel.lender.talk.conversations import write

TODAY = date(2026, 5, 1)
LINE = Line(
    credit_limit=5_000_000,
    application_date=date(2025, 12, 1),
    bank_card_tail="6217",
    hotline="400-123-4567",
)


def world(product="cash_loan"):
    loan = Loan(
        terms=product_named(product),
        principal=1_200_000,
        instalments=12,
        drawn_on=date(2026, 1, 10),
        first_due=date(2026, 2, 10),
    )
    paid = [Payment(row.due, row.total) for row in loan.plan()[:3]]
    return facts_of(loan.paid(*paid), LINE, TODAY)


FACTS = world()


def verdicts(text, facts=FACTS, **more):
    return [one.verdict for one in ground(text, facts, **more).findings]


@pytest.mark.parametrize("product", sorted(load_products()))
def test_every_fact_as_shown_under_its_own_name_is_grounded(product):
    facts = world(product)
    texts = [f"{slot.chinese}{{{slot.name}}}" for slot in SLOTS.values() if slot.name in facts]
    units = {"days": "天", "instalments": "期"}
    for text, name in zip(texts, [name for name in SLOTS if name in facts], strict=True):
        unit = units.get(SLOTS[name].unit, "")
        filled = facts.fill("第{instalment_number}" if name == "instalment_number" else text)
        told = ground(filled.text + unit, facts, today=TODAY).told
        assert told == (), (name, filled.text)


TRUE = [
    "您的总额度是5万元",
    "总额度50000元",
    "总额度５０，０００元",
    "总额度五万元",
    "总额度5w",
    "借款金额1.2万",
    "借款金额一万二",
    "借款金额12,000.00",
    "借了12000块钱",
    "日利率万分之五",
    "每天0.05%",
    "年化利率（单利）18.25%",
    "年化百分之十八点二五",
    "复利年化19.86%",
    "共12期，还剩9期",
    "一共分12个月还",
    "分一年还清",
    "现在是第4期",
    "请在5月10日前还款",
    "还款日是本月10号",
    "还款日2026-05-10",
    "请存入尾号6217的卡",
    "致电4001234567",
    "服务时间早上8点到晚上10点",
    "宽限期3天",
    "宽限期三日",
]


@pytest.mark.parametrize("text", TRUE)
def test_a_true_figure_passes_in_any_writing(text):
    assert set(verdicts(text, today=TODAY)) == {"grounded"}


FALSE = [
    "年化利率1.825%",  # the point slipped
    "年化利率182.5%",
    "年化利率0.05%",  # the day's rate as the year's
    "日利率18.25%",
    "利率0.05%",  # whose period is not said
    "月利率0.05%",
    "年化利率19.86%",  # compound, and not said
    "年化利率（单利）19.86%",
    "年化利率18.3%",  # rounded
    "年化利率18%",
    "借款金额1.2元",
    "借款金额1.2亿",
    "借款金额12,000.01元",
    "借款金额一万二千零一元",
    "共13期",
    "第12期",  # it is the 4th
    "逾期12天",
    "5月11日前还款",
    "本月9号还款",
    "下月10号还款",
    "2025年5月10日",
    "尾号6218",
    "致电400-123-4568",
    "晚上8点前",
    "三个工作日内到账",
    "减免一半",
    "百分百通过",
    "零利息",
    "七八天",
    "打九折",
]


@pytest.mark.parametrize("text", FALSE)
def test_a_false_figure_is_told(text):
    assert verdicts(text, today=TODAY) != []
    assert "grounded" not in verdicts(text, today=TODAY)


def test_the_principal_said_as_what_is_due_is_misnamed():
    """What a real model of 1.5 billion parameters said, with every fact before it."""
    facts = Facts.of_plain(
        {
            "settlement_total": 805_260,
            "settlement_principal": 800_000,
            "settlement_interest": 5_260,
            "settlement_fee": 0,
        }
    )
    (told,) = ground("今天结清需还8,000.00元。", facts).told
    assert (told.verdict, told.slot) == ("misnamed", "settlement_principal")
    assert told.compared == ("settlement_total=8,052.60元",)
    text = "今天结清一共8,052.60元，其中本金8,000.00元、利息52.60元、手续费0.00元。"
    assert ground(text, facts).told == ()


def test_a_name_that_belongs_to_another_slot_is_misnamed():
    penalty = Facts.of_plain({"penalty_interest": 489, "overdue_interest": 16_852})
    assert verdicts("罚息4.89元，利息168.52元", penalty) == ["grounded", "grounded"]
    assert verdicts("罚息168.52元", penalty) == ["misnamed"]


def test_fees_may_not_hide_behind_the_contracts_rate():
    """14.60 % a year by contract costs 15.14 % with the fee at the start."""
    facts = world("salary_advance")
    assert facts["contract_rate"].shown == "14.60%"
    assert verdicts("合同年利率14.60%", facts) == ["grounded"]
    assert verdicts("年化利率14.60%", facts) == ["ungrounded"]
    assert verdicts(f"年化利率（单利）{facts['apr_simple'].shown}", facts) == ["grounded"]


def test_an_approved_text_vouches_for_its_own_figures_alone():
    source = "结清证明在1-3个工作日内开具，投诉请拨12378。"
    text = "证明会在1至3个工作日内开好，也可以拨打12378。"
    assert set(verdicts(text, sources=[source])) == {"grounded"}
    assert verdicts("证明5个工作日内开好", sources=[source]) == ["ungrounded"]
    assert verdicts("证明3天内开好", facts=Facts({}), sources=[source]) == ["ungrounded"]


def test_a_products_name_may_hold_a_figure():
    facts = Facts.of_plain({"product_name": "随心贷2号"})
    assert verdicts("您的随心贷2号已放款", facts) == ["grounded"]
    assert verdicts("您的2号已放款", facts) == ["ungrounded"]


def test_what_is_told_comes_with_its_place_and_what_it_was_compared_with():
    text = "您好，本期应还８８８．００元哦"
    (told,) = ground(text, FACTS).told
    assert text[told.figure.start : told.figure.end] == told.figure.text == "８８８．００元"
    assert told.compared[0].startswith("monthly_payment=") or told.compared[0].startswith(
        "amount_due="
    )
    assert all(one.partition("=")[0] in FACTS for one in told.compared)


WRONG = st.sampled_from(
    [
        lambda fen: fen * 10,
        lambda fen: fen // 10,
        lambda fen: fen + 1,
        lambda fen: fen - 1,
        lambda fen: fen * 100,
        lambda fen: -(-fen // 100) * 100,  # rounded up to 元
        lambda fen: int(str(fen)[::-1]),
    ]
)
MONEY = [name for name in FACTS if SLOTS[name].kind == "money" and FACTS[name].value]


@given(st.sampled_from(MONEY), WRONG)
def test_no_spoilt_sum_passes(name, spoil):
    spoilt = spoil(FACTS[name].value)
    assume(spoilt > 0)
    assume(spoilt not in {fact.value for fact in FACTS.values()})
    assert verdicts(f"{SLOTS[name].chinese}{yuan(spoilt)}") == ["ungrounded"]


@given(st.integers(1, 10**7), st.integers(1, 10**7))
def test_whole_yuan_pass_only_where_they_are_exact(fen, other):
    facts = Facts.of_plain({"amount_due": fen})
    assert verdicts(f"应还{fen // 100}元", facts) == (
        ["grounded"] if fen % 100 == 0 and fen else ["ungrounded"]
    )
    assert verdicts(f"应还{yuan(other)}", facts) == ["grounded" if other == fen else "ungrounded"]


def test_no_figure_of_the_simulated_lenders_agents_is_told():
    """Each says approved scripts, filled with this customer's values on that day."""
    figures = 0
    for one in write(600, seed=3):
        facts = Facts.of_plain(one.conversation.facts)
        for message in one.conversation.messages:
            if message.who == "agent":
                found = ground(
                    message.text, facts, sources=[message.slotted], today=message.at.date()
                )
                figures += len(found.findings)
                assert found.told == (), message.text
    assert figures >= 500
