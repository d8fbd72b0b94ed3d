"""Which approved text a sentence comes from: one that says the same, or none.

A sentence with slots and approved texts come in; the text that it equals, or is near to, goes out.
Near is no text that says the opposite: what differs may hold no word that turns a sentence. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import SequenceMatcher
from typing import Final

from msgspec import Struct

from finmodel.assistant.sentences import sentences
from finmodel.assistant.slots import replaced
from finmodel.assistant.suggesting.answers import Origin
from finmodel.plain_text import plain

_SHARED: Final = 0.7
"""With so much in common a sentence is that of an approved text."""
_TURNS: Final = frozenset("不没未非无勿别否免会能可必已将逾期欠内外前后")
"""What turns a sentence into another: no, can, already, owes."""
_ENDS: Final = " \t\n，,。．.！!？?；;、：:~～…"


class Text(Struct, frozen=True):
    """An approved text that a sentence may come from."""

    origin: Origin
    text: str


def equal(sentence: str, texts: Iterable[Text]) -> Text | None:
    """The approved text that has this very sentence; how it ends does not matter.

    >>> texts = [Text(Origin("script", "bye-1", 1), "感谢您的说明，已经记录。再见！")]
    >>> equal("感谢您的说明，已经记录", texts).origin.id
    'bye-1'
    >>> equal("您已逾期，感谢您的说明，已经记录。", texts)
    """
    seen = _signs(sentence)
    return next((text for text, one in _sentences(texts) if one == seen), None)


def near(sentence: str, texts: Iterable[Text]) -> Text | None:
    """The approved text that says the same: an equal one, else the nearest that turns nothing.

    >>> texts = [Text(Origin("script", "privacy-2", 1), "未经您同意，我们不会提供您的信息。")]
    >>> near("未经您同意，我们不会提供您的信息哦。", texts).origin.id
    'privacy-2'
    >>> near("未经您同意，我们会提供您的信息。", texts)
    """
    seen, best, found = _signs(sentence), _SHARED, None
    for text, one in _sentences(texts):
        if one == seen:
            return text
        shared = _in_common(seen, one)
        if shared >= best and not _TURNS & _difference(seen, one):
            best, found = shared, text
    return found


def _sentences(texts: Iterable[Text]) -> Iterator[tuple[Text, str]]:
    for text in texts:
        for begin, end in sentences(text.text):
            yield text, _signs(text.text[begin:end])


def _signs(text: str) -> str:
    """What is compared: plain signs without the end; a slot stands between two of its own."""
    return plain(replaced(text, lambda name: f"\ue000{name}\ue000"))[0].strip(_ENDS)


def _difference(one: str, other: str) -> set[str]:
    """Every sign that stands in one of two texts and not, in its place, in the other."""
    parts = SequenceMatcher(None, one, other, autojunk=False).get_opcodes()
    told = [one[a:b] + other[c:d] for what, a, b, c, d in parts if what != "equal"]
    return set("".join(told))


def _in_common(one: str, other: str) -> float:
    """Dice's share of pairs of neighbouring signs: 1 for the same text."""
    first, second = _pairs(one), _pairs(other)
    return 2 * len(first & second) / (len(first) + len(second)) if first and second else 0.0


def _pairs(text: str) -> frozenset[str]:
    return frozenset(text[at : at + 2] for at in range(len(text) - 1))
