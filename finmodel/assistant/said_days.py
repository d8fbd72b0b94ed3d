"""Which day a customer means: 明天, 周五, 下周一, 月底, 三天后, 15号, 6月3日.

Their words and the day on which they wrote come in, a day goes out, or none. A day without its year
or month is the next one that fits. Whether anything is promised of it is not known here. Pure.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Final

from finmodel.assistant.numerals import value_of
from finmodel.assistant.written_dates import Day
from finmodel.assistant.written_numbers import figures_in

_AHEAD: Final = 366
_ON: Final = {
    "今天": 0,
    "今晚": 0,
    "今日": 0,
    "明天": 1,
    "明日": 1,
    "明早": 1,
    "后天": 2,
    "大后天": 3,
}
_WORDS: Final = re.compile("|".join(sorted(_ON, key=len, reverse=True)))
_WEEKDAY: Final = re.compile(
    "(?P<next>下+个?|这个?|本)?(?:周|星期|礼拜)(?P<day>[一二三四五六日天末])"
)
_DAYS: Final = {name: at for at, name in enumerate("一二三四五六日")} | {"天": 6, "末": 5}
_NUMERAL: Final = "一二两三四五六七八九十百"
_LATER: Final = re.compile(
    rf"(?<![\d{_NUMERAL}])(?P<count>\d{{1,3}}|[{_NUMERAL}]{{1,4}})\s?天(?:之?[后内]|以[后内])"
)
_END: Final = re.compile(rf"(?P<next>下个?)?(?P<month>(?<!\d)\d{{1,2}}|[{_NUMERAL}]{{1,2}})?月底")
_CLAUSE: Final = re.compile("[，。；！？,;!?\n]")
_DENIES: Final = re.compile("[没不未别无]")
_PAYS: Final = re.compile("[还付给转打存交清结补]")


def day_said(text: str, today: date) -> date | None:
    """The day of a text on which something is to be done, today or within a year.

    It is the first one of a clause that speaks of paying, else the first of any; what a clause
    denies (今天没钱, 15号还不上) is none.

    >>> wednesday = date(2026, 6, 3)
    >>> [str(day_said(text, wednesday)) for text in ("明天还", "周五发工资", "下周一吧", "月底前")]
    ['2026-06-04', '2026-06-05', '2026-06-08', '2026-06-30']
    >>> [str(day_said(text, wednesday)) for text in ("15号还清", "2号给你", "三天后", "尽快")]
    ['2026-06-15', '2026-07-02', '2026-06-06', 'None']
    >>> str(day_said("今天没钱，下周五一定还", wednesday))
    '2026-06-12'
    """
    clauses = [one for one in _CLAUSE.split(text) if not _DENIES.search(one)]
    clauses.sort(key=lambda one: not _PAYS.search(one))
    found = (min(_said(one, today), default=None) for one in clauses)
    return next((place_and_day[1] for place_and_day in found if place_and_day), None)


def _said(text: str, today: date) -> Iterator[tuple[int, date]]:
    """Each day with its place in the text."""
    if word := _WORDS.search(text):
        yield word.start(), today + timedelta(_ON[word.group()])
    if weekday := _WEEKDAY.search(text):
        yield weekday.start(), _weekday(weekday, today)
    if later := _LATER.search(text):
        count = value_of(later["count"])
        if count is not None:
            yield later.start(), today + timedelta(int(count))
    if (end := _END.search(text)) and (day := _end(end, today)) is not None:
        yield end.start(), day
    for figure in figures_in(text):
        if isinstance(figure.value, Day) and (day := _next(figure.value, today)) is not None:
            yield figure.start, day


def _weekday(found: re.Match[str], today: date) -> date:
    """周五 is the next one from today on; 下周五 lies in the week that begins next Monday."""
    wanted, word = _DAYS[found["day"]], found["next"] or ""
    if word.startswith("下"):
        monday = today - timedelta(today.weekday())
        return monday + timedelta(7 * word.count("下") + wanted)
    return today + timedelta((wanted - today.weekday()) % 7)


def _end(found: re.Match[str], today: date) -> date | None:
    """Of this month, the next one, or the next that is called so."""
    month = today.year * 12 + today.month - 1 + bool(found["next"])
    if found["month"]:
        called = value_of(found["month"])
        if called is None or not 1 <= called <= 12:
            return None
        month += (int(called) - today.month) % 12
    year, month = divmod(month, 12)
    return date(year, month + 1, calendar.monthrange(year, month + 1)[1])


def _next(said: Day, today: date) -> date | None:
    if said.day is None:
        return None
    days = (today + timedelta(on) for on in range(_AHEAD))
    return next((day for day in days if said.may_be(day, today)), None)
