"""A suggestion can be made again from its trace, and what changed since is told."""

from datetime import timedelta

import msgspec
import pytest

from finmodel.assistant.matching.ranking import Ranker
from finmodel.assistant.scripts import Scripts
from finmodel.assistant.suggesting.answers import Trace
from finmodel.assistant.suggesting.replay import Beside, replay
from finmodel.assistant.suggesting.shelf import Shelf, shipped_shelf
from finmodel.assistant.suggesting.suggest import suggest
from finmodel.errors import BadInput, NotFound
from tests.finmodel.assistant.suggesting.talks import DAY, asking, said, writer

UNSURE = "那个你们这边能不能顺便说说还款日"


@pytest.fixture(scope="module")
def shelf():
    return shipped_shelf()


def test_the_same_question_has_the_same_answer_and_a_kept_trace_shows_it(shelf):
    speak = writer("还款日是{due_date}。")
    first = suggest(asking(UNSURE), shelf, speak)
    kept = msgspec.json.decode(msgspec.json.encode(first.trace), type=Trace)
    again = replay(kept, asking(UNSURE), shelf, speak)
    assert again.differs == ()
    assert again.suggested.suggestions == first.suggestions


def test_what_differs_is_named(shelf):
    first = suggest(asking(UNSURE), shelf, writer("还款日是{due_date}。"))
    assert "reason" in replay(first.trace, asking(UNSURE), shelf).differs
    newer = Scripts(msgspec.structs.replace(one, version=99) for one in shelf.scripts.values())
    other = Shelf(newer, Ranker(newer), shelf.sources)
    again = replay(first.trace, asking(UNSURE), other, writer("还款日是{due_date}。"))
    assert again.differs == ("scripts",)


def test_what_was_asked_is_asked_again_in_a_conversation_that_went_on(shelf):
    first = asking(UNSURE, tone="warm")
    found = suggest(first, shelf)
    beside = msgspec.json.decode(msgspec.json.encode(Beside.of(first)), type=Beside)
    later = said(UNSURE, ">好的", "谢谢")
    assert beside.again(found.trace, later) == first
    assert replay(found.trace, beside.again(found.trace, later), shelf).differs == ()
    with pytest.raises(NotFound, match="is not there"):
        beside.again(found.trace, later[1:])
    assert "8052" not in repr(beside)


@pytest.mark.parametrize(
    "other",
    [asking("别的"), asking(UNSURE, day=DAY + timedelta(1)), asking(UNSURE, identity="none")],
)
def test_another_conversation_is_refused(shelf, other):
    first = suggest(asking(UNSURE), shelf)
    with pytest.raises(BadInput, match="not those of the trace"):
        replay(first.trace, other, shelf)


def test_a_trace_holds_no_words_and_no_values(shelf):
    speak = writer("还款日是{due_date}，应还{amount_due}。")
    found = suggest(asking("我失业了，" + UNSURE), shelf, speak)
    told = msgspec.json.encode(found.trace).decode()
    for secret in ("失业", "还款日", "8,052", "805260", "2026-06-15"):
        assert secret not in told
