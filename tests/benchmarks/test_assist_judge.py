"""A turn's worth: only a right suggestion spares anything, and every figure is counted."""

from datetime import datetime

import pytest

from benchmarks._assist_judge import Turn, grounded, is_right, saved, told_too_early
from finmodel.assistant.suggesting.answers import (
    Number,
    Origin,
    Sentence,
    Suggested,
    Suggestion,
    Trace,
)
from finmodel.conversations import Message
from tests.finmodel.assistant.suggesting.talks import DAY, asking

AT = datetime.fromisoformat("2026-06-03T09:00:00+08:00")
TRACE = Trace(id="t", conversation="c", after="m1", asked="", day=DAY, identity="none")


def turn(final, *right):
    return Turn(asking("还款日"), Message(id="r", who="agent", at=AT, text=final), frozenset(right))


def told(*pairs, numbers=()):
    found = []
    for script, text in pairs:
        sentence = Sentence(text, text, Origin("script", script, 1), numbers)
        found.append(Suggestion(kind="script", sentences=(sentence,), script=script, version=1))
    return Suggested(tuple(found), TRACE)


def test_the_nearest_right_one_counts_and_a_wrong_one_spares_nothing():
    shown = told(("a-1", "请您按时还款。"), ("b-1", "请按时还款。"))
    assert saved(turn("请按时还款。", "a-1", "b-1"), shown) == 1.0
    assert saved(turn("请按时还款。", "a-1"), shown) == pytest.approx(1 - 1 / 6)
    assert saved(turn("请按时还款。", "c-1"), shown) == 0.0
    assert saved(turn("请按时还款。", "a-1"), told(("a-1", "完全不同的很长的一句话。" * 9))) == 0.0
    assert is_right(turn("好", "b-1"), shown)
    assert not is_right(turn("好", "c-1"), shown)


def test_figures_are_held_against_the_facts():
    shown = told(("a-1", "本期应还8,052.60元，还款日2026年6月15日，另付300元。"))
    assert grounded(turn("好", "a-1"), shown) == (3, 2)


def test_what_is_told_too_early_is_a_figure_or_an_own_slot():
    shown = told(("a-1", "请拨打400-000-0000，8:00-22:00有人接听。"))
    assert told_too_early(turn("好", "a-1"), shown) == 0
    assert told_too_early(turn("好", "a-1"), told(("a-1", "应还三百元。"))) == 1
    own = (Number("product_name", 0, 2, "ledger: terms.name"),)
    assert told_too_early(turn("好", "a-1"), told(("a-1", "某某贷。"), numbers=own)) == 1
