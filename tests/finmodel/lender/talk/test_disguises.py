"""Disguises change how words look, not what they say."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from finmodel.chinese_sounds import syllables
from finmodel.lender.talk.disguises import disguised, disguises

TEXT = st.text(alphabet="保证通过您的申请123，。", min_size=1, max_size=30)


@given(TEXT, st.integers(0, 99))
def test_all_turns_together_say_it(text, seed):
    assert "".join(disguised(text, "turns", Random(seed))) == text
    (hidden,) = disguised(text, "zero_width", Random(seed))
    assert "".join(one for one in hidden if one.isprintable()) == text


@given(TEXT, st.integers(0, 99))
def test_homophones_sound_the_same(text, seed):
    (said,) = disguised(text, "homophone", Random(seed))
    assert [syllables().get(a, a) for a in said] == [syllables().get(b, b) for b in text]


def test_no_disguise_leaves_a_longer_text_as_it_was():
    changed = {
        way for way in disguises() if disguised("保证100%通过", way, Random(2))[0] != "保证100%通过"
    }
    assert changed == set(disguises()) - {"plain"}
