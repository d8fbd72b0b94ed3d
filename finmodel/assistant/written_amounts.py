"""What a written amount is worth: money in 分, a rate as a share of 1, a number, digits.

A piece of text that is one figure of a known kind comes in, its exact value goes out, or None where
it has no single one (七八块). Where figures stand in a text is not known here.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Final, cast

from finmodel.assistant.numerals import CHINESE, DIGITS, MIXED, value_of

NUMBER: Final = re.compile(rf"{MIXED}|{CHINESE}")
_SMALL: Final = re.compile(r"(?P<whole>.*?)(?P<jiao>[角毛])(?P<fen>.*)")
_COIN: Final = re.compile(r"元|块|圆")
_SHARES: Final = {"%": 100, "‰": 1000, "百": 100, "千": 1000, "万": 10_000}
_CHINESE_DIGITS: Final = str.maketrans(DIGITS, "0012234567891234567" + "89")


def number_of(text: str) -> Fraction | None:
    """The first number in a text, whatever stands around it.

    >>> number_of("第12期")
    Fraction(12, 1)
    """
    found = NUMBER.search(text)
    return value_of(found.group()) if found else None


def digits_of(text: str) -> str:
    """The digits of a phone or a card's tail, without what parts them.

    >>> digits_of("400-123 4567"), digits_of("尾号一二三四")
    ('4001234567', '1234')
    """
    return "".join(re.findall(r"\d", text.translate(_CHINESE_DIGITS)))


def fen_of(text: str) -> Fraction | None:
    """Money in 分: 12元5角, 3块5, 5毛, 8分钱, ¥1,234.50, 1 234元.

    >>> [int(fen_of(text)) for text in ("12元5角", "3块5", "三块五毛二", "5毛", "1，234元")]
    [1250, 350, 352, 50, 123400]
    """
    if text.endswith("分钱"):
        return number_of(text)
    small = _SMALL.fullmatch(text)
    whole, jiao, fen = text, "", ""
    if small:
        head = _COIN.split(small["whole"])
        whole, jiao, fen = head[0] if len(head) > 1 else "", head[-1], small["fen"]
    else:
        parts = _COIN.split(text)
        tail = parts[-1].strip("整钱 ")
        if len(parts) > 1 and len(tail) == 1:
            whole, jiao = parts[0], tail
    yuan = number_of(re.sub(r"(?<=\d)[， ](?=\d)", "", whole)) if whole else Fraction(0)
    parts_fen = [number_of(part) if part.strip("钱分") else Fraction(0) for part in (jiao, fen)]
    if yuan is None or None in parts_fen:
        return None
    return yuan * 100 + cast(Fraction, parts_fen[0]) * 10 + cast(Fraction, parts_fen[1])


def share_of(text: str) -> Fraction | None:
    """A rate as a share of 1.

    >>> [str(share_of(text)) for text in ("18.25%", "万分之五", "三成", "九五折", "月息2分")]
    ['73/400', '1/2000', '3/10', '19/20', '1/50']
    """
    if text[0] == "万" and "分之" not in text:
        return _over(number_of(text[1:]), Fraction(10_000))  # 日息万五
    if text in ("百分百", "百分之百", "一半"):
        return Fraction(1, 2) if text == "一半" else Fraction(1)
    if "分之" in text:
        below, _, above = text.partition("分之")
        whole = Fraction(_SHARES[below]) if below in _SHARES else number_of(below)
        return _over(number_of(above), whole)
    if text.endswith(("分", "厘")):
        yearly, fine = text.startswith("年"), text.endswith("厘")
        return _over(number_of(text), Fraction((10 if yearly else 100) * (10 if fine else 1)))
    if text.endswith("折"):
        digits = text[:-1].translate(_CHINESE_DIGITS)
        return Fraction(f"0.{digits}") if digits.isdigit() else _over(number_of(text), Fraction(10))
    share = 10 if text.endswith("成") else _SHARES.get(text[-1], 100)
    return _over(number_of(text), Fraction(share))


def _over(number: Fraction | None, whole: Fraction | None) -> Fraction | None:
    return number / whole if number is not None and whole else None
