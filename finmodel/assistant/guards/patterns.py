"""Patterns of rules, with the lists of words that they name, and where a text holds one.

A rule's patterns and a text come in, places go out: as written, and by sound where the text looks
misspelt. What a rule is for, and what follows from it, is not known here. Pure.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from functools import cache, cached_property
from typing import Final

from finmodel.assistant.guards.normal import normalise
from finmodel.assistant.guards.spelling import Heard, by_sound, heard
from finmodel.assistant.guards.words import words
from finmodel.errors import BadInput

GUIDE: Final = "docs/guards.md"
_LIST: Final = re.compile(r"(?<![?(P])<([a-z]+)>")
_ANY: Final = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\.")
"""An escaped character, a class of characters, or the dot, which stays within a sentence."""


class Reading:
    """A text as rules read it, behind what the same person wrote just before."""

    def __init__(self, text: str, before: str = "") -> None:
        self.seen = normalise(before + text)
        self.skipped = len(before)

    @cached_property
    def heard(self) -> Heard:
        """The same, with what looks misspelt by its sound."""
        return heard(self.seen.text)

    def within(self, hit: tuple[int, int]) -> tuple[int, int] | None:
        """A stretch of the normalised text as one of what was written; None where it ended before.

        >>> told = Reading("能通过", "一定"), Reading("谢谢", "一定能通过")
        >>> [one.within((0, 5)) for one in told]
        [(0, 3), None]
        """
        start, end = self.seen.span(*hit)
        return (max(start - self.skipped, 0), end - self.skipped) if end > self.skipped else None


def hits(patterns: Sequence[str], reading: Reading) -> Iterator[tuple[int, int]]:
    """Stretches of the normalised text that one of the patterns fits, none empty.

    >>> told = Reading("您的申请保正通过")
    >>> [told.seen.text[a:b] for a, b in hits(("保证(?:通过|下款)",), told)]
    ['保正通过']
    """
    (written, pattern), told = _compiled(tuple(patterns)), reading.seen.text
    found: list[tuple[int, int]] = []
    text, starts, spelt = reading.heard
    if spelt or text == told:  # letters may be a word that a pattern names: dan, pos
        found += [one.span() for one in written.finditer(told) if one.group()]
        yield from found
    if text == told:
        return
    for one in pattern.finditer(text):
        start, end = starts[one.start()], starts[one.end()]
        alone = len(one.group()) == 1 and not pattern.fullmatch(told, start, end)
        before = bisect_left(found, (end, 0)) - 1
        again = before >= 0 and found[before][1] > start
        if one.group() and not (alone or again):
            yield start, end


def expanded(pattern: str) -> str:
    """A pattern with its lists in it, its dots within a sentence.

    Raises `BadInput` for a list that there is none of.

    >>> expanded("a.[.]"), expanded(r"\\.")
    ('a[^。！？\\n][.]', '\\\\.')
    >>> expanded("找<nobody>")
    Traceback (most recent call last):
    finmodel.errors.BadInput: words.yaml: there is no list 'nobody'; name one that stands there
    """
    whole = _LIST.sub(lambda found: _listed(found[1]), pattern)
    return _ANY.sub(lambda found: "[^。！？\n]" if found.group() == "." else found.group(), whole)


def _listed(name: str) -> str:
    if name not in words():
        what = f"there is no list {name!r}"
        raise BadInput(what, where="words.yaml", remedy="name one that stands there")
    return f"(?:{'|'.join(words()[name])})"


@cache
def _compiled(patterns: tuple[str, ...]) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """As written, which is faster, and by sound."""
    whole = "|".join(f"(?:{expanded(one)})" for one in patterns)
    try:
        return re.compile(whole), re.compile(by_sound(whole))
    except re.error as error:
        remedy = f"mend it, see {GUIDE}"
        raise BadInput(f"no pattern: {error}", where=whole[:60], remedy=remedy) from error
