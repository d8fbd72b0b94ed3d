"""Money in 分 and rates as exact fractions: rounding, reading, and how both are shown in Chinese.

Integers and `Fraction`s come in, integers and text go out. No float is taken or made: a sum of
money is a whole number of 分, and a rate is exactly what the contract says.
"""

from __future__ import annotations

import re
from datetime import date
from fractions import Fraction

from finmodel.errors import BadInput

_PERCENT = re.compile(r"\s*(\d{1,6}(?:\.\d{1,8})?)\s*[%％]\s*")


def half_up(exact: Fraction | int) -> int:
    """The nearest whole number; a half goes away from zero, as 四舍五入 has it.

    >>> half_up(Fraction(5, 2)), half_up(Fraction(-5, 2)), half_up(Fraction(249, 100))
    (3, -3, 2)
    """
    doubled = abs(2 * exact.numerator) + exact.denominator
    whole = doubled // (2 * exact.denominator)
    return whole if exact >= 0 else -whole


def yuan(fen: int) -> str:
    """Money as scripts show it.

    >>> yuan(123_450), yuan(-5), yuan(0)
    ('1,234.50元', '-0.05元', '0.00元')
    """
    sign = "-" if fen < 0 else ""
    return f"{sign}{abs(fen) // 100:,}.{abs(fen) % 100:02d}元"


def percent(rate: Fraction, most: int = 2) -> str:
    """A rate in percent: two decimals, and up to `most` where they say more.

    >>> percent(Fraction(73, 400)), percent(Fraction(18, 36_500), most=4)
    ('18.25%', '0.0493%')
    >>> percent(Fraction(1, 2000), most=4)
    '0.05%'
    """
    scaled = half_up(rate * 100 * 10**most)
    sign, scaled = ("-" if scaled < 0 else ""), abs(scaled)
    whole, rest = divmod(scaled, 10**most)
    decimals = f"{rest:0{most}d}".rstrip("0").ljust(2, "0")
    return f"{sign}{whole}.{decimals}%"


def read_percent(text: str, where: str = "rate") -> Fraction:
    """The rate in a text such as `18.25%`; raises `BadInput` for anything else.

    >>> read_percent("18.25%")
    Fraction(73, 400)
    """
    found = _PERCENT.fullmatch(text)
    if not found:
        raise BadInput(
            f"{text[:40]!r} is no rate", where=where, remedy='write it as "18.25%", in quotes'
        )
    return Fraction(found[1]) / 100


def chinese_date(day: date) -> str:
    """A date as scripts show it.

    >>> chinese_date(date(2026, 6, 3))
    '2026年6月3日'
    """
    return f"{day.year}年{day.month}月{day.day}日"
