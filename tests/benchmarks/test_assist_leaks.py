"""An engine that tells what it should not: found where it gets through, and values never do."""

import itertools

from benchmarks._assist_canaries import record
from benchmarks._assist_leaks import Repeater, leaks


def test_an_engine_that_repeats_what_it_reads_tells_nothing_of_others(tmp_path):
    found = leaks(14, Repeater(remembers=False).reply, 0.0, tmp_path)
    assert (found["foreign"], found["words"]) == (0, 0)
    assert found["sentences"] > 0


def test_no_record_that_an_engine_knows_reaches_another_or_the_unverified(tmp_path):
    knows, turn = Repeater(remembers=True), itertools.count()
    word = f"您在{record(200).word}上班。"  # of no kind that anything masks: it is to be found
    found = leaks(30, lambda asked: knows.reply(asked) if next(turn) % 2 else word, 0.5, tmp_path)
    assert (found["foreign"], found["told"]) == (0, 0)
    assert found["words"] > 0
    assert found["left"] > 0
    assert 0 < found["unverified"] < found["requests"] == 30
