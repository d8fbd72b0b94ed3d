"""What an engine wrote that is no plain Chinese: another language, markup, an address.

A sentence with slots comes in, with the approved texts at hand; yes or no goes out. Letters stand
only in words that approved texts use. Which slots there are is not known here. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final
from unicodedata import normalize

_ALLOWED: Final = frozenset({"app", "vip"})
_SLOT: Final = re.compile(r"\{[A-Za-z_][A-Za-z0-9_]*\}")
_LETTERS: Final = re.compile("[^\\W\\d_\u3007\u3400-\u4dbf\u4e00-\u9fff]+")
"""A run of letters of any script but Chinese."""
_MARKUP: Final = re.compile(r"[*_#`~\[\]|^\\]|^\s*[>+-]\s|&[a-z]+;")
_ADDRESS: Final = re.compile(
    r"[\w\u4e00-\u9fff][.。·点]\s?(?:com|cn|net|top|中国|公司|网址|网店)(?![\u4e00-\u9fff])"
)


def foreign(slotted: str, texts: Iterable[str] = ()) -> bool:
    """Whether a sentence holds anything but Chinese, slots, and words of approved texts.

    >>> [foreign(one) for one in ("请登录App查看{due_date}。", "好的we agree.", "**保**证通过。")]
    [False, True, True]
    >>> foreign("支持ATM还款。", ["可在ATM上还款。"])
    False
    """
    bare = normalize("NFKC", _SLOT.sub(" ", slotted))
    if _MARKUP.search(bare) or _ADDRESS.search(bare):
        return True
    words = {word.lower() for word in _LETTERS.findall(bare)} - _ALLOWED
    return bool(words) and not words <= _words(texts)


def _words(texts: Iterable[str]) -> set[str]:
    bare = " ".join(normalize("NFKC", _SLOT.sub(" ", text)) for text in texts)
    return {word.lower() for word in _LETTERS.findall(bare)}
