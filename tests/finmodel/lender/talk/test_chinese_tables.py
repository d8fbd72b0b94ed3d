"""The shipped tables of Chinese are what their script makes of the dictionaries."""

import pytest

from finmodel.chinese_sounds import TABLE
from finmodel.lender.talk.chinese_tables import characters, pairs, sounds


def test_the_shipped_sounds_are_those_of_pypinyin():
    pytest.importorskip("pypinyin", reason="pypinyin is not installed: nothing to compare with")
    assert sounds() == TABLE.read_text(encoding="utf-8")


def test_the_characters_are_those_of_gb_2312():
    found = list(characters())
    assert (len(found), found[0], found[-1]) == (6763, "啊", "齄")


def test_pairs_that_are_rare_and_names_are_left_out():
    made = pairs(["逾期 30 v", "余期 9 n", "王芳 900 nr", "的 60000 uj", "期的 5 x", "B超 50 nz"])
    assert made == "= 的\n逾 期\n"
