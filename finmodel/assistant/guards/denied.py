"""What denies a charge: no fee is a figure too, and an engine that makes none may not make it.

A sentence and the approved texts at hand come in; what it denies beyond them goes out. Which charge
there is in truth is not known here. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from finmodel.assistant.guards.normal import normalise

INSTEAD: Final = "是否收费、收多少，以合同约定和App页面显示为准。"
"""What may be said in the place of such a sentence."""
_CHARGE: Final = (
    "(?:手续费|服务费|管理费|违约金|滞纳金|保证金|费用|罚息|利息|费|息)(?!用?[户卡]|明|怎|多|是)"
)
_DENIED: Final = re.compile(
    r"(?:不(?!要|能|得|清|了解|明|确|足|含)(?:用|必|会|再|需要?|额外|另外?|加)*|无需?|没有?|免除?|[零0〇])"
    r"(?:收取?|产生|支付|缴纳?|交|付|扣除?|有|要|计|额外|任何|其他|您的?|您|的|了|过|提前还款){0,4}"
    rf"{_CHARGE}"
    rf"|{_CHARGE}(?:都|也|全部|一律|可以|会|将|给您|为您|帮您|是|为){{0,3}}"
    r"(?:不收|不用[交付还]|不需要|没有|免[了除收]?|[零0〇]|减免|取消|免单)"
    r"|(?:免费|免息|零息|零费|无息|分文不取|白用)"
)


def denied_charges(sentence: str) -> tuple[str, ...]:
    """What a sentence says that nobody has to pay, in its own words.

    >>> denied_charges("不，提前还款不收手续费。"), denied_charges("这段时间免息，罚息也可以减免。")
    (('不收手续费',), ('免息', '罚息也可以减免'))
    >>> denied_charges("请不要向任何人支付费用。"), denied_charges("手续费以合同为准。")
    ((), ())
    """
    return tuple(one.group() for one in _DENIED.finditer(normalise(sentence).text))


def denies_more(sentence: str, approved: Iterable[str]) -> bool:
    """Whether a sentence denies a charge in words that no approved text at hand has.

    >>> denies_more("随借随还不收提前还款手续费。", ["随时可以还款，不收提前还款手续费。"])
    False
    >>> denies_more("提前还款不收手续费。", ["提前还款可能收取手续费。"])
    True
    """
    denied = denied_charges(sentence)
    if not denied:
        return False
    known = [normalise(one).text for one in approved]
    return any(all(one not in text for text in known) for one in denied)
