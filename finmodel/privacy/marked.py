"""A stretch of a text that somebody is shown, and what stands around it, all of it masked.

A text, a stretch and its conversation's masks come in, three masked pieces go out. A datum that the
stretch cuts in two belongs to it as a whole. Why it is shown is not known here. Pure.
"""

from __future__ import annotations

from typing import NamedTuple

from finmodel.privacy.find import find
from finmodel.privacy.masks import Masks


class Marked(NamedTuple):
    """Masked: the stretch, and what is on its two sides."""

    before: str
    span: str
    after: str


def marked(text: str, start: int, end: int, masks: Masks) -> Marked:
    """`text[start:end]` in its text, masked as the conversation is; all of it after no stretch.

    Where the pieces would not be masked as the whole is, the whole is the stretch.

    >>> marked("您好，请拨13800138000，保证通过。", 5, 9, Masks())
    Marked(before='您好，请拨', span='[手机号1]', after='，保证通过。')
    >>> marked("保证通过。", 0, 0, Masks())
    Marked(before='', span='', after='保证通过。')
    """
    whole = masks.mask(text)
    if start >= end:
        return Marked("", "", whole)
    for one in find(text):
        if one.start < end and start < one.end:
            start, end = min(start, one.start), max(end, one.end)
    pieces = Marked(*map(masks.mask, (text[:start], text[start:end], text[end:])))
    return pieces if "".join(pieces) == whole else Marked("", whole, "")
