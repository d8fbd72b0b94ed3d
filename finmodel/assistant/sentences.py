"""A text as sentences, whole or while it comes in pieces.

A text comes in, spans go out; or pieces come in, and each sentence goes out once it has ended. What
a sentence says is not known here. Pure.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from operator import itemgetter
from typing import Final

_SIGNS: Final = "。！？!?；;\n"
_SENTENCE: Final = re.compile(r"[^。！？!?；;\n]+[。！？!?；;\n]*")


def sentences(text: str) -> list[tuple[int, int]]:
    """The span of each sentence with the signs that end it; the whole where there is none.

    >>> [text[begin:end] for text in ("您好！请稍等。",) for begin, end in sentences(text)]
    ['您好！', '请稍等。']
    """
    return [one.span() for one in _SENTENCE.finditer(text)] or [(0, len(text))]


def around(spans: Sequence[tuple[int, int]], at: int) -> tuple[int, int]:
    """Of a text's sentences the one that a place is in; the last where it is in none.

    >>> around(sentences("您好！请稍等。"), 4)
    (3, 7)
    """
    place = bisect_right(spans, at, key=itemgetter(0)) - 1
    return spans[place] if at < spans[place][1] else spans[-1]


def unfinished(text: str) -> str:
    """The last sentence of a text, where no sign ends it yet; else nothing.

    >>> unfinished("您好！这笔"), unfinished("您好！"), unfinished("")
    ('这笔', '', '')
    """
    begin, end = sentences(text)[-1]
    last = text[begin:end]
    return "" if last[-1:] in _SIGNS else last


class Sentences:
    """Pieces in, whole sentences out: one has ended when the next begins.

    >>> stream = Sentences()
    >>> [stream.feed(piece) for piece in ("您好！", "请", "稍等。")], stream.close()
    ([[], ['您好！'], []], '请稍等。')
    """

    def __init__(self) -> None:
        self._held = ""

    def __len__(self) -> int:
        """Characters that are held back."""
        return len(self._held)

    def feed(self, piece: str) -> list[str]:
        """The sentences that ended with this piece."""
        self._held += piece
        *ended, (begin, _) = sentences(self._held)
        whole = [self._held[start:end] for start, end in ended]
        self._held = self._held[begin:]
        return whole

    def close(self) -> str:
        """What was held back; the stream is over."""
        held, self._held = self._held, ""
        return held
