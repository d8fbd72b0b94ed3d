"""A text as a machine compares it, and where each of its characters stood.

A text comes in; out goes the same with full-width letters, digits and signs in their ASCII form and
nothing invisible in it, beside the places in the first. The full-width comma stays: between digits
it parts a sentence more often than thousands. What the text means is not known here.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_INVISIBLE: Final = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufe00-\ufe0f\ufeff]")
_PLAIN: Final = {
    **{
        code: str(unicodedata.decimal(chr(code)))
        for code in range(0x80, 0x20000)
        if chr(code).isdecimal()
    },
    **{code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)},
    **dict.fromkeys((0xA0, 0x2002, 0x2003, 0x2009, 0x202F, 0x3000), " "),
    **dict.fromkeys((0x2010, 0x2011, 0x2012, 0x2212, 0xFE63), "-"),
    ord("，"): "，",
}
"""Every decimal digit of any script, full-width forms, spaces, and what looks like a hyphen."""


def plain(text: str) -> tuple[str, list[int]]:
    """The plain text and its places: character i of it was `text[places[i]]`, and one for the end.

    >>> plain("１２\\u200b３．５％，")
    ('123.5%，', [0, 1, 3, 4, 5, 6, 7, 8])
    """
    if not _INVISIBLE.search(text):
        return text.translate(_PLAIN), list(range(len(text) + 1))
    places = [at for at, char in enumerate(text) if not _INVISIBLE.match(char)]
    return "".join(text[at] for at in places).translate(_PLAIN), [*places, len(text)]
