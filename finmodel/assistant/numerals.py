"""Numbers as Chinese text writes them, read as exact fractions: 三千二, 1.2万, 二〇二六, 12万5千.

A piece of text that holds one number comes in, its exact value goes out, or None where it has no
single one (七八天, 三五千). Where numbers stand in a text, and what of, is not known here.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Final

DIGITS: Final = "零〇一二两三四五六七八九壹贰叁肆伍陆柒捌玖"
_DIGIT: Final = {
    **dict(zip("零〇一二两三四五六七八九", (0, 0, 1, 2, 2, 3, 4, 5, 6, 7, 8, 9), strict=True)),
    **dict(zip("壹贰叁肆伍陆柒捌玖", range(1, 10), strict=True)),
}
TENS: Final = "十百千拾佰仟"
_TENS: Final = {"十": 10, "百": 100, "千": 1000, "拾": 10, "佰": 100, "仟": 1000, "k": 1000}
MYRIADS: Final = "万萬亿"
_MYRIADS: Final = {"万": 10**4, "萬": 10**4, "w": 10**4, "亿": 10**8}

ARABIC: Final = r"(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?"
"""A number in digits; a comma only where it parts thousands."""
_ANY: Final = f"{DIGITS}{TENS}{MYRIADS}"
CHINESE: Final = rf"[{DIGITS}十拾][{_ANY}]{{0,24}}(?:点[{DIGITS}]{{1,8}}[{MYRIADS}]?)?"
_SCALE: Final = rf"[{TENS}{MYRIADS}]"
_PART: Final = rf"[{DIGITS}]?\d{{0,4}}{_SCALE}|(?:[{DIGITS}]?\d{{1,4}}|[{DIGITS}])(?![\d期天])"
MIXED: Final = rf"{ARABIC}(?:{_SCALE}(?:{_PART}){{0,8}}+|[wWkK](?![A-Za-z]))?"
"""12万5千: digits and signs by turns; what was taken is not given back, or it would never end."""
_TOKEN: Final = re.compile(rf"{ARABIC}|.")


def value_of(text: str) -> Fraction | None:
    """The one value of a written number; None where it has none.

    >>> [str(value_of(text)) for text in ("1,234.5", "三千二", "1.2万", "一万零五百", "1万2")]
    ['2469/2', '3200', '12000', '10500', '12000']
    >>> value_of("二〇二六"), value_of("零点零五"), value_of("七八"), value_of("三五千")
    (Fraction(2026, 1), Fraction(1, 20), None, None)
    """
    text = text.lower().replace(" ", "")
    scale = 1
    if "点" in text:
        if text[-1] in _MYRIADS:
            text, scale = text[:-1], _MYRIADS[text[-1]]
        whole, _, decimals = text.partition("点")
        read = value_of(whole)
        digits = "".join(str(_DIGIT[char]) for char in decimals)
        return None if read is None else (read + Fraction(f"0.{digits}")) * scale
    if all(char in _DIGIT for char in text):
        if 1 < len(text) < 4 and not set("零〇") & set(text):
            return None  # 七八 is 7 or 8; 四零零 and 二〇二六 are read digit by digit
        return Fraction("".join(str(_DIGIT[char]) for char in text))
    return _scaled(_TOKEN.findall(text))


def _scaled(tokens: list[str]) -> Fraction | None:
    """Digits and multipliers, as in 一万二千零五."""
    total, section, number = Fraction(0), Fraction(0), None
    last, after_zero = 0, False
    for token in tokens:
        if token in _TENS:
            section += (1 if number is None else number) * _TENS[token]
            number, last, after_zero = None, _TENS[token], False
        elif token in _MYRIADS:
            section += number or 0
            if token == "亿":  # 一万亿: all before it counts, but not so for 万 in 一亿二千万
                section, total = section + total, Fraction(0)
            total, section = total + section * _MYRIADS[token], Fraction(0)
            number, last, after_zero = None, _MYRIADS[token], False
        elif number:
            return None  # two digits side by side, and a multiplier: 三五千
        else:
            after_zero = after_zero or token in "零〇"
            number = _number(token)
    if number is None:
        return total + section
    bare = last > 10 and number < 10 and number.denominator == 1 and not after_zero
    return total + section + (number * last / 10 if bare else number)


def _number(token: str) -> Fraction:
    return Fraction(_DIGIT[token] if token in _DIGIT else token.replace(",", ""))
