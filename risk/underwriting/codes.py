"""Why a person approved or declined: a closed list of codes, in two languages.

What a case is about and the verdict come in, the codes that may be given for it go out. A decline
may name what the decision itself named, its hard rule and the model's reasons; all other codes
begin with M (人工). Against the score only such a code counts, and to approve only one of its own.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

import msgspec

Verdict: TypeAlias = Literal["approve", "decline"]
Says: TypeAlias = Literal["approve", "refer", "decline", ""]
"""What points alone would answer; empty where nobody scored, or it cannot be told any more."""
Side: TypeAlias = Literal["", "high", "low"]
"""Of which side of the score an override is; empty where a verdict is none."""


class Code(msgspec.Struct, frozen=True):
    """A reason that a person may give."""

    code: str
    zh: str
    en: str


APPROVE: Final = (
    Code("MA1", "收入与还款能力已核实", "Income and the ability to repay were verified"),
    Code("MA2", "过期或缺失的资料已补充核实", "Data that were stale or missing were obtained"),
    Code("MA3", "所触规则已核实排除", "What the rule found was looked into and cleared"),
    Code(
        "MA4",
        "金额与额度相符，已复核",
        "The amount was reviewed and is within the customer's means",
    ),
)
AGAINST_LOW: Final = (
    Code("ML1", "低分放行：收入或资产证明充分", "Low score: income or assets are well proven"),
    Code(
        "ML2", "低分放行：不良记录有误或已澄清", "Low score: the bad record is wrong or explained"
    ),
    Code("ML3", "低分放行：有担保或增信", "Low score: there is a guarantee or security"),
    Code("ML4", "低分放行：长期客户履约良好", "Low score: a long-standing customer who pays well"),
)
DECLINE: Final = (
    Code("MD1", "收入或还款能力不足", "The ability to repay is not shown"),
    Code("MD2", "负债过高", "Debts are too high"),
    Code("MD3", "资料不实或无法核实", "What was given is untrue or cannot be verified"),
    Code("MD4", "疑似欺诈", "Fraud is suspected"),
    Code("MD5", "用途不符合产品规定", "The purpose is not what the product is for"),
    Code("MD6", "客户撤回申请", "The customer withdrew"),
    Code("MD7", "复议维持原拒绝", "The decline stands after review"),
)


class Given(msgspec.Struct, frozen=True):
    """What of a decision bears on the codes."""

    says: Says
    rule: str
    reasons: tuple[str, ...]
    """Codes of the model's reasons."""


def side_of(says: Says, verdict: Verdict) -> Side:
    """Whether a verdict overrides the score, and on which side.

    High-side: declined though the points would approve; low-side: approved though they would
    decline (Comptroller's Handbook, Retail Lending). Between the cut-offs the score itself asks
    for a person: no verdict overrides it.

    >>> side_of("approve", "decline"), side_of("decline", "approve"), side_of("refer", "approve")
    ('high', 'low', '')
    """
    if says == "approve" and verdict == "decline":
        return "high"
    return "low" if says == "decline" and verdict == "approve" else ""


def codes_for(given: Given, verdict: Verdict) -> tuple[str, ...]:
    """The codes that may be given, in the order in which they are offered.

    >>> codes_for(Given("decline", "points", ("R01",)), "approve")
    ('ML1', 'ML2', 'ML3', 'ML4')
    >>> codes_for(Given("decline", "rule:H03", ("R01",)), "decline")[:3]
    ('R01', 'H03', 'MD1')
    """
    if verdict == "approve":
        own = AGAINST_LOW if given.says == "decline" else APPROVE
        return tuple(one.code for one in own)
    # What the score says cannot be a reason to decline against it.
    reasons = () if given.says == "approve" else given.reasons
    rule = given.rule.partition(":")[2] if given.rule.startswith("rule:") else ""
    return (*reasons, *([rule] if rule else []), *(one.code for one in DECLINE))


BY_CODE: Final = {one.code: one for one in (*APPROVE, *AGAINST_LOW, *DECLINE)}
"""The codes of people, by themselves; others stand in the model's manifest and in the policy."""
