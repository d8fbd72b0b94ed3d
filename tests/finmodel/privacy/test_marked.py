"""A stretch that is shown never shows part of what is masked."""

from hypothesis import given
from hypothesis import strategies as st

from finmodel.privacy.marked import marked
from finmodel.privacy.masks import Masks

TEXT = "我叫张伟，手机13800138000，邮箱zhang@a.cn，保证通过。请张伟接电话"


@given(st.integers(0, len(TEXT)), st.integers(0, len(TEXT)))
def test_wherever_the_stretch_is_the_pieces_are_the_masked_text(start, end):
    masks = Masks()
    pieces = marked(TEXT, start, end, masks)
    assert "".join(pieces) == Masks().mask(TEXT)
    assert not any(one in "".join(pieces) for one in ("1380", "0138000", "zhang", "张伟"))
    if start < end:
        assert pieces.span


def test_a_name_that_was_given_elsewhere_is_masked():
    masks = Masks()
    masks.mask("我叫欧阳修远")
    assert "欧阳" not in "".join(marked("欧阳修远保证通过", 2, 8, masks))
