"""Everyday pairs of characters are known, and words of one character."""

from finmodel.chinese_pairs import alone, pairs


def test_everyday_words_are_known_and_misspelt_ones_are_not():
    assert {"征信", "逾期", "投诉", "还款", "保证"} <= pairs()
    assert not {"正信", "余期", "投素", "保正"} & pairs()
    assert {"的", "了", "我", "不"} <= alone()
    assert not alone() & {"逾", "诉"}


def test_the_table_is_whole():
    assert 60_000 < len(pairs()) < 120_000
    assert all(len(one) == 2 for one in pairs())
