"""What makes a conversation whole."""

from datetime import datetime, timedelta

import msgspec
import pytest

from finmodel.conversations import LONGEST, Conversation, Message, fault_of, tokens_about

START = datetime.fromisoformat("2026-06-03T09:00:00+08:00")


def chat(*texts: tuple[str, str], **changed) -> Conversation:
    messages = tuple(
        Message(id=f"m{n}", who=who, at=START + timedelta(seconds=n), text=text)
        for n, (who, text) in enumerate(texts)
    )
    whole = {
        "id": "c1", "customer": "u1", "started": START, "channel": "app",
        "scenario": "repayment", "consent_to_training": True, "messages": messages,
    }  # fmt: skip
    return Conversation(**whole | changed)


GOOD = chat(("customer", "什么时候还款"), ("agent", "请在App查看。"))


def test_a_whole_conversation_has_no_fault():
    assert fault_of(GOOD) is None


@pytest.mark.parametrize(
    ("one", "part"),
    [
        (chat(("customer", "在吗"), ("system", "客户已离开")), "no agent wrote in it"),
        (chat(), "no agent wrote in it"),
        (chat(("agent", "您好"), ("customer", " \n")), "message 'm1' is empty"),
        (chat(("agent", "好" * (LONGEST + 1))), "tokens"),
        (chat(("agent", "word " * 100_000)), "tokens"),
        (
            chat(("agent", "您好"), started=START + timedelta(hours=1)),
            "message 'm0' is older than what stands before it",
        ),
    ],
)
def test_what_is_wrong_is_said_with_what_to_do(one, part):
    what, remedy = fault_of(one)
    assert part in what
    assert remedy


def test_one_under_way_need_not_be_answered_but_whole():
    assert fault_of(chat(("customer", "在吗")), answered=False) is None
    what, _ = fault_of(chat(("customer", " ")), answered=False)
    assert what == "message 'm0' is empty"


def test_ids_that_stand_twice_are_told():
    twice = msgspec.structs.replace(GOOD, messages=(*GOOD.messages, GOOD.messages[0]))
    assert fault_of(twice) == ("message id 'm0' stands twice", "give each message its own id")


def test_tokens_are_counted_rather_high():
    """30,000 tokens of Qwen's are about 46,000 characters of Chinese: such a chat is read."""
    assert tokens_about("好" * 46_000) < LONGEST < tokens_about("好" * 100_000)
    assert tokens_about("") == 0
