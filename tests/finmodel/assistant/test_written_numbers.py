"""Figures as people write them: found with kind, value and span, and nothing that is no figure."""

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finmodel.assistant.money import yuan
from finmodel.assistant.written_numbers import figures_in


def read(text):
    return [(one.text, one.kind, one.value, one.unit) for one in figures_in(text)]


MONEY = [
    ("1,234.50元", 123_450),
    ("1234.5元", 123_450),
    ("１２３４．５元", 123_450),
    ("1.2万元", 1_200_000),
    ("1.2 万 元".replace(" ", ""), 1_200_000),
    ("三千二百元", 320_000),
    ("叁仟贰佰元整", 320_000),
    ("12元5角", 1_250),
    ("3块5", 350),
    ("三块五毛二", 352),
    ("8分钱", 8),
    ("¥1,234.50", 123_450),
    ("RMB 1,234", 123_400),
    ("人民币5000元", 500_000),
    ("3，200元", 320_000),
    ("1 234.50元", 123_450),
    ("五千块钱", 500_000),
    ("2万5千元", 2_500_000),
    ("95566元", 9_556_600),
    ("1\u200b2\u200b0元", 12_000),
]


@pytest.mark.parametrize(("text", "fen"), MONEY)
def test_money(text, fen):
    (found,) = figures_in(f"您还需支付{text}，谢谢")
    assert (found.text, found.kind, found.value) == (text, "money", fen)


RATES = [
    ("年化利率（单利）18.25%", "18.25%", Fraction(1825, 10**4), "year-simple"),
    ("年化利率18.25%", "18.25%", Fraction(1825, 10**4), "year"),
    ("年化利率为18.25%（单利）", "18.25%", Fraction(1825, 10**4), "year-simple"),
    ("按复利计算，年化为19.86%", "19.86%", Fraction(1986, 10**4), "year-compound"),
    ("年利率18%", "18%", Fraction(18, 100), "year-contract"),
    ("日利率0.05%", "0.05%", Fraction(5, 10**4), "day"),
    ("0.05%/天", "0.05%", Fraction(5, 10**4), "day"),
    ("日息万分之五", "万分之五", Fraction(5, 10**4), "day"),
    ("日息万五", "万五", Fraction(5, 10**4), "day"),
    ("每天按０．０５％计", "０．０５％", Fraction(5, 10**4), "day"),
    ("月利率1.5%", "1.5%", Fraction(15, 1000), "month"),
    ("月息两分", "月息两分", Fraction(2, 100), "month"),
    ("每期费率0.6%", "0.6%", Fraction(6, 1000), "month"),
    ("百分之十八点二五每年", "百分之十八点二五", Fraction(1825, 10**4), "year"),
    ("千分之三", "千分之三", Fraction(3, 1000), ""),
    ("0.5‰", "0.5‰", Fraction(5, 10**4), ""),
    ("百分百", "百分百", Fraction(1), ""),
    ("打九五折", "九五折", Fraction(95, 100), ""),
    ("减免三成", "三成", Fraction(3, 10), ""),
    ("减免一半", "一半", Fraction(1, 2), ""),
    ("三分之一", "三分之一", Fraction(1, 3), ""),
]


@pytest.mark.parametrize(("text", "figure", "share", "unit"), RATES)
def test_rates_know_their_period(text, figure, share, unit):
    assert (figure, "rate", share, unit) in read(text)


