"""How people write a number that they have seen: 1234.5块, 一千二百多, 6月3号.

A fact and chance come in, a text goes out: what stands in a customer's words, never in a reply.
Pure.
"""

from __future__ import annotations

from datetime import date
from random import Random
from typing import Final

from finmodel.assistant.facts import Fact
from finmodel.lender.talk.templates import pick

_DIGITS: Final = "零一二三四五六七八九"
_STYLES: Final = ("plain", "yuan", "comma", "sign", "kuai", "about")


def as_written(fact: Fact, chance: Random) -> str:
    """The fact as a customer may write it; what is about right is said so."""
    if fact.slot.kind == "money" and isinstance(fact.value, int):
        return _money(fact.value, pick(_STYLES, chance))
    if fact.slot.kind == "date" and isinstance(fact.value, date):
        day = fact.value
        styles = (
            f"{day.month}月{day.day}号",
            f"{day.month}月{day.day}日",
            f"{day.month}.{day.day}",
        )
        return pick(styles, chance)
    return fact.shown


def _money(fen: int, style: str) -> str:
    bare = f"{fen // 100}.{fen % 100:02d}".rstrip("0").rstrip(".")
    if style == "about" and fen >= 1_000_000:
        return f"{fen // 100_000 / 10:g}万"
    if style == "about" and fen >= 10_000:
        return f"{roughly(fen // 100)}块"
    shapes = {"yuan": f"{bare}元", "comma": f"{fen // 100:,}.{fen % 100:02d}", "sign": f"¥{bare}"}
    return shapes.get(style, f"{bare}块" if style == "kuai" else bare)


def roughly(yuan: int) -> str:
    """A sum of 100 to 9,999 元 in words, cut to its first two figures.

    >>> roughly(1234), roughly(2050), roughly(640)
    ('一千二百多', '两千多', '六百四十多')
    """
    units = ("千", "百") if yuan >= 1_000 else ("百", "十")
    first, second = int(str(yuan)[0]), int(str(yuan)[1])
    head = "两" if first == 2 else _DIGITS[first]
    return f"{head}{units[0]}{f'{_DIGITS[second]}{units[1]}' if second else ''}多"
