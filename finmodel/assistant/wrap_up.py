"""What an agent writes down after a chat (小结), drafted: what was asked, promised, must follow.

A conversation and what it is read with come in; a `Draft` goes out. The amount of a promise is a
slot, whose value is the ledger's; what follows is proposed, and the agent decides. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from typing import Final

from msgspec import Struct

from finmodel.assistant.facts import Facts
from finmodel.assistant.intents import load_intents
from finmodel.assistant.matching.ranking import Ranker
from finmodel.assistant.matching.situation import BESIDE, VERIFY, situation_of
from finmodel.assistant.said_days import day_said
from finmodel.assistant.same_figure import says
from finmodel.assistant.scripts import Scripts, State
from finmodel.assistant.written_numbers import figures_in
from finmodel.clock import china_day
from finmodel.conversations import Conversation, Message, Scenario
from finmodel.tickets import TicketKind

PROMISE: Final = "promise_to_pay"
_SURE: Final = 0.3
"""An intent that is less likely than this was not read."""
_KINDS: Final[dict[str, TicketKind]] = {
    "complaint_service": "complaint",
    "complaint_fee": "complaint",
    "complaint_collection": "complaint",
    "complaint_privacy": "complaint",
    "regulator_complaint": "complaint",
    "stop_calls": "complaint",
    "refund_request": "refund",
    "payment_not_posted": "posting",
    "duplicate_payment": "posting",
    "hardship": "hardship",
    "repayment_plan": "hardship",
    "dispute_debt": "dispute",
    "not_me": "dispute",
    PROMISE: "promise",
}
"""What follows an intent; nothing follows any other."""
_NO_NEW_COMPLAINT: Final = frozenset({"complaint_progress", "refund_request"})
"""Of the complaints' scenario: one that is known already, and one that has a ticket of its kind."""
_WHOLE: Final = ("结清", "全部还", "一次性还", "还清")
_PART: Final = ("一部分", "部分", "一半", "零头", "一点", "一些", "先还", "先给", "先付", "多少还")
"""What is said of less than all: the agent says how much."""


class Promise(Struct, frozen=True):
    """What a customer said they would pay."""

    slot: str
    """The fact that is the amount; empty where they named one that no fact is."""
    day: date | None
    message: str
    """The message that says so."""


class Draft(Struct, frozen=True):
    """What would be written down."""

    category: Scenario
    intents: tuple[str, ...]
    """What was asked, each once, in order; without greetings and checks of who it is."""
    promise: Promise | None
    follow_up: TicketKind | None
    """What is most urgent of what must follow; None where nothing must."""
    text: str
    """In Chinese, with slots for amounts."""


def kinds_of(intents: Iterable[str]) -> list[TicketKind]:
    """What must follow what was asked, in order.

    >>> kinds_of(("greeting", "hardship", "complaint_fee"))
    ['hardship', 'complaint']
    """
    return [_KINDS[intent] for intent in intents if intent in _KINDS]


def is_complaint(category: Scenario, intents: Iterable[str]) -> bool:
    """Whether a complaint must be answered: by its category, or by what was asked.

    >>> is_complaint("complaint", ()), is_complaint("repayment", ("complaint_fee",))
    (True, True)
    >>> is_complaint("complaint", ("complaint_progress",))
    False
    """
    asked = set(intents)
    beside = bool(asked) and asked <= _NO_NEW_COMPLAINT
    return "complaint" in kinds_of(asked) or (category == "complaint" and not beside)


def draft(one: Conversation, ranker: Ranker, scripts: Scripts) -> Draft:
    """The draft of a conversation that is over, or as it stands."""
    asked = list(_asked(one, ranker, scripts))
    intents = tuple(dict.fromkeys(intent for intent, _ in asked if not _is_beside(intent)))
    category = _category(one, intents)
    first = "complaint" if is_complaint(category, intents) else next(iter(kinds_of(intents)), None)
    promise = next((_promise(one, said) for intent, said in asked if intent == PROMISE), None)
    return Draft(
        category=category,
        intents=intents,
        promise=promise,
        follow_up=first,
        text=_text(intents, promise, first),
    )


def _asked(
    one: Conversation, ranker: Ranker, scripts: Scripts
) -> Iterator[tuple[str, list[Message]]]:
    """Each run of the customer's words with its intent: the answering script's, else as read."""
    said: list[Message] = []
    for at, message in enumerate(one.messages):
        if message.who == "customer":
            said.append(message)
            continue
        if message.who == "agent" and said:
            yield _intent(one, at, message, ranker, scripts), said
            said = []
    if said:
        yield _intent(one, len(one.messages), None, ranker, scripts), said


def _intent(
    one: Conversation, at: int, reply: Message | None, ranker: Ranker, scripts: Scripts
) -> str:
    if reply is not None and reply.script in scripts:
        return scripts[reply.script].intent
    before = one.messages[:at]
    identity = before[-1].identity
    situation = situation_of(before, identity, one.account, scripts)
    day = china_day(before[-1].at)
    wanted = ranker.wanted(situation, State(identity, one.account), day)
    likeliest = next(iter(wanted), "")
    return likeliest if wanted.get(likeliest, 0.0) >= _SURE else ""


def _is_beside(intent: str) -> bool:
    return not intent or intent in BESIDE or intent == VERIFY


def _category(one: Conversation, intents: tuple[str, ...]) -> Scenario:
    """A complaint wherever there was one, else that of what was asked first."""
    every = load_intents()
    found = [every[intent].scenario for intent in intents if intent in every]
    if "complaint" in found:
        return "complaint"
    return found[0] if found else one.scenario


def _promise(one: Conversation, said: list[Message]) -> Promise:
    last = said[-1]
    today = china_day(last.at)
    text = "，".join(message.text for message in said)
    return Promise(_slot(one, text, today), day_said(text, today), last.id)


def _slot(one: Conversation, text: str, today: date) -> str:
    """The fact that the customer named by its figure, or else what they owe now."""
    facts = Facts.of_plain(one.facts)
    named = [figure for figure in figures_in(text) if figure.kind in ("money", "number")]
    if named:
        money = (fact for fact in facts.values() if fact.slot.kind == "money")
        return next((f.slot.name for f in money if says(named[0], f, today, False)), "")
    if any(word in text for word in _PART):
        return ""
    if any(word in text for word in _WHOLE) and "settlement_total" in facts:
        return "settlement_total"
    return next((name for name in ("overdue_total", "amount_due") if name in facts), "")


def _text(intents: tuple[str, ...], promise: Promise | None, kind: TicketKind | None) -> str:
    every = load_intents()
    asked = "、".join(every[intent].zh for intent in intents if intent in every)
    parts = [f"客户咨询：{asked}。" if asked else "客户未提出具体事项。"]
    if promise is not None:
        amount = f"{{{promise.slot}}}" if promise.slot else "金额待确认"
        day = f"{promise.day:%Y-%m-%d}" if promise.day else "日期待确认"
        parts.append(f"客户承诺还款：{amount}，{day}。")
    if kind is not None and kind != "promise":
        parts.append("需后续跟进。")
    return "".join(parts)
