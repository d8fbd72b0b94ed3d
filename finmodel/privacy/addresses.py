"""Addresses in a clause: from a province, a city or a street down to a house, a floor, a room.

A plain clause comes in, claims go out. A city alone, or a street without a number, is no address.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from finmodel.privacy.numbers import Claim

_HAN: Final = r"[\u4e00-\u9fff]"
_NUMBER: Final = r"[\dA-Za-z零〇一二三四五六七八九十百]{1,6}(?:[-之][\dA-Za-z]{1,5}){0,3}"
_PROVINCE: Final = (
    r"(?:(?:北京|天津|上海|重庆)市?"
    r"|(?:河北|山西|辽宁|吉林|黑龙江|江苏|浙江|安徽|福建|江西|山东|河南|湖北|湖南|广东|海南|四川"
    r"|贵州|云南|陕西|甘肃|青海|台湾)省?"
    r"|(?:内蒙古|广西|西藏|宁夏|新疆)(?:[^\s区]{0,4}自治区)?|(?:香港|澳门)(?:特别行政区)?)"
)
_AREA: Final = (
    rf"(?>{_HAN}{{2,7}}?(?:自治州|自治县|地区|新区|开发区|高新区|(?<!城)市|盟|(?<![小社])区|县|旗))"
)
_TOWN: Final = rf"(?>{_HAN}{{1,6}}?(?:街道|镇|乡|苏木))"
_STREET: Final = (
    rf"(?>{_HAN}{{1,8}}?(?:大道|大街|路|街|巷|弄|胡同|道|庄?村|屯|庄|社区|小区|花园|家园|公寓|大厦"
    r"|广场|新村|苑|园|城|府|中心)(?![路街道巷区])(?:[一二三四五六七八九十\d]{1,2}段)?)"
)
_HOUSE: Final = (
    rf"(?:[东南西北]?{_NUMBER}\s?(?:号楼|号院|号|栋|幢|座|弄|组|队|单元|楼|层|室|户|房|门))"
)
_REGION: Final = rf"(?:{_PROVINCE}\s?{_AREA}{{0,3}}+|{_AREA}{{1,3}}+)"
_ROOM: Final = r"(?:\d{1,5}(?!\d|[元期天年月%]))?"
_ADDRESS: Final = re.compile(
    rf"{_REGION}\s?{_TOWN}?\s?(?:(?:{_HOUSE}|{_STREET}|{_HAN}{{2,8}}?(?={_HOUSE}))\s?){{1,8}}+{_ROOM}"
    rf"|{_TOWN}?(?:{_STREET}\s?){{1,3}}+(?:{_HOUSE}\s?){{1,6}}+{_ROOM}"
)
_HINT: Final = re.compile(
    "老家|收货地址|地址|住址|住在|家住|现住|位于|寄往|寄到|快递|寄|送到|搬到|搬去|户籍|籍贯|单位|公司|改成|换成"
    "|[我你您他她]家?|[住在是到从给的为去]"
)
"""Words in front of an address, which are no part of one."""


_EXACT: Final = re.compile(r"[\d零〇一二三四五六七八九十]")


def addresses_in(clause: str) -> Iterator[Claim]:
    """Every claim to an address.

    >>> [one.key for one in addresses_in("我住在北京市朝阳区建国路88号院3号楼1201室")]
    ['北京市朝阳区建国路88号院3号楼1201室']
    >>> list(addresses_in("我在北京市")), list(addresses_in("这条路怎么走"))
    ([], [])
    """
    bare = _HINT.sub(lambda hint: "\0" * len(hint.group()), clause)
    for found in _ADDRESS.finditer(bare):
        text = found.group().rstrip()
        if _EXACT.search(text) or len(text) >= 8:
            start = found.start()
            yield Claim("address", start, start + len(text), re.sub(r"\s", "", text))
