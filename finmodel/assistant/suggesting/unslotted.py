"""A figure that an engine wrote in words or in signs of its own, where only a slot may stand.

A sentence with slots comes in, yes or no goes out. Stricter than the figures that people type are
read: what is vague (好几万), relative (还款日是下周三) or a sign (⑶, ¾) is one here. Pure.
"""

from __future__ import annotations

import re
from typing import Final
from unicodedata import numeric

from finmodel.assistant.slots import replaced
from finmodel.plain_text import plain

_MANY: Final = "十百千万萬亿億佰仟"
_UNITS: Final = "元|块|圆|天|[日号]|周|星期|个?月|年|期|次|笔|小时|分钟|倍|成|%"
_SPAN: Final = "天|[日周年]|个?星期|个?礼拜|个?月|个?季度|个?小时|个?钟头|个?工作日|分钟|期"
_WORDS: Final = re.compile(
    "[俩倆](?=个|月|[天日期次年周])|[幺兩廿卄廾卅卌仨亖弌弍弎弐貮貳參叄陸億🔟💯]"
    rf"|[{_MANY}](?:[多余来几]|[多余]?个)?(?:{_UNITS})(?!全|分|众|家|无)"
    rf"|(?:好几|上|数|近|几|成)[{_MANY}](?!网|述|级|次|传|班|报|交)"
    rf"|[{_MANY}][来几多余](?!谢)|好(?:几|些)(?:{_UNITS})|几(?:元|块)"
    "|(?:应还|要还|还款|欠|合计|共计|支付)[一二两三四五六七八九]+[^一-鿿]*$"
)
_DAY: Final = (
    "(?:今|明|后|大后|昨|前)[天日晚]|明晨|(?:本|这|下|上)?个?(?:周|星期|礼拜)[一二三四五六日天末]"
    "|(?:本|这|下|上)个?(?:周|星期|礼拜|月)|(?:明|后|去)年|月[底末初中]|[上中下]旬"
)
_WHEN: Final = (
    "还款(?:日|时间|期限)|应还日|到期日?|扣款(?:日|时间)|账单日|出账|宽限期?|最[晚迟]|截止"
    "|到账|放款"
)
_CALLED: Final = re.compile(
    rf"(?:{_WHEN})[^，。!?;{{}}]{{0,6}}?(?:{_DAY})"
    rf"|(?<!截至)(?:{_DAY})(?:的)?(?:[之以]?前|[就会能才]*(?:到账|到期|扣款|放款|入账))"
    rf"|(?<!截至)(?!今)(?:{_DAY})[^，。!?;{{}}]{{0,4}}(?:还款|要还|还清|扣款)"
)
"""A day that is told by where it lies."""
_HOW_LONG: Final = re.compile(
    rf"(?:宽限|逾期|拖欠?|到账|放款|审批|期限)[^，。!?;{{}}]{{0,6}}?(?:半|(?<![每上下同这那某第])一)(?:{_SPAN})"
    rf"|(?:半|(?<![每上下同这那某第])一)(?:{_SPAN})[^，。!?;{{}}]{{0,4}}(?:到账|放款|宽限|到期|审批|出结果|内(?!容))"
    r"|一半|半价|[翻加]倍"
)


def unslotted_figure(slotted: str) -> bool:
    """Whether a figure stands in a sentence elsewhere than in a slot, however it is written.

    >>> [unslotted_figure(one) for one in ("还款日是下周三。", "您欠好几万。", "本期应还¾的本金。")]
    [True, True, True]
    >>> unslotted_figure("十分抱歉，请在{due_date}前还款，如果今天提前结清就不再计息。")
    False
    """
    bare = replaced(slotted, lambda _name: "{}")
    if any(map(number_sign, bare)):
        return True
    seen = plain(bare)[0]
    return any(find.search(seen) for find in (_WORDS, _CALLED, _HOW_LONG))


def number_sign(sign: str) -> bool:
    """Whether a character is a number by itself and no Chinese one.

    >>> [number_sign(one) for one in "7¾Ⅳ③三字"]
    [True, True, True, True, False, False]
    """
    return numeric(sign, None) is not None and not "\u3400" <= sign <= "\u9fff"
