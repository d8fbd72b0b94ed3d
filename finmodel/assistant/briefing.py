"""What a model is told before a conversation, and when something changes in it.

How a customer stands comes in, a few sentences go out: the same in training and in serving. No
figure of the customer's stands in them, since the model places slots and never sees what fills
them. Pure.
"""

from __future__ import annotations

from typing import Final

from finmodel.conversations import Account, Identity

_RULES: Final = (
    "你是消费金融公司的在线客服。答复礼貌、简短、合规；金额、日期、利率只写字段，"
    "如{amount_due}、{due_date}，不写数字。"
)
_ACCOUNTS: Final[dict[Account, str]] = {
    "visitor": "尚未申请",
    "applied": "申请审核中",
    "declined": "申请未通过",
    "current": "借款正常",
    "overdue": "借款逾期",
    "settled": "借款已结清",
}
_IDENTITIES: Final[dict[Identity, str]] = {
    "none": "身份未核实，不得透露账户信息",
    "basic": "身份部分核实，不得透露账户信息",
    "verified": "身份已核实",
}


def briefing(account: Account | None, identity: Identity) -> str:
    """What stands before a conversation.

    >>> briefing("overdue", "verified").splitlines()[1]
    '客户：借款逾期，身份已核实。'
    >>> briefing("overdue", "basic").splitlines()[1]
    '客户：身份部分核实，不得透露账户信息。'
    """
    return f"{_RULES}\n{told_again(account, identity)}"


def told_again(account: Account | None, identity: Identity) -> str:
    """What is said where a customer became known better: what stands before it stays as it was.

    How they stand is told with that they are verified: what a model was not told it tells nobody.

    >>> told_again("overdue", "verified"), told_again("overdue", "none")
    ('客户：借款逾期，身份已核实。', '客户：身份未核实，不得透露账户信息。')
    """
    standing = f"{_ACCOUNTS[account]}，" if account and identity == "verified" else ""
    return f"客户：{standing}{_IDENTITIES[identity]}。"


def identity_told(text: str) -> Identity | None:
    """Who the customer is said to be known as, where `briefing` or `told_again` says it.

    >>> identity_told(briefing("overdue", "basic")), identity_told("会话结束")
    ('basic', None)
    """
    return next((one for one, words in _IDENTITIES.items() if text.endswith(f"{words}。")), None)
