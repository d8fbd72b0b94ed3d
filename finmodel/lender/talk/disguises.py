"""How words are written to slip past a filter: homophones, pinyin, hidden or full-width characters.

A text, a disguise's name and chance come in, one or two messages go out. Which words a filter looks
for is not known here: any part of a text may be disguised. Pure.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Final

from finmodel.chinese_sounds import by_syllable, syllables
from finmodel.lender.talk.templates import pick

PLAIN: Final = "plain"
_HIDDEN: Final = ("\u200b", "\u200c", "\u200d", "\u2060", "\ufeff", "\u00ad")
_BETWEEN: Final = (" ", ".", "-", "_", "*", "·", "|", "/", "~")
_COMMON: Final = 12
"""Homophones are drawn from so many of a syllable's first characters."""


def disguises() -> tuple[str, ...]:
    """Every disguise, the plain words first."""
    return tuple(_WAYS)


def disguised(text: str, way: str, chance: Random) -> tuple[str, ...]:
    """The text as the messages that it is sent in.

    >>> disguised("包过100%", "full_width", Random(1))
    ('包过１００％',)
    >>> disguised("保证通过", "split", Random(1))
    ('保.证.通.过',)
    """
    return _WAYS[way](text, chance)


def _plain(text: str, chance: Random) -> tuple[str, ...]:
    return (text,)


def _homophone(text: str, chance: Random) -> tuple[str, ...]:
    """A fifth of the characters, at least one, as others of their sound."""
    places = _places(text)
    wrong = list(text)
    for at in _some(places, max(1, len(places) // 5), chance):
        same = [one for one in by_syllable()[syllables()[text[at]]][:_COMMON] if one != text[at]]
        wrong[at] = pick(same, chance) if same else text[at]
    return ("".join(wrong),)


def _pinyin(text: str, chance: Random) -> tuple[str, ...]:
    """One or two characters that stand together, in Latin letters."""
    places = _places(text)
    if not places:
        return (text,)
    at = pick(places, chance)
    end = at + (2 if at + 1 in places else 1)
    return (text[:at] + "".join(syllables()[one] for one in text[at:end]) + text[end:],)


def _hidden(text: str, chance: Random) -> tuple[str, ...]:
    return ("".join(one + (pick(_HIDDEN, chance) if _often(chance) else "") for one in text),)


def _full_width(text: str, chance: Random) -> tuple[str, ...]:
    return (text.translate({code: code + 0xFEE0 for code in range(0x21, 0x7F)}),)


def _split(text: str, chance: Random) -> tuple[str, ...]:
    return (pick(_BETWEEN, chance).join(text),)


def _turns(text: str, chance: Random) -> tuple[str, ...]:
    """Sent as two messages, parted anywhere."""
    if len(text) < 4:
        return (text,)
    at = 2 + int(chance.random() * (len(text) - 3))
    return text[:at], text[at:]


def _polite(text: str, chance: Random) -> tuple[str, ...]:
    front = ("您好，", "在吗，", "那个，", "跟您说一下，", "不好意思，", "嗯嗯，")
    behind = ("，谢谢", "，好吧", "，您看呢", "。", "哈", "~")
    return (pick(front, chance) + text + pick(behind, chance),)


def _places(text: str) -> list[int]:
    return [at for at, one in enumerate(text) if one in syllables()]


def _some(places: list[int], count: int, chance: Random) -> list[int]:
    left = list(places)
    return [left.pop(int(chance.random() * len(left))) for _ in range(min(count, len(left)))]


def _often(chance: Random) -> bool:
    return chance.random() < 0.5


_WAYS: Final[dict[str, Callable[[str, Random], tuple[str, ...]]]] = {
    PLAIN: _plain,
    "polite": _polite,
    "homophone": _homophone,
    "pinyin": _pinyin,
    "zero_width": _hidden,
    "full_width": _full_width,
    "split": _split,
    "turns": _turns,
}
