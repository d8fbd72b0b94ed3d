"""What a customer said of themselves in turns that no longer fit: carried forward, with its turn.

Early messages and their masked texts come in; the sentences that matter later go out, in order and
within a budget: circumstances, what was promised or wished, what happened, how to be reached. No
sentence is written anew, so that what is carried is what was said. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import Struct

from finmodel.assistant.sentences import sentences
from finmodel.assistant.written_numbers import figures_in
from finmodel.conversations import Message, tokens_about

_LONGEST: Final = 60
"""Characters of a sentence that is carried."""
_TELLING: Final = tuple(
    re.compile(pattern)
    for pattern in (
        r"失业|没(?:了|有)?工作|下岗|裁员|停工|欠薪|没发工资|降薪|破产|亏(?:了|损)|黄了",
        r"生病|住院|手术|怀孕|去世|离婚|残疾|低保|受伤|车祸|化疗|困难|遭灾|变故",
        r"(?:答应|承诺|保证|打算|准备|希望|计划).{1,20}|(?:月底|发工资|每月|每个月|下周|下个月).{0,8}(?:还|给|付|转)",
        r"(?:已经|早就|昨天|前天|上周|上个月).{0,10}(?:还|转|打|申请|投诉|报警|寄|提交)",
        r"(?:换|改|丢|停机|补办|注销)了?(?:手机|号|卡|银行卡|地址|单位)|(?:手机|号|卡|银行卡)(?:换|改|丢|停)",
        r"(?:别|不要|不方便|方便|只能|只有).{0,8}(?:打|联系|接|电话|晚上|白天|周末)|听不见|看不清|不识字",
        r"我(?:是|在|今年|家|爸|妈|老公|老婆|孩子|女儿|儿子).{2,}",
    )
)


class Recalled(Struct, frozen=True):
    """A sentence of the customer's, and where it was said."""

    turn: int
    """The message's place in the conversation, from 1 on."""
    message: str
    """Its id."""
    text: str
    """Masked."""
    words: tuple[str, ...] = ()
    """What in it tells something."""

    def __repr__(self) -> str:
        return f"Recalled({self.turn})"  # no log may get a customer's words

    def used_in(self, text: str) -> bool:
        """Whether a reply takes it up.

        >>> Recalled(1, "m1", "我上个月失业了", ("失业",)).used_in("失业期间可以登记协商。")
        True
        """
        return any(word in text for word in self.words)


def recall(messages: Sequence[Message], texts: Sequence[str], room: int) -> tuple[Recalled, ...]:
    """What of early turns is worth about `room` tokens: what tells most, of as much the earliest.

    >>> from datetime import datetime
    >>> at = datetime.fromisoformat("2026-06-03T09:00:00+08:00")
    >>> said = ["我上个月失业了", "在吗", "好的"]
    >>> early = [Message(id=f"m{n}", who="customer", at=at, text=one) for n, one in enumerate(said)]
    >>> [(one.turn, one.text, one.words) for one in recall(early, said, 100)]
    [(1, '我上个月失业了', ('失业',))]
    """
    found = dict.fromkeys(_telling(messages, texts))
    chosen: list[Recalled] = []
    for one in sorted(found, key=lambda one: (-len(one.words), one.turn)):
        cost = tokens_about(one.text) + 6
        if cost <= room:
            room -= cost
            chosen.append(one)
    return tuple(sorted(chosen, key=lambda one: one.turn))


def as_told(recalled: Sequence[Recalled]) -> str:
    """What is carried forward, as an engine reads it."""
    said = "；".join(f"第{one.turn}条：{one.text}" for one in recalled)
    return f"客户先前说过：{said}"


def _telling(messages: Sequence[Message], texts: Sequence[str]) -> Iterator[Recalled]:
    seen: set[str] = set()
    for turn, (said, text) in enumerate(zip(messages, texts, strict=True), start=1):
        if said.who != "customer":
            continue
        for begin, end in sentences(text):
            sentence = text[begin:end].strip()[:_LONGEST]
            words = _words(sentence)
            if words and sentence not in seen:
                seen.add(sentence)
                yield Recalled(turn, said.id, sentence, words)


def _words(sentence: str) -> tuple[str, ...]:
    hits = (pattern.search(sentence) for pattern in _TELLING)
    words = [hit.group() for hit in hits if hit]
    if words:
        words += [one.text for one in figures_in(sentence)][:1]
    return tuple(dict.fromkeys(words))
