"""A text as the guards read it, and where each of its characters stood in what was written.

A text comes in; out goes the same without what hides words: full-width and invisible characters,
characters parted by a sign each, guarded words spelt by their sound. The places keep a span of the
second a span of the first. What the text means is not known here. Pure.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from finmodel.assistant.guards.spelling import respelt
from finmodel.plain_text import plain

_LOWER: Final = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}
_PARTED: Final = re.compile(r"[^\s.*|~/_·-]([\s.*|~/_·-])(?:[^\s.*|~/_·-]\1){2,}[^\s.*|~/_·-]")
"""Single characters with the same sign between each two of at least four."""
_IDEOGRAPH: Final = re.compile("[\u4e00-\u9fff]")


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

    >>> [normalise(one).text for one in ("包\\u200b过１００％", "保 正 通 过", "保zheng")]
    ['包过100%', '保证通过', '保证']
    >>> seen = normalise("您 baozheng 过")
    >>> seen.text, seen.span(2, 4)
    ('您 保证 过', (2, 10))
    """
    seen = Seen(*plain(text))
    seen = _joined(Seen(seen.text.translate(_LOWER), seen.places))
    return _spelt_right(seen)


def _joined(seen: Seen) -> Seen:
    """Without the signs between characters that each stand alone."""
    drop: set[int] = set()
    for run in _PARTED.finditer(seen.text):
        if _IDEOGRAPH.search(run.group()):
            drop.update(range(run.start() + 1, run.end(), 2))
    if not drop:
        return seen
    keep = [at for at in range(len(seen.text)) if at not in drop]
    places = [seen.places[at] for at in keep]
    return Seen("".join(seen.text[at] for at in keep), [*places, seen.places[-1]])


def _spelt_right(seen: Seen) -> Seen:
    text: list[str] = []
    places: list[int] = []
    at = 0
    for one in respelt(seen.text):
        text.append(seen.text[at : one.start] + one.word)
        places += seen.places[at : one.start]
        places += _spread(seen.places[one.start : one.end], len(one.word))
        at = one.end
    if not text:
        return seen
    return Seen("".join(text) + seen.text[at:], places + seen.places[at:])


def _spread(places: list[int], count: int) -> list[int]:
    """The first so many places, the last of them the last."""
    return places if len(places) == count else [*places[: count - 1], places[-1]]
