"""A colleague's conversations of the demo: what the guards find in them, rightly and wrongly.

The time of the demo comes in, conversations of the hours before it go out, for 质检 to have
something to judge. Nobody signs in as this colleague.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from finmodel.conversations import Conversation, Message, Scenario, Who

COLLEAGUE: Final = "demo colleague"
_TALKS: Final[tuple[tuple[Scenario, tuple[tuple[Who, str], ...]], ...]] = (
    (
        "consultation",
        (
            ("customer", "我叫陈芳，你们能保证批下来吗？"),
            ("agent", "陈芳您好，没人能保证一定通过，审批以系统综合评估为准。"),
            ("customer", "好的，那我先提交试试"),
        ),
    ),
    (
        "consultation",
        (
            ("customer", "我着急用钱，今天能放款吗？"),
            ("agent", "您放心，保证通过审批，今天就能放款。"),
        ),
    ),
    (
        "collection",
        (
            ("customer", "最近手头紧，能不能晚几天？"),
            ("agent", "您再不还，我们就上门找您家人谈。"),
            ("customer", "你们这是威胁我"),
            ("agent", "抱歉，刚才的话不妥。如有困难，我为您登记协商还款。"),
        ),
    ),
    (
        "marketing",
        (
            ("customer", "你们的利息高吗？"),
            ("agent", "日息低至万分之二，多借一点更划算！"),
        ),
    ),
    (
        "repayment",
        (
            ("customer", "还款日是哪天？"),
            ("agent", "还款日可以在App的账单页查看，请您按时还款。"),
            ("customer", "知道了，谢谢"),
        ),
    ),
)


def judged_in_the_demo(now: datetime) -> Iterator[Conversation]:
    """The conversations, an hour apart, the last an hour ago."""
    for number, (scenario, turns) in enumerate(_TALKS):
        start = now - timedelta(hours=len(_TALKS) - number)
        messages = tuple(
            Message(
                id=f"m{place}",
                who=who,
                at=start + timedelta(minutes=place),
                text=text,
                identity="verified",
            )
            for place, (who, text) in enumerate(turns)
        )
        yield Conversation(
            id=f"demo-colleague-{number + 1}",
            customer=f"demo-customer-{number + 1}",
            started=start,
            channel="app",
            scenario=scenario,
            consent_to_training=False,
            messages=messages,
            account="current",
        )
