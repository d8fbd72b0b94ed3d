"""Which texts are nearly one another, against their shingles compared one by one."""

import numpy as np

from fine_tune.lessons.near import Near


def overlap(first, second):
    a, b = ({text[k : k + 5] for k in range(len(text) - 4)} for text in (first, second))
    return len(a & b) / len(a | b)


def texts(count=60, size=200):
    """Texts, and copies of them with more and more characters changed."""
    rng = np.random.default_rng(4)
    for _ in range(count):
        whole = [chr(0x4E00 + k) for k in rng.integers(0, 3_000, size)]
        for changes in (0, 1, 2, 6, 20):
            copy = list(whole)
            for place in rng.integers(0, size, changes):
                copy[place] = chr(0x4E00 + int(rng.integers(3_000, 6_000)))
            yield "".join(whole), "".join(copy)


def test_what_is_near_by_its_shingles_is_found_and_what_is_far_is_not():
    near = far = 0
    for first, second in texts():
        memory = Near(0.85)
        assert not memory.seen(first)
        true, found = overlap(first, second), memory.seen(second)
        if true >= 0.95:
            near += 1
            assert found
        if true <= 0.65:
            far += 1
            assert not found
    assert near >= 60
    assert far >= 50


def test_figures_and_blanks_make_no_difference():
    near = Near()
    assert not near.seen("您本期应还1,234.50元，请在6月3日前还清，谢谢您的理解")
    assert near.seen("您本期应还9,876.10元，请在 12月28日前还清，谢谢您的理解")
    assert not near.seen("")
    assert near.seen("")
