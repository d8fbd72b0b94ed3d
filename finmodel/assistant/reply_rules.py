"""What no reply may hold, whoever wrote it: the rules that a written reply is counted against.

A reply and how well its customer is known come in, the names of the rules that it breaks go out:
those of the outbound guard, and a script's on rates and identity. Figures are judged on their own.
Pure.
"""

from __future__ import annotations

from datetime import date

from finmodel.assistant.facts import Facts
from finmodel.assistant.grounding import ground
from finmodel.assistant.guards.outbound import broken
from finmodel.assistant.script_rules import broken_rules
from finmodel.assistant.slots import places
from finmodel.conversations import Identity


def violations(text: str, identity: Identity) -> tuple[str, ...]:
    """The rules that a reply breaks.

    >>> violations("您的申请保证通过，请联系[手机号1]。", "verified")
    ('promise',)
    >>> violations("本期应还{amount_due}。", "none"), violations("好的，请稍等。", "none")
    (('identity',), ())
    """
    if not text.strip():
        return ("empty",)
    said = dict.fromkeys(one.rule for one in broken(text))
    rules = broken_rules(text, identity)
    said |= dict.fromkeys(name for name in ("rate", "identity") if name in rules)
    return tuple(said)


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
