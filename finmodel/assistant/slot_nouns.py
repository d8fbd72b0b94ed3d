"""Whether a sentence with slots calls each figure by its own name: 本期应还{amount_due}.

A sentence comes in, with what was said before it; the first slot that has no name there, or that
of another, goes out. Stricter than `slot_words.py`, which reads figures that people typed: here the
slot is known before it is filled. Values are not known here. Pure.
"""

from __future__ import annotations

import re
from typing import Final

from finmodel.assistant.slot_lists import SlotLists
from finmodel.assistant.slots import SLOTS, places

_LATE: Final = "overdue_amount overdue_total"
_PAID: Final = (
    r"(?:上次|上一[次笔]|最近)(?:的|一次|一笔|收到的?)*(?:还款|入账)|[已您]还了?|还[了过]|已?收到"
)
_NOUNS: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    "money": (
        (r"[加和及含]上?罚息[^，、{]{0,2}(?:合计|[一总]?共)", "overdue_total"),
        ("罚息|滞纳金", "penalty_interest"),
        (r"逾期(?:的|产生的?)*利息", "overdue_interest"),
        (r"[少节省]{1,2}(?:付|还|下|的)*(?:息费|利息|费用)?", "interest_saved"),
        ("(?:每|一)[天日](?:的|产生的?|新增的?)*利息|日息", "interest_per_day"),
        ("每(?:期|个?月)(?:的|产生的?)*(?:利息|本金)", ""),
        ("违约金|手续费|服务费|费用", "settlement_fee total_fee"),
        ("(?:本金|本息)[和与及加]?(?:息费|利息)?(?:合计|一?共)|还款总额", "total_repayment"),
        ("借款本金|借款金额|贷款金额|放款|借了", "loan_amount"),
        ("结清本金", "settlement_principal"),
        ("本金", "principal_outstanding settlement_principal"),
        ("利息", "total_interest settlement_interest"),
        (r"逾期(?:的|未还|应还|款项?|金额|部分|欠款|合计|总额|一共|共)*", _LATE),
        ("结清", "settlement_total"),
        ("月供|月还款额?|每(?:期|个?月)(?:应|需|要)?还?款?", "monthly_payment"),
        ("可用(?:额度)?|可借(?:额度)?|剩余额度", "available_limit"),
        ("总额度|授信额度|额度", "credit_limit"),
        (_PAID, "last_payment_amount"),
        ("(?:合计|一共|总共|共)(?:需要?|应|要)还", f"total_repayment {_LATE} settlement_total"),
        ("主动还款", f"amount_due {_LATE}"),
        ("欠", f"amount_due {_LATE} principal_outstanding"),
        ("本期|账单(?:金额)?|[应需待要]还|应缴|存入|卡[内里]", "amount_due"),
    ),
    "date": (
        ("账单日|出账", "statement_date"),
        ("最后一期|末期", "last_due_date"),
        ("最后还款日", "last_due_date due_date"),
        (_PAID, "last_payment_date"),
        ("申请", "application_date"),
        ("借款日|放款|借的", "loan_date"),
        ("还款(?:日|时间)|到期|应还|扣款|最[晚迟]|截止", "due_date"),
    ),
    "count": (
        ("逾期|过(?:了|还款日)*", "days_past_due"),
        ("宽限期?", "grace_days"),
        ("剩|未还|余下", "instalments_left"),
        ("第", "instalment_number"),
        ("共|总|分", "instalments_total"),
    ),
    "rate": (
        ("罚息", "penalty_rate"),
        ("日利率|日息", "daily_rate"),
        ("合同(?:的|约定的?)*年?利率", "contract_rate"),
        ("单利", "apr_simple"),
        ("复利", "apr_compound"),
    ),
    "text": (
        ("尾号", "bank_card_tail"),
        ("热线|电话|客服|拨打?|致电|联系|咨询", "hotline"),
    ),
}
_FREE: Final = frozenset({"product_name", "lender_name", "service_hours"})
"""What its value says of itself."""
_KNOWN: Final = SlotLists(_NOUNS)
_BREAK: Final = re.compile(r"[，,。；;！!？?、\n]|\}")
_BRIDGE: Final = re.compile(
    r"(?:合计|一共|共|金额|日期|总额|年化(?:利率)?)(?:需要?|应|为|是|：|:)*$|\}的?$"
)
"""Words that name nothing themselves: what stood before does."""
_GIVES: Final = re.compile(
    "退|返|涨|送|减|(?<![避以难])免|不到|超过?|负|下一?个?[期月]|[本这当]期.{0,6}(?:利息|本金)"
)
_ALL_PAID: Final = re.compile(
    r"[^。！？；]{0,8}?(?:就|便|即|能)(?:可以|可|能|算|是)?(?:全部|全|都|一次性?|提前)*(?:结清|还完)"
)
_IS: Final = re.compile(r"(?:就|便|也|才)?(?:是(?!否)|为|即)(?P<rest>[^，。！？；]*)")
_MONEY_BEHIND: Final = re.compile(
    "(?:的|为)?(?P<noun>本金|利息|罚息|手续费|违约金)|已逾期|逾期(?![部款利])"
)
_DATE_BEHIND: Final = (
    (re.compile("[之以]?前"), "due_date"),
    (re.compile(r"(?:的|您|提交的?|发起的?|\{product_name\})*申请"), "application_date"),
    (re.compile("[您]?(?:还的|还了|还款成功|入账|收到|扣款成功|扣的)"), "last_payment_date"),
    (re.compile("(?:借|放款)"), "loan_date"),
    (re.compile("(?:需要?|应该?|要)?还(?![的了])"), "due_date"),
)
_SCALE: Final = re.compile("[十百千万亿kKwW倍%％折成多]|左右|上下|以[上下]|出头|的?一半")
_UNIT: Final = {"instalments": "期", "days": "个?(?:自然)?[天日]", "": ""}


