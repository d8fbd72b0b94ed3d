"""Canaries: each is somebody's alone, and is found however its thousands are parted."""

from itertools import chain

import pytest

from benchmarks._assist_canaries import Canaries, record
from benchmarks._assist_leaks import RECORDS
from finmodel.assistant.facts import Facts

ONE = record(1)
KNOWN = Canaries([ONE, record(2)])
DUE = Facts.of_plain(ONE.values)["amount_due"].shown


def test_no_two_records_share_anything():
    every = [(*record(n).canaries, record(n).word) for n in range(RECORDS)]
    assert len(set(chain(*every))) == sum(map(len, every))
    assert len(every[0]) > 25


@pytest.mark.parametrize("text", [*ONE.canaries, ONE.word, DUE.replace(",", ""), f"应还{DUE}，"])
def test_a_canary_is_found_in_a_text(text):
    assert {one.of for one in KNOWN.standing_in(f"您好{text}。")} == {1}


def test_a_part_of_a_longer_number_is_another_number():
    assert KNOWN.standing_in(f"应还9{DUE}") == []
    assert KNOWN.standing_in(f"应还{DUE.replace('元', '5元')}") == []


def test_a_record_shows_nothing():
    assert repr(ONE) == "Record(number=1)"
