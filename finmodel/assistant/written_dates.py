"""Dates and times of day as Chinese text writes them: 6月3日, 2026-06-03, 本月15号, 晚上8点半.

A regular expression's match comes in, what it says of a day or a time goes out: often only a part
(6月3日 has no year), so that a day is compared by the parts that were said. Which day is today is
told by the caller.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Final

from msgspec import Struct

from finmodel.assistant.numerals import DIGITS, value_of

_TWO: Final = rf"(?:(?<![\d.,])\d{{1,2}}|[{DIGITS}]?十[{DIGITS}]?|[{DIGITS}])"
_YEAR: Final = rf"(?:(?:19|20)\d{{2}}|(?<!\d)\d{{2}}|[一二][{DIGITS}]{{3}})"
_NO_DAY: Final = r"(?!线|楼|文|令|门|院|房|铺|店|公告|[之以]?内|[之以]?后|起|息|利率|费|罚|年化)"
_DAYS_FOLLOW: Final = "(?<!宽限期)" + "".join(
    f"(?<!{word})" for word in ("逾期", "超过", "连续", "最近")
)
"""逾期3日 is three days, and no day of a month."""
DATE: Final = (
    rf"(?:(?P<full>{_YEAR}\s?年\s?{_TWO}\s?月(?:\s?{_TWO}\s?[日号])?)"
    r"|(?P<iso>(?<![\d.])(?:19|20)\d{2}(?P<dash>[-/.])\d{1,2}(?P=dash)\d{1,2}(?!\d|\.\d))"
    rf"|(?P<near>(?:本|这个|当|下个?|上个?|次|每个?)月的?\s?{_TWO}\s?[日号])"
    rf"|(?P<month>{_TWO}\s?月份?(?:\s?{_TWO}\s?[日号])?)"
    rf"|(?P<year>(?:(?:19|20)\d{{2}}|[一二][{DIGITS}]{{3}})\s?年)"
    rf"|(?P<day>{_DAYS_FOLLOW}(?!一日|两){_TWO}\s?[日号]{_NO_DAY}))"
)
_HALF: Final = "早上|上午|早晨|清晨|凌晨|中午|下午|晚上|晚间|夜里|夜间|晚"
CLOCK: Final = (
    rf"(?:(?:{_HALF})?\s?\d{{1,2}}:\d{{2}}(?::\d{{2}})?(?!\d)"
    rf"|(?:{_HALF})\s?{_TWO}\s?点(?:半|整|钟|[一三]刻|{_TWO}分?)?"
    rf"|(?<![\d.])\d{{1,2}}\s?点(?:半|整|钟|\d{{1,2}}分|(?=[-~至到前后之以，。,开]|$))"
    rf"|[{DIGITS}十]{{1,3}}点(?:半|整|钟(?!头)))"
)
_NUMBERS: Final = re.compile(rf"\d+|[{DIGITS}十]+")
_AFTERNOON: Final = re.compile("下午|晚")
_NEAR: Final = {"本": 0, "这": 0, "当": 0, "下": 1, "次": 1, "上": -1}


class Day(Struct, frozen=True, gc=False):
    """The parts of a day that were said."""

    year: int | None = None
    month: int | None = None
    day: int | None = None
    months_on: int | None = None
    """本月 is 0, 下月 1, 上月 -1; the month is counted from today."""

    def may_be(self, day: date, today: date | None) -> bool:
        """Whether all that was said fits a day; a month counted from an unknown today does not.

        >>> Day(month=6, day=3).may_be(date(2026, 6, 3), None)
        True
        >>> Day(day=3, months_on=1).may_be(date(2026, 6, 3), date(2026, 5, 20))
        True
        """
        said = (self.year, self.month, self.day)
        theirs = (day.year, day.month, day.day)
        if not all(one is None or one == other for one, other in zip(said, theirs, strict=True)):
            return False
        if self.months_on is None:
            return True
        return today is not None and _months(day) == _months(today) + self.months_on


def read_day(found: re.Match[str]) -> Day:
    """What a match of `DATE` says.

    >>> find = re.compile(DATE)
    >>> read_day(find.search("请在2026年6月3日前"))
    Day(year=2026, month=6, day=3, months_on=None)
    >>> read_day(find.search("下个月十五号"))
    Day(year=None, month=None, day=15, months_on=1)
    """
    text = found.group()
    parts = [_two(part) for part in _NUMBERS.findall(text)]
    if found["full"] or found["iso"]:
        year = parts[0]
        return Day(year + 2000 if year is not None and year < 100 else year, *parts[1:])
    if found["near"]:
        return Day(day=parts[0], months_on=_NEAR.get(text[0]))
    if found["year"]:
        return Day(year=parts[0])
    return Day(day=parts[0]) if found["day"] else Day(None, *parts)


def read_clock(text: str) -> int | None:
    """Minutes since midnight; None for a time that no day has.

    >>> read_clock("22:00"), read_clock("晚上8点半"), read_clock("下午三点"), read_clock("25:00")
    (1320, 1230, 900, None)
    """
    hour, *rest = [_two(part) for part in _NUMBERS.findall(text.replace("刻", ""))]
    minute: int | None = rest[0] if rest else 0
    if "刻" in text:
        minute = 15 if "一刻" in text else 45
    elif text.endswith("半"):
        minute = 30
    if hour is None or minute is None or hour > 24 or minute > 59:
        return None
    return (hour + (12 if hour < 12 and _AFTERNOON.search(text) else 0)) * 60 + minute


def _two(text: str) -> int | None:
    if text.isdigit():
        return int(text)
    read = value_of(text)
    return None if read is None else int(read)


def _months(day: date) -> int:
    return day.year * 12 + day.month
