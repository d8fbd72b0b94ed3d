"""Checksums and number plans: which digits can be an identity card, a bank card, a phone.

Digits come in, yes or no goes out. Sources: GB 11643-1999 and ISO 7064 MOD 11-2 (identity cards),
ISO/IEC 7812-1 (Luhn), the national numbering plan (area codes). Where they stand is not known here.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Final

_WEIGHTS: Final = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK: Final = "10X98765432"
_PROVINCES: Final = re.compile("1[1-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-5]|71|8[1-3]")
_CARD_BEGINS: Final = ("62", "60", "4", "5", "35", "34", "36", "37", "9", "22", "24", "25", "27")


def is_id_card(digits: str, strict: bool = True) -> bool:
    """An 18-digit identity card, with its checksum unless not `strict`, or an old one of 15.

    >>> is_id_card("11010519491231002X"), is_id_card("110105194912310021")
    (True, False)
    >>> is_id_card("110105491231002"), is_id_card("110105491331002")
    (True, False)
    """
    if not _PROVINCES.match(digits):
        return False
    if len(digits) == 15:
        return _is_day(f"19{digits[6:12]}")
    if len(digits) != 18 or not _is_day(digits[6:14]):
        return False
    return not strict or digits[-1].upper() == id_check(digits[:17])


def id_check(first: str) -> str:
    """The check character of the first 17 digits.

    >>> id_check("11010519491231002")
    'X'
    """
    total = sum(int(one) * weight for one, weight in zip(first, _WEIGHTS, strict=True))
    return _CHECK[total % 11]


def _is_day(text: str) -> bool:
    try:
        day = date.fromisoformat(f"{text[:4]}-{text[4:6]}-{text[6:]}")
    except ValueError:
        return False
    return day.year >= 1800


def luhn(digits: str) -> bool:
    """Whether the digits keep Luhn's sum.

    >>> luhn("79927398713"), luhn("79927398710")
    (True, False)
    """
    total = 0
    for nth, one in enumerate(reversed(digits)):
        value = int(one) * (1 + nth % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def is_bank_card(digits: str) -> bool:
    """A card's number: 14 to 19 digits of a known beginning, with Luhn's sum.

    >>> is_bank_card("6200000000000005"), is_bank_card("6200000000000006")
    (True, False)
    """
    return 14 <= len(digits) <= 19 and digits.startswith(_CARD_BEGINS) and luhn(digits)


def is_mobile(digits: str) -> bool:
    """Eleven digits that a mobile may have; 86 may stand before.

    >>> is_mobile("13800138000"), is_mobile("8613800138000"), is_mobile("12800138000")
    (True, True, False)
    """
    bare = digits[-11:] if digits[:-11] in ("86", "0086") else digits
    return len(bare) == 11 and bare[0] == "1" and bare[1] in "3456789"


def is_landline(digits: str) -> bool:
    """An area code and a number of seven or eight digits that begins as one may.

    >>> is_landline("01082345678"), is_landline("07558234567"), is_landline("01012345678")
    (True, True, False)
    """
    area = 3 if digits[1:2] in ("1", "2") else 4
    if not digits.startswith("0") or digits[1:2] not in "123456789" or digits[:3] == "011":
        return False
    number = digits[area:]
    return len(number) in (7, 8) and number[0] in "2345678"