def test_two_rates_in_one_sentence_keep_their_own_periods():
    assert [one[3] for one in read("日利率0.05%，年化利率（单利）18.25%，复利19.86%")][:2] == [
        "day",
        "year-simple",
    ]
    assert [one[3] for one in read("日利率0.05%（年化18.25%）")] == ["day", "year"]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (
            "共12期，剩余9期",
            [("12期", "count", 12, "instalments"), ("9期", "count", 9, "instalments")],
        ),
        ("第3期", [("第3期", "count", 3, "instalment")]),
        ("第十二期", [("第十二期", "count", 12, "instalment")]),
        ("逾期3天", [("3天", "count", 3, "days")]),
        ("三日内", [("三日", "count", 3, "days")]),
        ("一个月", [("一个月", "count", 1, "months")]),
        ("两年", [("两年", "count", 2, "years")]),
        (
            "1-3个工作日",
            [("1", "count", 1, "working_days"), ("3个工作日", "count", 3, "working_days")],
        ),
        ("1-2万元", [("1", "money", 10**6, ""), ("2万元", "money", 2 * 10**6, "")]),
        ("七八天", [("七八天", "count", None, "days")]),
        ("十分钟", [("十分钟", "count", 10, "minutes")]),
        ("1.5倍", [("1.5倍", "count", Fraction(3, 2), "times")]),
        ("400-123-4567", [("400-123-4567", "phone", "4001234567", "")]),
        ("请拨95566", [("95566", "phone", "95566", "")]),
        ("138 0013 8000", [("138 0013 8000", "phone", "13800138000", "")]),
        ("尾号1234", [("尾号1234", "tail", "1234", "")]),
        ("尾号为一二三四", [("尾号为一二三四", "tail", "1234", "")]),
        ("编号20260603123456", [("20260603123456", "code", "20260603123456", "")]),
        ("8:00-22:00", [("8:00", "clock", 480, ""), ("22:00", "clock", 1320, "")]),
        ("LPR的4倍", [("4倍", "count", 4, "times")]),
        ("零利息", [("零", "number", 0, "")]),
        ("欠三千二", [("三千二", "number", 3200, "")]),
        ("借5万3期还", [("5万", "number", 50_000, ""), ("3期", "count", 3, "instalments")]),
        ("共1.2万", [("1.2万", "number", 12_000, "")]),
    ],
)
def test_counts_phones_times_and_bare_numbers(text, wanted):
    assert read(text) == wanted


NO_FIGURES = (
    """
请稍等一下|一定会|第一|第一时间|第三方|三方协议|十分抱歉|万分感谢|一次性还清|五一假期|双十一活动|国庆十一期间
有一天|每一期|上一期|同一天|一起|统一|唯一|一般|一些|一直|万一|千万别|百度|百货|四川|三亚|不一样|一样的|一旦
以下两种方式|分两步操作|一位客户|一名专员|几百元|数十元|好几千|[手机号1]|【银行卡2】|{amount_due}|A4纸|5G网络
iPhone15|（1）登录|1. 打开应用|2、点击还款|两点建议|一点也不|零钱|零食|一成不变|完成|成为
一五一十|七七八八
""".replace("\n", "|")
    .strip("|")
    .split("|")
)


@pytest.mark.parametrize("text", NO_FIGURES)
def test_words_that_only_look_like_numbers(text):
    assert read(text) == []


@given(st.integers(0, 10**10), st.sampled_from(["应还{}。", "{}", "是 {} 吧", "１、{}，"]))
def test_money_as_scripts_show_it_is_read_back_with_its_place(fen, frame):
    text = frame.format(yuan(fen))
    found = [one for one in figures_in(text) if one.kind == "money"]
    assert [(one.value, one.text) for one in found] == [(fen, yuan(fen))]
    assert text[found[0].start : found[0].end] == yuan(fen)


@given(
    st.text(
        st.sampled_from("0123456789一二三十百千万元%期天年月日号点分之角块，。. -:（）约尾号第个")
    )
)
def test_any_text_is_read_without_a_fault_and_in_order(text):
    found = figures_in(text)
    assert [one.text for one in found] == [text[one.start : one.end] for one in found]
    assert all(one.end <= other.start for one, other in pairwise(found))


@pytest.mark.parametrize(
    "piece", ["一", "1", "1,", "1万1", "1万1111111111x", " ", "\n", "第", "(", "a1", "十", "1，"]
)
def test_a_hundred_thousand_characters_are_read_in_one_pass(piece):
    """A pattern that tries every way to part a run would not come back at all."""
    assert len(figures_in(piece * (100_000 // len(piece)))) <= 100_000
