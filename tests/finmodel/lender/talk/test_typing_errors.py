"""Slips of the finger: one at a time, never in a number, never in what is to be kept."""

import re
from random import Random

from finmodel.lender.talk.typing_errors import mistyped, split_up

TEXT = "我6月3号还了1,234.50元，怎么还没到账App上没有"


def test_a_slip_leaves_numbers_letters_and_names_alone():
    chance = Random(5)
    seen = {mistyped(TEXT, chance, ("怎么还没到账",)) for _ in range(300)}
    assert len(seen) >= 8
    for text in seen:
        assert re.findall(r"[\w.,]*\d[\d.,]*", text)
        assert [*re.findall(r"\d[\d,.]*\d|\d", text)] == ["6", "3", "1,234.50"]
        assert "App" in text
        assert "怎么还没到账" in text


def test_a_slip_is_small():
    chance = Random(6)
    for _ in range(200):
        assert abs(len(mistyped("请问这个月什么时候还款", chance)) - 11) <= 1


def test_what_is_too_short_is_left():
    assert mistyped("嗯", Random(1)) == "嗯"
    assert split_up("在吗", Random(1)) == ["在吗"]


def test_two_messages_hold_what_one_did():
    chance = Random(7)
    halves = [split_up("我想提前还清怎么弄，急", chance) for _ in range(50)]
    assert all(len(parts) == 2 or parts == ["我想提前还清怎么弄，急"] for parts in halves)
    whole = {"".join(split_up("我想提前还清剩下的钱", chance)) for _ in range(50)}
    assert whole == {"我想提前还清剩下的钱"}