def misnamed(slotted: str, before: str = "") -> str | None:
    """The first slot of a sentence that is not called by its own name.

    >>> misnamed("您本期应还{amount_due}，请在{due_date}前还清。")
    >>> misnamed("还款时间是{application_date}。"), misnamed("您这次还{amount_due}就可以了。")
    ('application_date', 'amount_due')
    >>> misnamed("金额{last_payment_amount}。", before="最近的还款是在{last_payment_date}。")
    """
    for name, start, end in places(slotted):
        if name in _FREE or name not in SLOTS:
            continue
        if not _named(name, slotted[:start], slotted[end:], before):
            return name
    return None


def _named(name: str, ahead: str, behind: str, before: str) -> bool:
    kind = SLOTS[name].kind
    segment = _BREAK.split(ahead)[-1]
    if _SCALE.match(behind) or (kind == "money" and _GIVES.search(segment)):
        return False
    if kind == "count" and not re.match(_UNIT[SLOTS[name].unit], behind):
        return False
    meant = [_KNOWN.last(kind, segment), _meant_behind(kind, behind)]
    if meant[0] is None and (bridge := _BRIDGE.search(ahead)):
        meant[0] = _KNOWN.last(kind, before + ahead[: bridge.start()])
    told = [slots for slots in meant if slots is not None]
    return bool(told) and all(name in slots for slots in told)


def _meant_behind(kind: str, behind: str) -> frozenset[str] | None:
    """What the words right behind a slot call it."""
    if kind == "money":
        if _ALL_PAID.match(behind):
            return frozenset({"settlement_total"})
        if found := _MONEY_BEHIND.match(behind):
            return _KNOWN.last(kind, found.group())
    if kind == "date":
        named = next((slot for find, slot in _DATE_BEHIND if find.match(behind)), None)
        if named is not None:
            return frozenset({named})
    said = _IS.match(behind)
    return _KNOWN.last(kind, said["rest"]) if said else None
