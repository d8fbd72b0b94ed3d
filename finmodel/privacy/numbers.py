"""Personal numbers in a clause: identity and bank cards, phones, e-mail, WeChat, QQ, plates.

A plain clause comes in (see `plain_text.py`), claims with places and keys go out. Spaces, dashes
and Chinese digits inside a number are read through. A number whose check fails is still claimed
where the clause says what it is. Names and addresses are not known here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from finmodel.privacy.checks import is_bank_card, is_id_card, is_landline, is_mobile
from finmodel.privacy.kinds import Kind


class Claim(NamedTuple):
    """A kind's claim to `clause[start:end]`."""

    kind: Kind
    start: int
    end: int
    key: str


_CHINESE: Final = "零〇一二三四五六七八九幺壹贰叁肆伍陆柒捌玖"
_DIGITS: Final = str.maketrans(_CHINESE, "0" + "0123456789" + "1" + "123456789")
_SPOKEN: Final = re.compile(rf"[{_CHINESE}\d](?:[ \-]?[{_CHINESE}\d]){{6,20}}")
_PARTED: Final = r"(?:[ ]{1,2}|[ ]?[-._/·][ ]?)?"
_RUN: Final = re.compile(
    rf"(?<!\d)(?<!\d\.)\+?\d(?:{_PARTED}\d){{6,30}}(?:{_PARTED}[Xx])?(?![\d@])"
)
_PIECES: Final = re.compile(r"\d+[Xx]?")
_ID_WORDS: Final = re.compile(r"身份证|证件号|身份号码|ID", re.IGNORECASE)
_CARD_WORDS: Final = re.compile(r"卡号|[行蓄用记]卡|卡[^\d]{0,5}$|[账帐][号户]|收款账")
_PHONE_WORDS: Final = re.compile(r"(?:电话|座机|固话|传真|办公室)[^\d]{0,5}$")
_BRACKETED: Final = re.compile(r"\((?P<area>0\d{2,3})\)[ -]?(?P<rest>\d{7,8})(?!\d)")
_NOT_AFTER: Final = r"(?<![A-Za-z0-9_])"
_PROVINCE: Final = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"
_PLATE: Final = "A-HJ-NP-Za-hj-np-z"
_SAYS: Final = r"\s?(?:是|为|叫|加)?\s?:?\s?"
_PATTERNS: Final[tuple[tuple[Kind, str], ...]] = (
    (
        "email",
        r"(?<![A-Za-z0-9._%+-])(?P<it>[A-Za-z0-9._%+-]{1,64}\s?@\s?[A-Za-z0-9-]{1,63}"
        r"(?:\s?\.\s?[A-Za-z0-9-]{1,63}){1,4})",
    ),
    (
        "id_card",
        r"(?:后[六6]?位|后[六6]|[六6]后?位|身份证[^\d]{1,4})[^\d]{0,4}(?P<it>\d{5}[\dX])(?!\d)",
    ),
    ("passport", _NOT_AFTER + r"(?P<it>(?:[EGDSPK]|E[A-Z])\d{7,8})(?!\d)"),
    (
        "passport",
        r"(?:护照|通行证|回乡证|台胞证|居留证|军官证)[^A-Za-z0-9]{0,6}(?P<it>[A-Z]{0,3}\d{6,10})(?!\d)",
    ),
    (
        "plate",
        rf"(?P<it>[{_PROVINCE}][{_PLATE}][·. ]?(?=[A-Za-z]{{0,4}}\d)"
        rf"[{_PLATE}0-9]{{4,5}}[{_PLATE}0-9挂学警港澳])(?![A-Za-z0-9])",
    ),
    ("wechat", _NOT_AFTER + r"(?P<it>wxid_[A-Za-z0-9]{6,30})"),
    (
        "wechat",
        r"(?:(?:微信|薇信|威信|v信|(?<![A-Za-z])(?:wx|vx|wechat|weixin))(?:账?号码?|id)?"
        rf"|(?<![A-Za-z])v\s?(?=:)){_SAYS}(?!wechat|weixin|wxid|pay)"
        r"(?P<it>[A-Za-z][A-Za-z0-9_-]{5,19})(?![A-Za-z0-9_@-])",
    ),
    (
        "qq",
        rf"(?:(?<![A-Za-z])QQ|扣扣|企鹅)(?:账?号码?)?{_SAYS}(?P<it>[1-9]\d{{4,11}})(?!\d)",
    ),
)
_FINDERS: Final = [(kind, re.compile(pattern, re.IGNORECASE)) for kind, pattern in _PATTERNS]


def numbers_in(clause: str) -> Iterator[Claim]:
    """Every claim to a personal number; two may lay claim to the same place.

    >>> [(one.kind, one.key) for one in numbers_in("手机 138-0013-8000，QQ:123456")]
    [('mobile', '13800138000'), ('qq', '123456')]
    >>> [one.kind for one in numbers_in("我的手机幺三八零零幺三八零零零")]
    ['mobile']
    """
    read = _SPOKEN.sub(lambda found: found.group().translate(_DIGITS), clause)
    for found in _RUN.finditer(read):
        yield from _run(read, found)
    for found in _BRACKETED.finditer(read):
        if is_landline(found["area"] + found["rest"]):
            yield Claim("landline", *found.span(), found["area"] + found["rest"])
    for kind, pattern in _FINDERS:
        for found in pattern.finditer(clause):
            key = re.sub(r"\s", "", found["it"]).lower()
            yield Claim(kind, *found.span("it"), key)


def _run(read: str, found: re.Match[str]) -> Iterator[Claim]:
    """A run of digits as a whole, or else its pieces, longest joins first."""
    pieces = [one.span() for one in _PIECES.finditer(read, *found.span())]
    first = 0
    while first < len(pieces):
        for last in range(len(pieces), first, -1):
            start, end = pieces[first][0], pieces[last - 1][1]
            kind = _kind(read, start, end)
            if kind:
                if kind == "mobile" and read[max(start - 1, 0) : start] == "+":
                    start -= 1
                yield Claim(kind, start, end, _bare(kind, read[start:end]))
                first = last
                break
        else:
            first += 1


def _kind(read: str, start: int, end: int) -> Kind | None:
    digits = re.sub(r"[^\dXx]", "", read[start:end])
    before = read[max(start - 16, 0) : start]
    if is_id_card(digits):
        return "id_card"
    if digits[-1] in "Xx":
        return "id_card" if is_id_card(digits, strict=False) else None
    if is_mobile(digits):
        return "mobile"
    if is_landline(digits):
        return "landline"
    if is_bank_card(digits):
        return "bank_card"
    return _said(digits, before)


def _said(digits: str, before: str) -> Kind | None:
    """What a number is that keeps no check, where the words before it say so."""
    if len(digits) in (15, 17, 18, 19) and _ID_WORDS.search(before):
        return "id_card"
    if 12 <= len(digits) <= 21 and _CARD_WORDS.search(before):
        return "bank_card"
    if len(digits) in (7, 8) and digits[0] in "2345678" and _PHONE_WORDS.search(before):
        return "landline"
    return None


def _bare(kind: Kind, text: str) -> str:
    digits = re.sub(r"[^\dXx]", "", text).upper()
    return digits[-11:] if kind == "mobile" else digits
