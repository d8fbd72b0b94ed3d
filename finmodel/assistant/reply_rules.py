"""What no reply may hold, whoever wrote it: the rules that a written reply is counted against.

A reply and how well its customer is known come in, the names of the rules that it breaks go out.
Words stand here as patterns; whether a sentence only means something forbidden is not known here.
Pure.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Final

from finmodel.assistant.facts import Facts
from finmodel.assistant.grounding import ground
from finmodel.assistant.script_rules import broken_rules
from finmodel.assistant.slots import places
from finmodel.conversations import Identity
from finmodel.plain_text import plain
from finmodel.privacy.find import find

_FORBIDDEN: Final = {
    "promise": re.compile(
        r"保证(?:能?通过|下款|批|放款|收益)|(?:包|必|秒)(?:过|批|下款|到账)|百分百|百分之百|100%"
        r"|(?:一定|肯定|绝对)(?:能|会|可以)?(?:通过|批|下款|放款|减免)|稳赚|保本|(?:无|零)(?:风险|门槛)"
        r"|(?:无视|不看|不查)征信|(?:最低|全网最低)利(?:率|息)|免审核?|洗白|内部渠道|走后门"
    ),
    "threat": re.compile(
        r"上门|外访|拘留|坐牢|判刑|抓(?:你|您|人)|刑事|诈骗罪|传唤|公安局|警察|法院|起诉|立案|律师函"
        r"|查封|冻结(?:工资|账户)|曝光|爆?通讯录|后果自负|(?:联系|告知|通知)(?:你|您)的?(?:家人|单位|朋友|同事|亲属)"
    ),
    "inducement": re.compile(
        r"(?<!不要)(?<!避免)以贷养贷|多借|借得越多|额度用满|马上借|尽快借|错过就没|最后机会"
    ),
    "control": re.compile(
        r"<\|[^|<>]{1,40}\|>|</?(?:s|think|tool_call)>|\[/?INST\]|<</?SYS>>|(?:^|\n)(?:user|assistant|system)\n"
    ),
}
"""Rules by their name; the guards that stand before a customer know many more."""


def violations(text: str, identity: Identity) -> tuple[str, ...]:
    """The rules that a reply breaks.

    >>> violations("您的申请保证通过，请联系[手机号1]。", "verified")
    ('promise',)
    >>> violations("本期应还{amount_due}。", "none"), violations("好的，请稍等。", "none")
    (('identity',), ())
    """
    if not text.strip():
        return ("empty",)
    seen = plain(text)[0]
    found = [name for name, pattern in _FORBIDDEN.items() if pattern.search(seen)]
    found += ["personal"] if find(text) else []
    broken = broken_rules(text, identity)
    return (*found, *(name for name in ("rate", "identity") if name in broken))


def is_grounded(text: str, facts: Facts, today: date) -> bool:
    """Whether every figure of a reply is a slot that the facts fill, or a figure of theirs.

    >>> facts = Facts.of_plain({"amount_due": 805260})
    >>> [is_grounded(f"应还{told}。", facts, date(2026, 6, 3)) for told in
    ...     ("{amount_due}", "8,052.60元", "8,000.00元", "{overdue_total}", "{amount_due")]
    [True, True, False, False, False]
    """
    if any(name not in facts for name, _, _ in places(text)) or _unfinished(text):
        return False
    return not ground(facts.fill(text).text, facts, today=today).told


def _unfinished(text: str) -> bool:
    return "brace" in broken_rules(text, "verified")
