"""Every way of saying a day means that day, whatever today is."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finmodel.assistant.said_days import day_said

TODAYS = st.dates(date(2024, 1, 1), date(2030, 12, 31))
NAMES = "一二三四五六日"


@given(today=TODAYS, ahead=st.integers(0, 300))
def test_a_day_is_found_however_it_is_written(today, ahead):
    day = today + timedelta(ahead)
    ways = [
        f"{day.month}月{day.day}日还",
        f"我{day:%Y-%m-%d}还清",
        f"{day.year}年{day.month}月{day.day}号",
    ]
    assert {day_said(one, today) for one in ways} == {day}


@given(today=TODAYS, wanted=st.integers(0, 6))
def test_a_weekday_is_the_next_one_and_one_of_next_week_lies_in_it(today, wanted):
    day, later = (day_said(f"{word}{NAMES[wanted]}给", today) for word in ("周", "下星期"))
    assert day.weekday() == later.weekday() == wanted
    assert timedelta(0) <= day - today < timedelta(7)
    assert later.isocalendar()[:2] == (today + timedelta(7)).isocalendar()[:2]


@given(today=TODAYS)
def test_the_end_of_a_month_is_its_last_day(today):
    end, after = (day_said(text, today) for text in ("月底", "下个月底"))
    assert (end + timedelta(1)).day == (after + timedelta(1)).day == 1
    assert (end.year, end.month) == (today.year, today.month)
    assert timedelta(28) <= after - end <= timedelta(31)


@pytest.mark.parametrize(
    "text", ["尽快还", "有钱就还", "欠了三个月", "5000块", "逾期3天了", "", "三十号楼"]
)
def test_what_names_no_day_gives_none(text):
    assert day_said(text, date(2026, 6, 3)) is None


def test_of_several_the_first_counts_and_what_lies_back_does_not():
    today = date(2026, 6, 3)
    assert day_said("明天先还一点，月底还清", today) == date(2026, 6, 4)
    assert day_said("2025年1月5日借的", today) is None


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("二十五天后", date(2026, 6, 28)),
        ("100天后", date(2026, 9, 11)),
        ("8月底", date(2026, 8, 31)),
        ("二月底给", date(2027, 2, 28)),
        ("今天没钱，下周五一定还", date(2026, 6, 12)),
        ("15号之前还不上，20号还", date(2026, 6, 20)),
        ("明天去北京，后天还", date(2026, 6, 5)),
        ("这周五还不了", None),
    ],
)
def test_what_is_denied_or_beside_paying_is_not_taken(text, day):
    assert day_said(text, date(2026, 6, 3)) == day
