"""Whether somebody other than the customer is writing: family, a colleague, an agency.

Messages and the scripts that were sent come in, yes or no goes out. Once said it holds until
somebody is verified anew. What such a person may be told is not known here. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from finmodel.assistant.scripts import Scripts
from finmodel.conversations import Identity, Message
from finmodel.plain_text import plain

THIRD_PARTY: Final = "third_party"
"""The intent of whoever asks about somebody else."""
_KIN: Final = (
    "老公|老婆|丈夫|妻子|爱人|父亲|母亲|爸爸|妈妈|爸|妈|哥哥?|姐姐?|弟弟?|妹妹?|儿子|女儿"
    "|朋友|男友|女友|同事|同学|室友|亲戚|家人|家属|老板|领导"
)
_SAID: Final = re.compile(
    rf"(?:我|本人)是(?:他|她|机主|借款人|贷款人|客户|用户|本人)的?(?:{_KIN}|单位)"
    rf"|(?:替|帮|代)(?:我)?(?:他|她|{_KIN})(?:的)?(?:问|查|还款|处理|协商|咨询)"
    rf"|我的?(?:{_KIN})(?:的)?(?:欠款|贷款|借款|账单)"
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
