"""Whether somebody other than the customer is writing: family, a colleague, an agency.

Messages and the scripts that were sent come in, yes or no goes out. Once said it holds until
somebody is verified anew. What such a person may be told is not known here. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from finmodel.assistant.guards.words import words
from finmodel.assistant.scripts import Scripts
from finmodel.conversations import Identity, Message
from finmodel.plain_text import plain

THIRD_PARTY: Final = "third_party"
"""The intent of whoever asks about somebody else."""
_KIN: Final = "|".join(
    [
        *sorted(words()["kin"], key=len, reverse=True),
        "[大小二三]?[姨姑舅伯叔婶嫂]|阿姨|[姑叔伯舅]父?母?|表[哥姐弟妹]|堂[哥姐弟妹]|侄子?女?|外甥女?|外[公婆]|姥[姥爷]",
        "老伴|弟媳|弟妹|嫂子|儿媳妇?|女婿|公公|婆婆|爸|妈|哥|姐|弟|妹|朋友|前[夫妻任]|同事|同学|室友|老板|领导|监护人",
    ]
)
_HOUSE: Final = "家属|家里人|家人|亲属|亲戚|亲人|亲友|配偶|监护人"
_WHO: Final = "机主|借款人|贷款人|户主|客户本人|[他她]本人"
_ASKS: Final = "问|查|看(?!病)|还款|处理|协商|咨询|打听|了解|核实|核对|打(?:个)?电话"
_SAID: Final = re.compile(
    rf"(?:我|本人)是(?:他|她|机主|借款人|贷款人|客户|用户|本人)们?的?(?:{_KIN}|单位)"
    rf"|我是[^，。,!?;\s我你您]{{1,8}}(?<!孩子)(?<!宝宝)(?<!娃)(?<!公司)(?<!单位)的(?:{_KIN})"
    rf"|(?:我|这边)是(?:{_HOUSE})|(?:{_WHO}|本人)(?:的)?(?:{_HOUSE})"
    rf"|(?:替|帮|代)(?:我)?的?(?:他|她|机主|借款人|{_KIN})们?(?:的|来|先|去)*(?:{_ASKS}|还(?:多少|几))"
    rf"|我的?(?:{_KIN})(?:的|名下的?|那笔|这笔|在你们.{{0,4}}的)*(?:欠款|贷款|借款|账单|逾期)"
    rf"|我的?(?:{_KIN})在(?:你们|你|贵)(?:这|那|家|公司|平台)"
    rf"|(?:号码?|手机|机子|账[户号]|贷款|借款)(?:其实|就)?是(?:我)?的?(?:他|她|{_KIN})的"
    rf"|这是(?:我)?的?(?:他|她|{_KIN})的(?:账|号|手机|借款|贷款)|(?:{_WHO})是(?:我的?)?(?:{_KIN})"
    rf"|借给(?:了)?我的?(?:{_KIN})|(?:替|帮|代)(?:别|人家?)人?(?:来)?(?:{_ASKS})"
    r"|(?<!其)[他她](?:还|现在|一共|总共|到底|这个月|本月)*(?:差|欠|要还|该还|得还|应还)(?:多少|几|你们)"
    rf"|拿(?:着|的|了)?(?:是)?(?:他|她|我?的?(?:{_KIN}))的?(?:手机|账号|号)"
    rf"|(?:{_WHO})(?:现在|正|这会)?(?:不在|不方便|没空|没时间|在|出差|住院|去世|过世)"
    "|(?<!不是)本人(?:现在)?不在(?!场|意|乎|国)"
    rf"|(?:我是|叫|受)(?:他|她|{_KIN}|客户|借款人|当事人).{{0,2}}(?:委托|代理)"
    r"|我是.{0,8}(?:律师|法务|代理人|受托人|紧急联系人)"
    r"|(?:我|这)(?:并)?不是(?:机主|借款人|本人)(?!借|操作|办理|申请)"
    r"|受.{0,6}委托"
)


def third_party(messages: Sequence[Message], identity: Identity, scripts: Scripts) -> bool:
    """Whether a third party is writing at the end of the messages.

    `identity` is who the customer is known to be now.

    >>> from datetime import datetime
    >>> at = datetime.fromisoformat("2026-06-03T09:00:00+08:00")
    >>> said = Message(id="1", who="customer", at=at, text="我是他老婆，他欠多少", identity="none")
    >>> third_party([said], "none", Scripts([])), third_party([said], "verified", Scripts([]))
    (True, False)
    """
    found, before = False, messages[0].identity if messages else identity
    for one in messages:
        if one.identity == "verified" and before != "verified":
            found = False
        before = one.identity
        found = found or _says(one, scripts)
    return found and not (identity == "verified" and before != "verified")


def _says(one: Message, scripts: Scripts) -> bool:
    if one.who == "customer":
        return bool(_SAID.search(plain(one.text)[0]))
    sent = scripts.get(one.script)
    return one.who == "agent" and sent is not None and sent.intent == THIRD_PARTY
