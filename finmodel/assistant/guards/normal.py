"""A text as the guards read it, and where each of its characters stood in what was written.

A text comes in; out goes the same without what hides words: full-width, traditional and invisible
characters, characters parted by a sign each, a dash within a word. The places keep a span of the
second a span of the first. Words spelt by their sound are the business of spelling.py. Pure.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from finmodel.chinese_traditional import simplified
from finmodel.plain_text import plain

_LOWER: Final = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}
_PARTED: Final = re.compile(
    r"[^\W_]([\W_])(?:(?!\1)[^\n]\1){2,}[^\W_]"
    r"|(?<![^\W_])[^\W_]([\W_])(?!\2)[^\n]\2[^\W_](?![^\W_])"
)
"""Single characters with the same sign between each two: four, or three that stand alone."""
_LETTERS: Final = 11
"""Letters alone are parted ones from six on: A/B/C/D is none."""
_IDEOGRAPH: Final = re.compile("[\u4e00-\u9fff]")
_WITHIN: Final = re.compile(
    "(?<=[\u4e00-\u9fff])(?<![一二两三四五六七八九十百千万亿零])[-—–―_·•.*~|/\\\\+=^#@&]{1,2}"
    "(?=[\u4e00-\u9fff])(?![一二两三四五六七八九十百千万亿零])"
)
"""A sign or two within what may be a word: 起—诉. Between numbers it is a range."""


class Seen(NamedTuple):
    """The text that rules read."""

    text: str
    places: list[int]
    """Character i was `written[places[i]]`; one more for the end."""

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Where `text[start:end]`, which must not be empty, stood in what was written."""
        return self.places[start], self.places[end - 1] + 1


def normalise(text: str) -> Seen:
    """The text without its disguises.

    >>> [normalise(one).text for one in ("包\\u200b过１００％", "保 证 通 过")]
    ['包过100%', '保证通过']
    >>> normalise("我們會起—訴您").text
    '我们会起诉您'
    >>> normalise("您保 证 通 过").span(0, 5)
    (0, 8)
    """
    seen = Seen(*plain(text))
    return _joined(Seen(seen.text.translate(_LOWER).translate(simplified()), seen.places))


def _joined(seen: Seen) -> Seen:
    """Without the signs between characters that each stand alone."""
    drop: set[int] = set()
    for run in _PARTED.finditer(seen.text):
        if len(run.group()) >= _LETTERS or _IDEOGRAPH.search(run.group()):
            drop.update(range(run.start() + 1, run.end(), 2))
    for sign in _WITHIN.finditer(seen.text):
        drop.update(range(*sign.span()))
    if not drop:
        return seen
    keep = [at for at in range(len(seen.text)) if at not in drop]
    places = [seen.places[at] for at in keep]
    return Seen("".join(seen.text[at] for at in keep), [*places, seen.places[-1]])
