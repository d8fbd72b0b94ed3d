"""What tells somebody who is not verified how a customer stands: a debt, an application, a limit.

A sentence comes in, yes or no goes out. It is read strictly: what speaks of this person's own loan
tells, unless it only says where to look or asks for verification. Which texts are approved for
everybody is not known here. Pure.
"""

from __future__ import annotations

import re
from typing import Final

from finmodel.assistant.guards.normal import normalise
from finmodel.assistant.guards.words import words

INSTEAD: Final = "完成身份核验后，我才能为您查询账户情况。"
"""What may be said in the place of such a sentence."""
_WHOSE: Final = (
    "您|你|他|她|客户|借款人|账户|名下|本期|这笔|该笔|目前|当前|现在|截至|核实|查询到|核对|系统"
    "|最近|确认"
)
_STANDING: Final = (
    "逾期|欠|未还|没还|结清|拖欠|应还|待还|要还|该还|罚息|利息|本金|借款|贷款|账单|还款|还清|还上"
    "|额度|入账|到账|扣款|审批|审核|申请|分期|期归还|催收|费用"
)
_TELLS: Final = re.compile(
    rf"(?:{_WHOSE})[^。！？；]{{0,24}}(?:{_STANDING})|逾期(?:了|已|款项|合计)|已经?逾期|期的应还"
    r"|(?:申请|审核)[^，。！？；]{0,6}(?:还在|暂未|处理中|未通过|通过了)"
)
_FLAT: Final = re.compile(
    r"已经?(?!经?登记|备注|为您登记)|没有|没能|目前|现在|当前|存在|截至|核实|核对|查询到|显示|合计|确实|的确"
    r"|还有|有一?笔|您的.{1,8}(?:是|为)|为\{|暂未|还在|逾期款项|期的应还"
    r"|[您你他她]的?(?:仍|还|确)?(?:欠|拖欠|逾期|应还|未还|待还|罚息)"
)
"""Says it outright, wherever else one is sent."""
_KIN: Final = f"您家?的?(?:{'|'.join(words()['kin'])})"
_THEY: Final = rf"(?:机主|借款人|户主|客户本?人?|本人|(?<!其)[他她](?:本人)?|{_KIN})"
_KNOWN: Final = re.compile(
    r"[没未](?:有|能)?扣(?:款|到|上)*(?:成功|到|上|钱)|扣款?(?:都|也)?[没未](?:有|能)?成功|扣款失败了"
    r"|余额不足[^。！？；]{0,4}(?:没|未|扣不)|扣不(?:到|上|了)|拖(?:着|了)|[没未]给(?:钱|过|$|[，。！])"
    r"|(?:记录|后台|我这边?|资料)(?:上|里|中)?(?:显示|看到|查到|可以看到)"
    r"|在(?:我们|我司|本公司|平台)[^。！？；]{0,8}(?:用过|用了|有过|借|贷|是有|有(?:记录|笔|钱|款)|办过|办理过|注册过)"
    rf"|{_THEY}[^。！？；]{{0,10}}(?:用过款|用了款|有记录|是有记录|是我们的?(?:客户|用户)|办理过|还没还)"
    rf"|(?:转告|转达|告诉|告知|通知|提醒|让|叫|催)(?:一下|下|给)?{_THEY}[^。！？；]{{0,8}}"
    r"(?:还钱|还款|还清|把钱|处理|账单|欠|逾期|到期)"
)
"""Tells it in other words: a collection that failed, a record, a message to whoever owes."""
_SUPPOSED: Final = re.compile("是否|如果|如有|如需|假如|若|常见原因|可能是")
_WHERE_TO_LOOK: Final = re.compile(r"核验|认证|验证|可以|登录|查看|查询|是否|如果|如有|如需|若")


def tells_standing(sentence: str) -> bool:
    """Whether a sentence says how this person stands with the lender.

    >>> [tells_standing(one) for one in ("您目前有一笔借款逾期。", "完成核验后可查询是否逾期。")]
    [True, False]
    """
    seen = normalise(sentence).text
    if _KNOWN.search(seen) and not _SUPPOSED.search(seen):
        return True
    if not _TELLS.search(seen):
        return False
    return bool(_FLAT.search(seen)) or not _WHERE_TO_LOOK.search(seen)
