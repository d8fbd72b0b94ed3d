"""A chat's draft says what was asked, what was promised and what must follow."""

from datetime import date, datetime, timedelta

import pytest

from finmodel.assistant.suggesting.shelf import shipped_shelf
from finmodel.assistant.wrap_up import draft
from finmodel.conversations import Conversation, Message
from finmodel.lender.talk.conversations import write

START = datetime.fromisoformat("2026-06-03T10:00:00+08:00")
OWED = {"overdue_total": 123_456, "settlement_total": 812_345, "penalty_interest": 1_200}


@pytest.fixture(scope="module")
def shelf():
    return shipped_shelf()


def chat(*texts, **more):
    """Turns: the customer's, or an agent's as (text, script)."""
    messages = []
    for at, text in enumerate(texts):
        said, script = (text, "") if isinstance(text, str) else text
        who = "customer" if isinstance(text, str) else "agent"
        messages.append(
            Message(
                id=f"m{at}", who=who, at=START + timedelta(minutes=at), text=said, script=script,
                identity="verified",
            )
        )  # fmt: skip
    given = {
        "id": "c", "customer": "u", "started": START, "channel": "app", "scenario": "collection",
        "consent_to_training": False, "account": "overdue", "facts": OWED,
    }  # fmt: skip
    return Conversation(messages=tuple(messages), **given | more)


def drafted(shelf, *texts, **more):
    return draft(chat(*texts, **more), shelf.ranker, shelf.scripts)


def test_a_promise_has_its_day_and_the_slot_of_its_amount(shelf):
    found = drafted(shelf, "我周五发工资，到时候一定还", ("好的，已为您记录", "promise_to_pay-1"))
    assert (found.promise.slot, found.promise.day) == ("overdue_total", date(2026, 6, 5))
    assert found.follow_up == "promise"
    assert "{overdue_total}，2026-06-05" in found.text


@pytest.mark.parametrize(
    ("said", "slot"),
    [
        ("明天还1234.56元", "overdue_total"),
        ("月底一次性还清", "settlement_total"),
        ("明天先还500块", ""),
        ("我明天还五百", ""),
        ("周五先还一部分", ""),
        ("周五还一半吧", ""),
    ],
)
def test_the_amount_is_the_fact_that_was_named_and_none_where_no_fact_is(shelf, said, slot):
    found = drafted(shelf, said, ("好的，已为您记录", "promise_to_pay-1"))
    assert found.promise.slot == slot
    assert ("金额待确认" in found.text) == (slot == "")


def test_a_complaint_comes_before_what_was_asked_first(shelf):
    found = drafted(
        shelf,
        "我要还多少钱", ("您应还……", "overdue_amount-3"),
        "你们天天打电话骚扰我，我要投诉", ("已为您登记", "complaint_collection-1"),
    )  # fmt: skip
    assert found.intents == ("overdue_amount", "complaint_collection")
    assert (found.category, found.follow_up) == ("complaint", "complaint")


def test_whoever_asks_how_far_a_complaint_is_or_for_money_back_makes_no_new_complaint(shelf):
    asked = drafted(shelf, "我的投诉处理到哪了", ("正在处理", "complaint_progress-1"))
    assert (asked.intents, asked.category) == (("complaint_progress",), "complaint")
    assert asked.follow_up is None
    refund = drafted(shelf, "把多收的钱退给我", ("已为您登记", "refund_request-1"))
    assert (refund.category, refund.follow_up) == ("complaint", "refund")


def test_nothing_follows_a_greeting(shelf):
    found = drafted(shelf, "在吗", ("您好", "greeting-1"), "谢谢", ("再见", "thanks_goodbye-2"))
    assert (found.intents, found.follow_up, found.promise) == ((), None, None)
    assert found.category == "collection"
    assert drafted(shelf).text == "客户未提出具体事项。"


def test_what_agents_wrote_in_their_own_words_is_read_all_the_same(shelf):
    """Of families that nothing was learnt from, and with no script that tells an intent."""
    tests = [one.conversation for one in write(600, 3) if one.conversation.split == "test"]
    right = wanted = 0
    for one in tests:
        typed = [
            Message(id=m.id, who=m.who, at=m.at, text=m.text, identity=m.identity)
            for m in one.messages
        ]
        as_typed = Conversation(
            **{name: getattr(one, name) for name in one.__struct_fields__}
            | {"messages": tuple(typed), "facts": {}}
        )
        truth = set(draft(one, shelf.ranker, shelf.scripts).intents)
        wanted += len(truth)
        right += len(truth & set(draft(as_typed, shelf.ranker, shelf.scripts).intents))
    assert wanted > 50
    assert right > 0.6 * wanted
