"""What a sentence calls a figure, and which slots that name may mean: 应还, 剩余本金, 罚息, 还款日.

A plain text and the span of a figure in it come in, the names of slots go out, or None where the
sentence gives the figure no name that is known. Values are not known here.
"""

from __future__ import annotations

import re
from typing import Final

from finmodel.assistant.slot_lists import SlotLists

_DUE: Final = "amount_due monthly_payment overdue_total overdue_amount settlement_total"
_TOTALS: Final = "total_repayment overdue_total settlement_total amount_due"
_INTEREST: Final = "settlement_interest overdue_interest total_interest interest_per_day"
_SETTLEMENT: Final = "settlement_total settlement_principal settlement_interest settlement_fee"
_LATE: Final = "overdue_total overdue_amount overdue_interest penalty_interest amount_due"
_WORDS: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    "money": (
        ("罚息", "penalty_interest"),
        ("违约金", "settlement_fee penalty_interest"),
        ("手续费|服务费|费用", "settlement_fee total_fee"),
        ("本金", "principal_outstanding settlement_principal loan_amount"),
        ("节省|省下|可省|少付|少还", "interest_saved"),
        ("(?:每|一)[天日](?:的|产生|新增)?(?:利息)?|日息", "interest_per_day"),
        ("息费", f"{_INTEREST} interest_saved total_fee penalty_interest"),
        ("利息", f"{_INTEREST} interest_saved penalty_interest"),
        ("结清(?:总额|金额|总金额|款|共|一共|总共|只需|需要?|还款)+", "settlement_total"),
        ("结清", _SETTLEMENT),
        ("逾期", _LATE),
        ("月供|每期|每个?月", "monthly_payment"),
        ("可用额度|剩余额度|可借", "available_limit"),
        ("总额度|授信额度", "credit_limit"),
        ("额度", "credit_limit available_limit"),
        ("借款金额|借款|贷款金额|放款", "loan_amount"),
        ("还款总额|本息合计", _TOTALS),
        ("(?:上次|最近(?:一次|一笔)?|上一笔)还款|已还|已收到|收到", "last_payment_amount"),
        ("合计|总共|一共|共计|总计", _TOTALS),
        ("应还|需还|待还|要还|应缴|欠款|账单", f"{_DUE} total_repayment"),
        ("尚欠|欠", f"{_DUE} principal_outstanding total_repayment"),
    ),
    "date": (
        ("账单日|出账", "statement_date"),
        ("最后一期|最后还款日|末期", "last_due_date due_date"),
        ("(?:上次|最近(?:一次|一笔)?|上一笔)还款|已还|已收到|收到", "last_payment_date"),
        ("申请", "application_date"),
        ("借款日期?|放款|借款", "loan_date"),
        ("还款日期?|还款时间|到期日?|应还日|扣款|最[晚迟]", "due_date last_due_date"),
    ),
    "count": (
        ("剩余?|还剩|未还|余下", "instalments_left"),
        ("共|总|分为?", "instalments_total"),
        ("逾期", "days_past_due"),
        ("宽限期?", "grace_days"),
    ),
    "rate": (
        ("罚息(?:的?日?利率)?", "penalty_rate"),
        ("日利率|日息|利息", "daily_rate"),
    ),
}
_KNOWN: Final = SlotLists(_WORDS)
_CLAUSE_END: Final = re.compile(r"[，。；！？、;!?\n+（(]|,(?!\d)|[元期天日%](?=.)")
_BEHIND: Final = re.compile("(?:的|为)?(?P<word>本金|利息|罚息|手续费|违约金)")
_FAR: Final = 16


def slots_named(kind: str, unit: str, text: str, start: int, end: int) -> frozenset[str] | None:
    """The slots that the words right behind or in front of a figure may mean.

    >>> "principal_outstanding" in slots_named("money", "", "您本期应还8,000.00元", 5, 14)
    False
    >>> sorted(slots_named("money", "", "今天只还8,000.00元本金", 4, 13))
    ['loan_amount', 'principal_outstanding', 'settlement_principal']
    >>> slots_named("money", "", "刚才那8,000.00元", 3, 12)
    """
    if kind not in _KNOWN or unit == "instalment":
        return None
    behind = _BEHIND.match(text, end) if kind == "money" else None
    if behind and (found := _KNOWN.beginning(kind, behind["word"])):
        return found
    window = text[max(start - _FAR, 0) : start]
    ends = [one.end() for one in _CLAUSE_END.finditer(window)]
    return _KNOWN.last(kind, window, ends[-1] if ends else 0)
