"""Dates and times as people write them; a date by parts fits the days that it may mean."""

import re
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finmodel.assistant.written_dates import DATE, Day, read_clock, read_day

DAYS = st.dates(date(2000, 1, 1), date(2099, 12, 31))
FORMS = st.sampled_from(
    [
        "{0.year}年{0.month}月{0.day}日",
        "{0.year}-{0.month:02d}-{0.day:02d}",
        "{0.year}/{0.month}/{0.day}",
        "{0.year}.{0.month}.{0.day}",
        "{0.year} 年 {0.month} 月 {0.day} 号",
    ]
)


@given(DAYS, FORMS)
def test_a_whole_date_is_that_day_and_no_other(day, form):
    found = re.search(DATE, form.format(day))
    assert found.group() == form.format(day)
    said = read_day(found)
    assert said == Day(day.year, day.month, day.day)
    assert said.may_be(day, None)
    assert not said.may_be(date.fromordinal(day.toordinal() + 1), None)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("六月三号", Day(month=6, day=3)),
        ("二〇二六年六月三日", Day(2026, 6, 3)),
        ("26年6月3日", Day(2026, 6, 3)),
        ("本月15号", Day(day=15, months_on=0)),
        ("上个月15日", Day(day=15, months_on=-1)),
        ("次月八号", Day(day=8, months_on=1)),
        ("每月15日", Day(day=15)),
        ("十五号", Day(day=15)),
        ("2026年12月", Day(2026, 12)),
        ("12月份", Day(month=12)),
    ],
)
def test_parts_of_a_date(text, said):
    assert read_day(re.search(DATE, text)) == said


@pytest.mark.parametrize(
    "text", ["3日内", "逾期3日", "12号线", "两日", "0.5日息", "7日年化", "3个月"]
)
def test_what_is_no_date(text):
    assert re.search(DATE, text) is None


def test_next_month_is_counted_from_today_over_the_year():
    said = Day(day=15, months_on=1)
    assert said.may_be(date(2027, 1, 15), date(2026, 12, 20))
    assert not said.may_be(date(2026, 12, 15), date(2026, 12, 20))
    assert not said.may_be(date(2027, 1, 15), None)


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("22:00", 1320),
        ("晚上10点", 1320),
        ("下午三点一刻", 915),
        ("早上8点半", 510),
        ("中午十二点", 720),
        ("24:00", 1440),
        ("8:75", None),
        ("31点", None),
    ],
)
def test_times_of_day(text, minutes):
    assert read_clock(text) == minutes
