"""Short conversations, and engines that say what they are told to."""

from collections.abc import Callable
from datetime import date, datetime, timedelta

from finmodel.assistant.engines.engine import Asked
from finmodel.assistant.engines.scripted import Scripted
from finmodel.assistant.facts import Facts
from finmodel.assistant.suggesting.asking import Asking
from finmodel.assistant.suggesting.shelf import Writer
from finmodel.conversations import Message

AT = datetime.fromisoformat("2026-06-03T09:00:00+08:00")
DAY = date(2026, 6, 3)
FACTS = Facts.of_plain(
    {
        "hotline": "400-000-0000",
        "service_hours": "8:00-22:00",
        "product_name": "随借随还额度",
        "amount_due": 805260,
        "principal_outstanding": 800000,
        "due_date": "2026-06-15",
        "overdue_amount": 0,
        "settlement_total": 812345,
        "settlement_principal": 800000,
        "settlement_interest": 12345,
        "settlement_fee": 0,
        "interest_per_day": 400,
        "apr_simple": "9/50",
        "bank_card_tail": "4321",
    }
)


def said(*texts: str, identity: str = "verified", who: str = "customer") -> tuple[Message, ...]:
    return tuple(
        Message(
            id=f"m{place}",
            who=who if text[:1] != ">" else "agent",
            at=AT + timedelta(seconds=place),
            text=text.removeprefix(">"),
            identity=identity,
        )
        for place, text in enumerate(texts, start=1)
    )


def asking(*texts: str, identity: str = "verified", account: str | None = "current", **more):
    told = {"facts": FACTS, "day": DAY} | more
    return Asking("c1", said(*texts, identity=identity), identity=identity, account=account, **told)


def writer(reply: str | Callable[[Asked], str], **more) -> Writer:
    return Writer(Scripted(reply if callable(reply) else lambda asked: reply), **more)
