"""Traditional Chinese characters as the simplified ones that they are written as: 訴 is 诉.

A table goes out, one character for one, so that places in a text stay. It stands beside this file,
made of ICU's transliteration Traditional-Simplified: characters that GB 2312 lacks and whose
simplified form it has, so that nothing of a simplified text is ever changed; 妳, 徵, 於 and
甦 by hand. Pure.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

TABLE: Final = Path(__file__).with_suffix(".txt")


@cache
def simplified() -> dict[int, str]:
    """What `str.translate` makes traditional text simplified with.

    >>> "我們會起訴您".translate(simplified())
    '我们会起诉您'
    """
    pairs = TABLE.read_text(encoding="utf-8").replace("\n", "")
    return {ord(pairs[at]): pairs[at + 1] for at in range(0, len(pairs), 2)}
