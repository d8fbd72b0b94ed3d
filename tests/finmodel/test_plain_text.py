"""Plain text against Unicode's own compatibility form, and its places."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from finmodel.plain_text import plain


@given(st.text(st.sampled_from("０１２３４５６７８９％．：／（）ＡｚＷ＠－ 元a1𝟜")))
def test_full_width_and_foreign_digits_are_as_unicode_has_them(text):
    assert plain(text)[0] == unicodedata.normalize("NFKC", text)


@given(st.text())
def test_each_character_knows_where_it_stood(text):
    seen, places = plain(text)
    assert len(places) == len(seen) + 1
    assert places[-1] == len(text)
    assert sorted(set(places)) == places
    assert all(plain(text[at])[0] == char for char, at in zip(seen, places, strict=False))
    assert plain(seen)[0] == seen


def test_nothing_invisible_stays_and_the_full_width_comma_does():
    assert plain("٣元")[0] == "3元"
    assert plain("1\u200b2\ufeff3，4")[0] == "123，4"
