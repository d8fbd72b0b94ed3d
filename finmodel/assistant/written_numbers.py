"""Figures as people write them in Chinese text, with their spans, kinds, units and exact values.

A text comes in, `Figure`s go out in order: 1,234.50元, １２３４, 1.2万, 三千二百元, 百分之十八,
0.05%/天, 6月3日, 12期, 95566. Words that only look like numbers (一下, 一定, 第三方, 十分感谢) are
left out; 百分百 is a figure. A vague one (几百元) is not told. Whether a figure is true is for
`grounding.py` to say.
"""

from __future__ import annotations

import re
from fractions import Fraction
from itertools import pairwise
from typing import Final, Literal, TypeAlias, cast

from msgspec import Struct
from msgspec.structs import replace

from finmodel.assistant.number_patterns import FIND, UNITS
from finmodel.assistant.rate_words import period_of
from finmodel.assistant.written_amounts import NUMBER, digits_of, fen_of, number_of, share_of
from finmodel.assistant.written_dates import Day, read_clock, read_day
from finmodel.plain_text import plain

FigureKind: TypeAlias = Literal[
    "money", "rate", "date", "clock", "count", "number", "phone", "tail", "code"
]
Value: TypeAlias = Fraction | Day | str | None


class Figure(Struct, frozen=True, gc=False):
    """One figure of a text: `text[start:end]`."""

    text: str
    start: int
    end: int
    kind: FigureKind
    value: Value
    """Money in 分, a rate as a share of 1, a time's minutes, a phone's digits.

    None where the text has no single one: 七八天.
    """
    unit: str = ""
    """A rate's period (day, month, year, year-simple, year-compound), or what a count counts."""


_JOINED: Final = re.compile(r"\s?(?:[-~—–至到]|--)\s?")


def figures_in(text: str) -> list[Figure]:
    """Every figure of a text, in order, with its place in the text as it was given.

    >>> text = "本期应还１，２３４．５０元，日利率万分之五，6月3日前还12期中的第3期。"
    >>> for one in figures_in(text):
    ...     print(one.text, one.kind, one.unit, one.start)
    １，２３４．５０元 money  4
    万分之五 rate day 17
    6月3日 date  22
    12期 count instalments 28
    第3期 count instalment 33
    """
    seen, places = plain(text)
    found = []
    for match in FIND.finditer(seen):
        kind = str(match.lastgroup)
        if kind != "skip":
            start, end = places[match.start()], places[match.end() - 1] + 1
            value, unit = _read(kind, match, seen)
            whole = text[start:end]
            found.append(Figure(whole, start, end, cast(FigureKind, kind), value, unit))
    return _with_ranges(text, found)


def _read(kind: str, match: re.Match[str], seen: str) -> tuple[Value, str]:
    text = match.group()
    if kind == "money":
        return fen_of(text), ""
    if kind == "rate":
        at = match.end() - 1 if text[-1] in "分厘" else match.start()  # 月息两分 names its own
        return share_of(text), period_of(seen, at, match.end())
    if kind == "count":
        unit = next(unit for unit in UNITS if match[unit] is not None)
        ordinal = unit == "instalments" and text.startswith("第")
        return number_of(text), "instalment" if ordinal else unit
    if kind == "date":
        return read_day(match), ""
    if kind == "clock":
        minutes = read_clock(text)
        return (None if minutes is None else Fraction(minutes)), ""
    return (number_of(text), "") if kind == "number" else (digits_of(text), "")


def _with_ranges(text: str, found: list[Figure]) -> list[Figure]:
    """In 3-5天 and 1-2万元 the first number is of the second's kind."""
    for nth, (one, other) in enumerate(pairwise(found)):
        joined = one.kind == "number" and _JOINED.fullmatch(text[one.end : other.start])
        if not joined or other.kind not in ("money", "rate", "count"):
            continue
        unit = NUMBER.sub("", other.text, count=1)
        factor = "万" if "万" in other.text and "万" not in one.text else ""
        again = figures_in(f"{one.text}{factor}{unit}")
        if len(again) == 1 and again[0].kind == other.kind:
            found[nth] = replace(one, kind=other.kind, value=again[0].value, unit=other.unit)
    return found
